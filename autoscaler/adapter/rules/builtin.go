package rules

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// BuiltIn is a Mapper for where no cluster can be asked: it knows the resources of Kubernetes itself. Where
// groups have one of the same name, the core group's goes first, as a cluster's own discovery has it.
func BuiltIn() meta.RESTMapper {
	versions := scheme.Scheme.PrioritizedVersionsAllGroups()
	mapper := meta.NewDefaultRESTMapper(versions)
	known := map[schema.GroupKind]bool{}
	for _, version := range versions {
		for kind := range scheme.Scheme.KnownTypes(version) {
			object := version.WithKind(kind)
			if strings.HasSuffix(kind, "List") || strings.HasSuffix(kind, "Options") || kind == "WatchEvent" || known[object.GroupKind()] {
				continue
			}
			known[object.GroupKind()] = true
			mapper.Add(object, meta.RESTScopeNamespace)
		}
	}
	first := func(group string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: group, Version: meta.AnyVersion, Resource: meta.AnyResource}
	}
	return meta.PriorityRESTMapper{
		Delegate:         mapper,
		ResourcePriority: []schema.GroupVersionResource{first(""), first("apps"), first("networking.k8s.io")},
	}
}
