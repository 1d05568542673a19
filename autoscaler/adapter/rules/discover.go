package rules

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Series is a metric that Prometheus has, and the names of its labels; what their values are does not matter.
type Series struct {
	Name   string
	Labels []string // without __name__
}

// SeriesOf takes a label set as /api/v1/series gives it.
func SeriesOf[Name, Value ~string](labels map[Name]Value) Series {
	s := Series{Name: string(labels["__name__"])}
	for label := range labels {
		if label != "__name__" {
			s.Labels = append(s.Labels, string(label))
		}
	}
	slices.Sort(s.Labels)
	return s
}

// Info tells a metric of the API apart from others.
type Info struct {
	Name string
	// Resource is what the metric is about; the zero value for an external metric.
	Resource schema.GroupResource
	// Namespaced is false for namespaces, nodes and persistent volumes, and for external metrics.
	Namespaced bool
}

// Metric is a metric of the API and the series behind it.
type Metric struct {
	Info
	Series string
	Namer  *Namer
}

// Discover returns the metrics that the series selected by Match make, in their order; of two series that make
// one metric, the later. A series that none of the rule's labels ties to an object makes no custom metric.
func (n *Namer) Discover(series []Series) []Metric {
	var found []Metric
	at := map[Info]int{}
	add := func(m Metric) {
		i, ok := at[m.Info]
		if !ok {
			at[m.Info] = len(found)
			found = append(found, m)
			return
		}
		found[i] = m
	}
	known := map[string]schema.GroupResource{} // the mapper may have to ask the API server
	for _, s := range series {
		name, ok := n.Name(s.Name)
		if !ok {
			continue
		}
		if n.External {
			add(Metric{Info: Info{Name: name}, Series: s.Name, Namer: n})
			continue
		}
		for _, label := range s.Labels {
			resource, seen := known[label]
			if !seen {
				resource, _ = n.Resource(label)
				known[label] = resource
			}
			if resource.Resource != "" {
				add(Metric{Info: Info{Name: name, Resource: resource, Namespaced: !rootScoped[resource]}, Series: s.Name, Namer: n})
			}
		}
	}
	return found
}

// Conflict is a metric that more than one series makes.
type Conflict struct {
	Served Metric
	// Hidden is what would have been served, had Served not come later.
	Hidden Metric
}

// Merge joins what the rules of one file discovered, in the order of the rules. As with prometheus-adapter the
// last rule wins where two make the same metric; each that lost is a conflict. Both results are sorted by
// resource and name.
func Merge(discovered ...[]Metric) ([]Metric, []Conflict) {
	served := map[Info]Metric{}
	var conflicts []Conflict
	for _, metrics := range discovered {
		for _, m := range metrics {
			if earlier, ok := served[m.Info]; ok {
				conflicts = append(conflicts, Conflict{Hidden: earlier})
			}
			served[m.Info] = m
		}
	}
	for i := range conflicts {
		conflicts[i].Served = served[conflicts[i].Hidden.Info]
	}
	slices.SortStableFunc(conflicts, func(a, b Conflict) int { return a.Served.compare(b.Served.Info) })
	return slices.SortedFunc(maps.Values(served), func(a, b Metric) int { return a.compare(b.Info) }), conflicts
}

// String is the resource and the name, as in pods/http_requests; external metrics have no resource.
func (i Info) String() string {
	if i.Resource.Resource == "" {
		return i.Name
	}
	return i.Resource.String() + "/" + i.Name
}

func (i Info) compare(other Info) int {
	return cmp.Or(
		strings.Compare(i.Resource.String(), other.Resource.String()),
		strings.Compare(i.Name, other.Name),
	)
}
