package catalogue

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// Index is the metrics there are. It does not change.
type Index struct {
	// Metrics are sorted by resource and name; external ones first.
	Metrics []rules.Metric
	// Conflicts are metrics that more than one series makes.
	Conflicts []rules.Conflict
	// Complete says that there are rules, and that Prometheus told the series of each: what is not here is not there.
	Complete bool

	byInfo map[rules.Info]rules.Metric
}

func newIndex(found [][]rules.Metric, complete bool) *Index {
	i := &Index{Complete: complete, byInfo: map[rules.Info]rules.Metric{}}
	i.Metrics, i.Conflicts = rules.Merge(found...)
	for _, m := range i.Metrics {
		i.byInfo[m.Info] = m
	}
	return i
}

// Custom returns a metric of objects of a resource, which is in its plural form.
func (i *Index) Custom(resource schema.GroupResource, namespaced bool, name string) (rules.Metric, bool) {
	m, ok := i.byInfo[rules.Info{Name: name, Resource: resource, Namespaced: namespaced}]
	return m, ok
}

// External returns an external metric.
func (i *Index) External(name string) (rules.Metric, bool) {
	m, ok := i.byInfo[rules.Info{Name: name}]
	return m, ok
}
