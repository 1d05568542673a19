package policy

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
)

// Admission is what policies will say of Jobs that are created from the moment until then, in a form that the API server
// can judge by itself: a rule for each policy that has a window, by the policies' names. It is empty where none of them
// suspends.
func (m *Moment) Admission(until time.Time) []v1alpha1.PeakAdmissionRule {
	var rules []v1alpha1.PeakAdmissionRule
	for i, p := range m.policies {
		if !slices.Contains(p.spec.Selection.Kinds, v1alpha1.Job) {
			continue
		}
		rule := p.rule()
		if p.broken {
			rule.Hold = true
			rules = append(rules, rule)
			continue
		}
		span, found := m.coming(m.spans[i], until)
		if p.spec.Action.Suspend == nil || !found {
			continue
		}
		rule.Begin, rule.End = timeOf(span.Begin), timeOf(span.End)
		rules = append(rules, rule)
	}
	if !slices.ContainsFunc(rules, func(r v1alpha1.PeakAdmissionRule) bool { return r.Suspend && !r.Hold }) {
		return nil
	}
	slices.SortFunc(rules, func(a, b v1alpha1.PeakAdmissionRule) int { return cmp.Compare(a.Policy, b.Policy) })
	return rules
}

// coming is the span that is open at the moment, or else the next, if it opens until then.
func (m *Moment) coming(spans []schedule.Span, until time.Time) (schedule.Span, bool) {
	for _, span := range spans {
		if (span.End.IsZero() || m.now.Before(span.End)) && !span.Begin.After(until) {
			return span, true
		}
	}
	return schedule.Span{}, false
}

// rule has all of a policy but its window.
func (p *Policy) rule() v1alpha1.PeakAdmissionRule {
	s := &p.spec.Selection
	rule := v1alpha1.PeakAdmissionRule{
		Policy: p.name, Rank: 2 * p.spec.Priority, Labels: requirementsOf(p.labels), MaxPriority: s.MaxPriority,
	}
	if p.spec.Action.Suspend != nil && *p.spec.Action.Suspend { // among equals, suspending wins
		rule.Suspend, rule.Rank = true, rule.Rank+1
	}
	switch {
	case p.namespace != "":
		rule.Namespaces = []string{p.namespace}
	case s.Namespaces != nil && len(s.Namespaces.Names) > 0:
		rule.Namespaces = slices.Clone(s.Namespaces.Names)
	default:
		rule.NamespaceLabels = requirementsOf(p.namespaces)
	}
	if d := p.spec.Deadline; d != nil && rule.Suspend {
		rule.Deadline = &v1alpha1.PeakAdmissionDeadline{After: d.After, Lead: metav1.Duration{Duration: p.lead(0, 0)}}
	}
	return rule
}

// requirementsOf a selector, as they are written.
func requirementsOf(selector labels.Selector) []metav1.LabelSelectorRequirement {
	operators := map[selection.Operator]metav1.LabelSelectorOperator{
		selection.In: metav1.LabelSelectorOpIn, selection.Equals: metav1.LabelSelectorOpIn, selection.DoubleEquals: metav1.LabelSelectorOpIn,
		selection.NotIn: metav1.LabelSelectorOpNotIn, selection.NotEquals: metav1.LabelSelectorOpNotIn,
		selection.Exists: metav1.LabelSelectorOpExists, selection.DoesNotExist: metav1.LabelSelectorOpDoesNotExist,
	}
	var all []metav1.LabelSelectorRequirement
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		all = append(all, metav1.LabelSelectorRequirement{Key: r.Key(), Operator: operators[r.Operator()], Values: r.ValuesUnsorted()})
	}
	return all
}

func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	of := metav1.NewTime(t)
	return &of
}
