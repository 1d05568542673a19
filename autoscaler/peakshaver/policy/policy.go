// Package policy decides what an object is to be at a moment: a pure function of the time, the policies, the object and
// the values that its owner gave it. A process that was down for any time, and every replica, decides the same.
package policy

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/selector"
)

// Policy is a PeakPolicy or ClusterPeakPolicy in a form that can be asked. It does not change; any number may ask.
type Policy struct {
	name       string
	namespace  string // "" for a cluster's
	spec       v1alpha1.PeakPolicySpec
	labels     labels.Selector
	namespaces labels.Selector
	order      []labels.Selector
	schedule   schedule.Schedule
	broken     bool
}

// Lookup returns the calendar that a reference names, or why it cannot be had.
type Lookup func(v1alpha1.CalendarReference) (*calendar.Holidays, error)

// Compile makes a policy of its spec; namespace is empty for a ClusterPeakPolicy. Whatever is wrong is told by its path.
// The policy is never nil: where something is wrong, it holds what it selects as it is, since neither changing nor
// restoring would be known to be right.
func Compile(namespace, name string, spec *v1alpha1.PeakPolicySpec, lookup Lookup) (*Policy, field.ErrorList) {
	p := &Policy{name: name, namespace: namespace, spec: *spec.DeepCopy(), labels: labels.Everything(), namespaces: labels.Everything()}
	path := field.NewPath("spec")
	var errs field.ErrorList
	if namespace != "" {
		p.name = namespace + "/" + name
		if slices.Contains(protectedNamespaces, namespace) {
			errs = append(errs, field.Forbidden(field.NewPath("metadata", "namespace"), "the control plane is never shaved"))
		}
	}
	windows, wrong := schedule.Compile(path.Child("windows"), spec.Windows, lookup)
	p.schedule = windows
	errs = append(errs, wrong...)
	errs = append(errs, p.compileSelection(path.Child("selection"))...)
	errs = append(errs, validateAction(path.Child("action"), &spec.Action)...)
	for i := range spec.Order {
		chosen, wrong := selector.Compile(path.Child("order").Index(i), &spec.Order[i])
		p.order = append(p.order, chosen)
		errs = append(errs, wrong...)
	}
	p.broken = len(errs) > 0
	return p, errs
}

// Name of the policy, with its namespace if it has one.
func (p *Policy) Name() string { return p.name }

// Schedule of the policy's windows.
func (p *Policy) Schedule() schedule.Schedule { return p.schedule }

func (p *Policy) compileSelection(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	selection := &p.spec.Selection
	if len(selection.Kinds) == 0 {
		errs = append(errs, field.Required(path.Child("kinds"), "selects nothing"))
	}
	if most := selection.MaxPriority; most != nil && *most > maxPriority {
		errs = append(errs, field.Invalid(path.Child("maxPriority"), *most, "the control plane is never shaved: at most 1000000000"))
	}
	if selection.Labels != nil {
		chosen, wrong := selector.Compile(path.Child("labels"), selection.Labels)
		p.labels = chosen
		errs = append(errs, wrong...)
	}
	namespaces := selection.Namespaces
	if namespaces == nil {
		return errs
	}
	for i, name := range namespaces.Names {
		if slices.Contains(protectedNamespaces, name) {
			errs = append(errs, field.Forbidden(path.Child("namespaces", "names").Index(i), name+": the control plane is never shaved"))
		}
	}
	if namespaces.Labels != nil {
		chosen, wrong := selector.Compile(path.Child("namespaces", "labels"), namespaces.Labels)
		p.namespaces = chosen
		errs = append(errs, wrong...)
	}
	return errs
}

func validateAction(path *field.Path, action *v1alpha1.PeakAction) field.ErrorList {
	var errs field.ErrorList
	if a := action.Autoscaler; a != nil {
		for name, value := range map[string]*int32{
			"minReplicas": a.MinReplicas, "minReplicasPercent": a.MinReplicasPercent,
			"maxReplicas": a.MaxReplicas, "maxReplicasPercent": a.MaxReplicasPercent,
		} {
			if value != nil && *value < 1 {
				errs = append(errs, field.Invalid(path.Child("autoscaler", name), *value, "must be at least 1: an autoscaler cannot leave 0 by itself"))
			}
		}
	}
	slices.SortFunc(errs, func(a, b *field.Error) int { return len(a.Field) - len(b.Field) })
	return errs
}

// Selects tells whether the policy is for an object. Those of the control plane are not told apart here.
func (p *Policy) Selects(o *Object) bool {
	s := &p.spec.Selection
	if !slices.Contains(s.Kinds, o.Kind) || s.MaxPriority != nil && o.Priority > *s.MaxPriority || !p.labels.Matches(o.Labels) {
		return false
	}
	if p.namespace != "" {
		return p.namespace == o.Namespace
	}
	if s.Namespaces != nil && len(s.Namespaces.Names) > 0 {
		return slices.Contains(s.Namespaces.Names, o.Namespace)
	}
	return p.namespaces.Matches(o.NamespaceLabels)
}

// delays are how long after the edges of a window the object's turn comes.
func (p *Policy) delays(o *Object) (begin, end time.Duration) {
	groups, group, place := len(p.order)+1, p.group(o), o.place()
	return turnOf(stagger(p.spec.Begin), group, groups, place), turnOf(stagger(p.spec.End), groups-1-group, groups, place)
}

// group of the object in the policy's order; those of none are after all others.
func (p *Policy) group(o *Object) int {
	if group := slices.IndexFunc(p.order, func(s labels.Selector) bool { return s.Matches(o.Labels) }); group >= 0 {
		return group
	}
	return len(p.order)
}

func stagger(edge *v1alpha1.PeakEdge) time.Duration {
	if edge == nil || edge.Stagger == nil {
		return 0
	}
	return max(0, edge.Stagger.Duration)
}

func ramp(edge *v1alpha1.PeakEdge) time.Duration {
	if edge == nil || edge.Ramp == nil {
		return 0
	}
	return max(0, edge.Ramp.Duration)
}
