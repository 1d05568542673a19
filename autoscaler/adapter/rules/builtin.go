package rules

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// BuiltIn is a Mapper for where no cluster can be asked: it knows the resources of Kubernetes itself, the core
// group's first.
func BuiltIn() Mapper {
	versions := scheme.Scheme.PrioritizedVersionsAllGroups()
	mapper := meta.NewDefaultRESTMapper(versions)
	for _, version := range versions {
		for kind := range scheme.Scheme.KnownTypes(version) {
			if !strings.HasSuffix(kind, "List") && !strings.HasSuffix(kind, "Options") && kind != "WatchEvent" {
				mapper.Add(version.WithKind(kind), meta.RESTScopeNamespace)
			}
		}
	}
	return meta.PriorityRESTMapper{
		Delegate: mapper,
		ResourcePriority: []schema.GroupVersionResource{
			{Group: "", Version: meta.AnyVersion, Resource: meta.AnyResource},
			{Group: "apps", Version: meta.AnyVersion, Resource: meta.AnyResource},
			{Group: "networking.k8s.io", Version: meta.AnyVersion, Resource: meta.AnyResource},
		},
	}
}
