package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Mapper is what is needed of a meta.RESTMapper: what resources there are, and what one of them is called.
type Mapper interface {
	ResourceFor(input schema.GroupVersionResource) (schema.GroupVersionResource, error)
	ResourceSingularizer(resource string) (string, error)
}

// Namer is a rule among the resources of a cluster. Make new ones when these have changed.
type Namer struct {
	*Rule
	mapper    Mapper
	resources map[string]schema.GroupResource // by label: the overrides
	labelOf   map[schema.GroupResource]string
}

// Bind looks up the resources that a rule names. A resource that the mapper does not know is a fault; the rule
// serves the others. So is a rule that cannot name the namespace of what it serves: each read of it will fail.
func (r *Rule) Bind(mapper Mapper) (*Namer, []Fault) {
	n := &Namer{Rule: r, mapper: mapper, resources: map[string]schema.GroupResource{}, labelOf: map[schema.GroupResource]string{}}
	var faults []Fault
	for _, label := range slices.Sorted(maps.Keys(r.source.Resources.Overrides)) {
		field := "resources.overrides[" + label + "]"
		source := schema.GroupResource(r.source.Resources.Overrides[label])
		resource, err := normalize(mapper, source)
		if err != nil {
			faults = append(faults, r.Fault(field, fmt.Sprintf("the API server does not serve %s: %v", source, err),
				"mend the name or the group, or install what brings the resource"))
			continue
		}
		n.resources[label] = resource
		if earlier, twice := n.labelOf[resource]; twice {
			faults = append(faults, r.Fault(field, fmt.Sprintf("%s and %s both stand for %s", earlier, label, resource),
				"keep one of them: prometheus-adapter takes either at random, here it is "+earlier))
			continue
		}
		n.labelOf[resource] = label
	}
	if _, err := n.Label(namespaces); err != nil && n.needsNamespace() {
		cure := "write overrides: {namespace: {resource: namespace}}"
		if r.External {
			cure += ", or namespaced: false"
		}
		faults = append(faults, r.Fault("resources", "no label stands for the namespace, so that every read fails", cure))
	}
	return n, faults
}

func (n *Namer) needsNamespace() bool {
	if n.External {
		return n.namespaced
	}
	for resource := range n.labelOf {
		if !rootScoped[resource] {
			return true
		}
	}
	return false
}

// normalize gives a resource its plural and, where it has none, its group.
func normalize(mapper Mapper, resource schema.GroupResource) (schema.GroupResource, error) {
	full, err := mapper.ResourceFor(resource.WithVersion(""))
	if err != nil {
		return schema.GroupResource{}, err
	}
	if _, err := mapper.ResourceSingularizer(full.Resource); err != nil {
		return schema.GroupResource{}, err
	}
	return full.GroupResource(), nil
}

var (
	namespaces = schema.GroupResource{Resource: "namespaces"}
	pods       = schema.GroupResource{Resource: "pods"}
	rootScoped = map[schema.GroupResource]bool{namespaces: true, {Resource: "nodes"}: true, {Resource: "persistentvolumes"}: true}
)

// ErrNoLabel says that a rule has no label for a resource.
var ErrNoLabel = errors.New("resources has neither an override for it nor a template")

// Label returns the label that names objects of a resource, which is in its plural form.
func (n *Namer) Label(resource schema.GroupResource) (string, error) {
	if label, ok := n.labelOf[resource]; ok {
		return label, nil
	}
	label, err := n.templateLabel(resource)
	if err != nil {
		return "", fmt.Errorf("finding the label of %s in %s: %w", resource, n.Path, err)
	}
	return label, nil
}

// group is put into a label with what labels cannot have replaced.
var group = strings.NewReplacer(".", "_", "-", "_")

func (n *Namer) templateLabel(resource schema.GroupResource) (string, error) {
	if n.label == nil {
		return "", ErrNoLabel
	}
	singular, err := n.mapper.ResourceSingularizer(resource.Resource)
	if err != nil {
		return "", err
	}
	var label strings.Builder
	if err := n.label.Execute(&label, schema.GroupResource{Group: group.Replace(resource.Group), Resource: singular}); err != nil {
		return "", err
	}
	if label.Len() == 0 {
		return "", fmt.Errorf("resources.template made an empty label")
	}
	return label.String(), nil
}

// Resource returns what objects a label names, in the plural form; false where it names none.
func (n *Namer) Resource(label string) (schema.GroupResource, bool) {
	if resource, ok := n.resources[label]; ok {
		return resource, true
	}
	if n.labels == nil {
		return schema.GroupResource{}, false
	}
	match := n.labels.FindStringSubmatch(label)
	if match == nil {
		return schema.GroupResource{}, false
	}
	found := schema.GroupResource{Resource: match[n.labels.SubexpIndex("resource")]}
	if i := n.labels.SubexpIndex("group"); i >= 0 {
		found.Group = match[i]
	}
	resource, err := normalize(n.mapper, found)
	return resource, err == nil
}
