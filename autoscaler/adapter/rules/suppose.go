package rules

import (
	"maps"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// sampleSeries is the name of series of which none is known.
const sampleSeries = "SERIES"

// Suppose makes up the metrics of a rule of which no series are known: about each resource that has a label of
// its own, and where a template makes the labels, about namespaces and pods. The second result says that there
// are such metrics as soon as there are any series; otherwise even the name of the series is made up.
func (n *Namer) Suppose() ([]Metric, bool) {
	series, fixed := n.fixedName()
	name, ok := n.Name(series)
	if !fixed || !ok {
		name, fixed = "(depends on the series)", false
	}
	var all []Metric
	for _, resource := range n.supposed() {
		info := Info{Name: name, Resource: resource, Namespaced: !n.External && !rootScoped[resource]}
		all = append(all, Metric{Info: info, Series: series, Namer: n})
	}
	slices.SortFunc(all, func(a, b Metric) int { return a.compare(b.Info) })
	return all, fixed
}

func (n *Namer) supposed() []schema.GroupResource {
	if n.External {
		return []schema.GroupResource{{}}
	}
	resources := map[schema.GroupResource]bool{}
	for resource := range n.labelOf {
		resources[resource] = true
	}
	if n.label != nil {
		resources[namespaces], resources[pods] = true, true
	}
	return slices.Collect(maps.Keys(resources))
}

// fixedName is the metric that the rule's series must have, false where it may be any of several.
func (n *Namer) fixedName() (string, bool) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(n.Match())
	if err == nil {
		for _, m := range matchers {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
				return m.Value, true
			}
		}
	}
	return sampleSeries, false
}
