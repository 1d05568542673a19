// Package selector makes label selectors, and refuses those that nothing can match.
package selector

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Compile refuses a selector that nothing can match. Where it fails, it selects everything, so that what
// the policy may have changed is held.
func Compile(path *field.Path, spec *metav1.LabelSelector) (labels.Selector, field.ErrorList) {
	selector, err := metav1.LabelSelectorAsSelector(spec)
	if err != nil {
		return labels.Everything(), field.ErrorList{field.Invalid(path, metav1.FormatLabelSelector(spec), err.Error())}
	}
	if key, ok := contradiction(selector); ok {
		return labels.Everything(), field.ErrorList{field.Invalid(path, selector.String(), "selects nothing: what it says of "+key+" contradicts itself")}
	}
	return selector, nil
}

// claims are what a selector says of one key.
type claims struct {
	allowed          sets.Set[string] // nil: any value
	refused          sets.Set[string]
	present, missing bool
}

// contradiction returns a key of which a selector asks what no label can be.
func contradiction(selector labels.Selector) (string, bool) {
	requirements, _ := selector.Requirements()
	byKey := map[string]*claims{}
	for _, r := range requirements {
		c := byKey[r.Key()]
		if c == nil {
			c = &claims{refused: sets.New[string]()}
			byKey[r.Key()] = c
		}
		c.add(r)
	}
	for _, r := range requirements { // in the selector's order, so that the answer is the same each time
		if c := byKey[r.Key()]; !c.possible() {
			return r.Key(), true
		}
	}
	return "", false
}

func (c *claims) add(r labels.Requirement) {
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		c.present = true
		values := sets.New(r.ValuesUnsorted()...)
		if c.allowed != nil {
			values = values.Intersection(c.allowed)
		}
		c.allowed = values
	case selection.NotIn, selection.NotEquals: // an object without the key matches too
		c.refused = c.refused.Union(sets.New(r.ValuesUnsorted()...))
	case selection.Exists:
		c.present = true
	case selection.DoesNotExist:
		c.missing = true
	case selection.GreaterThan, selection.LessThan: // not in a LabelSelector
	}
}

func (c *claims) possible() bool {
	if c.present && c.missing {
		return false
	}
	return c.allowed == nil || c.allowed.Difference(c.refused).Len() > 0
}
