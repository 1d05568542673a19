package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Description is what a rules file comes to, for its author.
type Description struct {
	Rules     []RuleDescription
	Conflicts []Conflict
	// Faults and Notices are those of the Set and those that come to light on a cluster, in the order of the file.
	Faults, Notices []Fault
}

// RuleDescription is what one rule comes to.
type RuleDescription struct {
	Rule *Rule
	// Examples has one for each metric.
	Examples []Example
}

// Example is a metric and what is asked for it, of a made-up object.
type Example struct {
	Metric Metric
	// Query is PromQL for one object, "" where Failure says why there is none.
	Query   string
	Failure error
	// Table is the query for all objects, nil where Alone says why each is asked for alone.
	Table *Table
	Alone error
}

// Names of the made-up object.
const (
	sampleNamespace = "NAMESPACE"
	sampleName      = "NAME"
	sampleSeries    = "SERIES"
)

// Describe says what a set of rules serves among the resources of a cluster. The series are those that each
// rule's Match selects; for a rule without any, examples are made up.
func Describe(set *Set, mapper Mapper, series map[*Rule][]Series) *Description {
	d := &Description{Faults: slices.Clone(set.Faults), Notices: slices.Clone(set.Notices)}
	var custom, external [][]Metric
	for _, rule := range slices.Concat(set.Custom, set.External) {
		namer, faults := rule.Bind(mapper)
		d.Faults = append(d.Faults, faults...)
		metrics := namer.Discover(series[rule])
		found := metrics
		if len(series[rule]) == 0 {
			metrics, found = namer.sample()
		}
		description := RuleDescription{Rule: rule}
		for _, metric := range metrics {
			example := exampleOf(metric)
			description.Examples = append(description.Examples, example)
			d.judge(rule, example)
		}
		d.Rules = append(d.Rules, description)
		if rule.External {
			external = append(external, found)
		} else {
			custom = append(custom, found)
		}
	}
	_, ofCustom := Merge(custom...)
	_, ofExternal := Merge(external...)
	d.Conflicts = append(ofCustom, ofExternal...)
	sortFaults(d.Faults)
	d.Faults = slices.Compact(d.Faults)
	sortFaults(d.Notices)
	return d
}

// sample makes up the metrics of a rule of which no series are known: about each resource that has a label of
// its own, and where a template makes the labels, about namespaces and pods. It also returns those that there
// are as soon as there are any series.
func (n *Namer) sample() (all, certain []Metric) {
	series, fixed := n.fixedName()
	name, ok := n.Name(series)
	if !fixed || !ok || !n.Accepts(series) {
		name, fixed = "(depends on the series)", false
	}
	for _, resource := range n.sampleResources() {
		info := Info{Name: name, Resource: resource, Namespaced: !n.External && !rootScoped[resource]}
		all = append(all, Metric{Info: info, Series: series, Namer: n})
	}
	slices.SortFunc(all, func(a, b Metric) int { return a.compare(b.Info) })
	if fixed {
		certain = all
	}
	return all, certain
}

func (n *Namer) sampleResources() []schema.GroupResource {
	if n.External {
		return []schema.GroupResource{{}}
	}
	resources := map[schema.GroupResource]bool{}
	for resource := range n.labelOf {
		resources[resource] = true
	}
	if n.label != nil {
		resources[namespaces], resources[schema.GroupResource{Resource: "pods"}] = true, true
	}
	return slices.Collect(maps.Keys(resources))
}

// fixedName is the metric that the rule's series must have, false where it may be any of several.
func (n *Namer) fixedName() (string, bool) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(n.Match())
	if err == nil {
		for _, m := range matchers {
			if m.Name == labels.MetricName && m.Type == labels.MatchEqual {
				return m.Value, true
			}
		}
	}
	return sampleSeries, false
}

func exampleOf(metric Metric) Example {
	e := Example{Metric: metric}
	request := Request{Series: metric.Series, Resource: metric.Resource, Names: []string{sampleName}}
	if metric.Namespaced || metric.Namer.External {
		request.Namespace = sampleNamespace
	}
	if e.Query, e.Failure = metric.Namer.Query(request); e.Failure == nil {
		e.Table, e.Alone = metric.Namer.Table(request)
	}
	return e
}

// judge notes what is wrong with a query, which no more than its text can show.
func (d *Description) judge(rule *Rule, e Example) {
	path := rule.Path + ".metricsQuery"
	fault := Fault{File: rule.File, Line: rule.line(path), Path: path}
	switch {
	case errors.Is(e.Failure, errNoTemplate): // which Bind has told
		return
	case e.Failure != nil:
		fault.Problem, fault.Cure = e.Failure.Error(), "mend the template"
		d.Faults = append(d.Faults, fault)
		return
	}
	if _, err := parser.NewParser(parser.Options{EnableExperimentalFunctions: true}).ParseExpr(e.Query); err != nil {
		fault.Problem, fault.Cure = fmt.Sprintf("Prometheus refuses what it makes: %v", err), "mend the PromQL: "+e.Query
		if rule.External {
			fault.Cure += ` (<<.LabelMatchers>> is empty where nothing is selected: put a comma only before it, as in {job="x",<<.LabelMatchers>>})`
		}
		d.Faults = append(d.Faults, fault)
	}
}

// String is a paragraph for each rule, and then what is wrong, a line each.
func (d *Description) String() string {
	var b strings.Builder
	for _, r := range d.Rules {
		fmt.Fprintf(&b, "%s (%s:%d)\n  series  %s\n", r.Rule.Path, r.Rule.File, r.Rule.Line, r.Rule.Match())
		for _, e := range r.Examples {
			b.WriteString(e.String())
		}
	}
	for _, c := range d.Conflicts {
		fmt.Fprintf(&b, "conflict: %s: %s makes it of %s, %s of %s; the last is served\n",
			c.Served.Info, c.Hidden.Namer.Path, c.Hidden.Series, c.Served.Namer.Path, c.Served.Series)
	}
	for _, f := range d.Notices {
		fmt.Fprintf(&b, "notice: %s\n", f)
	}
	for _, f := range d.Faults {
		fmt.Fprintf(&b, "fault: %s\n", f)
	}
	return b.String()
}

// String is the resource and the name, as in pods/http_requests; external metrics have no resource.
func (i Info) String() string {
	if i.Resource.Resource == "" {
		return i.Name
	}
	return i.Resource.String() + "/" + i.Name
}

func (e Example) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  metric  %s\n", e.Metric.Info)
	switch {
	case e.Failure != nil:
		fmt.Fprintf(&b, "    fails %v\n", e.Failure)
		return b.String()
	default:
		fmt.Fprintf(&b, "    query %s\n", e.Query)
	}
	if e.Table == nil {
		fmt.Fprintf(&b, "    alone %v\n", e.Alone)
		return b.String()
	}
	fmt.Fprintf(&b, "    table %s\n", e.Table.Expr)
	if keys := e.Table.Keys(); len(keys) > 0 {
		fmt.Fprintf(&b, "    rows  %s\n", strings.Join(keys, ", "))
	}
	if e.Table.Else != "" {
		fmt.Fprintf(&b, "    else  %s\n", e.Table.Else)
	}
	return b.String()
}
