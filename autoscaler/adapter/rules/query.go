package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
)

// Request is one read of a metric.
type Request struct {
	// Series is that of the Metric read.
	Series string
	// Resource is that of the Metric, in the plural form; unused for external metrics.
	Resource schema.GroupResource
	// Namespace of the objects, or of who reads an external metric; "" for objects of no namespace.
	Namespace string
	// Names of the objects, at least one; unused for external metrics.
	Names []string
	// Selector is the metric's; nil for everything.
	Selector labels.Selector
}

// Query returns the PromQL that answers a request: to the letter what prometheus-adapter asks.
func (n *Namer) Query(r Request) (string, error) {
	matchers, groupBy, err := n.matchers(r)
	if err != nil {
		return "", err
	}
	return n.expand(r.Series, matchers, groupBy)
}

func (n *Namer) expand(series string, matchers []matcher, groupBy []string) (string, error) {
	args := arguments{Series: series, LabelValuesByName: map[string]string{}, GroupBy: strings.Join(groupBy, ","), GroupBySlice: groupBy}
	var printed []string
	for _, m := range matchers {
		printed = append(printed, m.label+m.operator+strconv.Quote(m.value))
		args.LabelValuesByName[m.label] = m.listed
	}
	args.LabelMatchers = strings.Join(printed, ",")
	query, err := execute(n.query, args)
	if err != nil {
		return "", fmt.Errorf("making the query of %s for %s: %w", n.Path, series, err)
	}
	return query, nil
}

// matcher is a label matcher of PromQL.
type matcher struct {
	label, operator, value string
	// listed is the value in LabelValuesByName.
	listed string
	// stands says whose value it is.
	stands role
}

// role is whose value a matcher asks for.
type role int

const (
	none      role = iota
	namespace      // the objects' namespace, or the reader's
	object         // the name of the object
	selected       // what an equality of the selector demands
)

func equals(label, value string, stands role) matcher {
	return matcher{label: label, operator: "=", value: value, listed: value, stands: stands}
}

// matchers are those of the selector in the order of their labels, then the namespace's, then the object's.
func (n *Namer) matchers(r Request) (list []matcher, groupBy []string, err error) {
	if list, err = selectorMatchers(r.Selector); err != nil {
		return nil, nil, fmt.Errorf("selecting by %q: %w", r.Selector, err)
	}
	if r.Namespace != "" && (!n.External || n.namespaced) {
		label, err := n.Label(namespaces)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, equals(label, r.Namespace, namespace))
	}
	if n.External {
		return list, []string{}, nil
	}
	label, err := n.Label(r.Resource)
	if err != nil {
		return nil, nil, err
	}
	if len(r.Names) == 0 {
		return nil, nil, errors.New("no object is asked for")
	}
	// prometheus-adapter does not escape the names, so that a.b finds axb too; what it finds is looked up by
	// name, and there it is left.
	m := equals(label, strings.Join(r.Names, "|"), object)
	if len(r.Names) > 1 {
		m.operator = "=~"
	}
	return append(list, m), []string{label}, nil
}

var errCompares = errors.New("labels cannot be compared by size in PromQL")

func selectorMatchers(selector labels.Selector) ([]matcher, error) {
	if selector == nil {
		return nil, nil
	}
	requirements, selectable := selector.Requirements()
	if !selectable {
		return nil, errors.New("it selects nothing")
	}
	var list []matcher
	for _, requirement := range requirements {
		m, err := requirementMatcher(requirement)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// requirementMatcher is a requirement in PromQL. Values of a set are joined unescaped, as prometheus-adapter
// does: a set of one is how its users pass a regular expression.
func requirementMatcher(requirement labels.Requirement) (matcher, error) {
	m := matcher{label: requirement.Key(), value: strings.Join(requirement.Values().List(), "|")}
	m.listed = m.value
	switch operator := requirement.Operator(); operator {
	case selection.Exists:
		m.operator = "!="
	case selection.DoesNotExist:
		m.operator = "="
	case selection.Equals, selection.DoubleEquals:
		m.operator = "="
		if m.value != "" { // which PromQL takes for "has no such label"
			m.stands = selected
		}
	case selection.NotEquals:
		m.operator = "!="
	case selection.In:
		m.operator = "=~"
	case selection.NotIn:
		m.operator = "!~"
	default:
		return matcher{}, errCompares
	}
	return m, nil
}
