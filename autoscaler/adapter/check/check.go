// Package check says what a rules file comes to: what each rule serves, what it asks Prometheus for, and what
// is wrong, each with its line.
package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/partition"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rulefile"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// Report is what a rules file comes to.
type Report struct {
	Rules     []Rule
	Conflicts []rules.Conflict
	// Faults and Notices are those of the set and those that come to light on a cluster, in the order of the
	// file.
	Faults, Notices []rules.Fault
}

// Rule is what one rule comes to.
type Rule struct {
	*rules.Rule
	// Examples has one for each metric.
	Examples []Example
}

// Example is a metric and what is asked for it, of a made-up object.
type Example struct {
	Metric rules.Metric
	// Query is PromQL for one object, "" where Failure says why there is none.
	Query   string
	Failure error
	// Table is the query for all objects, nil where Alone says why each is asked for alone.
	Table *rules.Table
	Alone error
}

// Names of the made-up object.
const (
	namespace = "NAMESPACE"
	name      = "NAME"
)

// Describe says what a set of rules serves among the resources of a cluster. The series are those that each
// rule's Match selects; for a rule without any, examples are made up.
func Describe(set *rules.Set, mapper rules.Mapper, series map[*rules.Rule][]rules.Series) *Report {
	r := &Report{Faults: slices.Clone(set.Faults), Notices: slices.Clone(set.Notices)}
	for _, list := range [][]*rules.Rule{set.Custom, set.External} {
		var found [][]rules.Metric
		for _, rule := range list {
			found = append(found, r.describe(rule, mapper, series[rule]))
		}
		_, conflicts := rules.Merge(found...)
		r.Conflicts = append(r.Conflicts, conflicts...)
	}
	rulefile.Sort(r.Faults)
	r.Faults = slices.Compact(r.Faults)
	rulefile.Sort(r.Notices)
	return r
}

// describe adds a rule to the report and returns the metrics that it is certain to serve.
func (r *Report) describe(rule *rules.Rule, mapper rules.Mapper, series []rules.Series) []rules.Metric {
	namer, faults := rule.Bind(mapper)
	r.Faults = append(r.Faults, faults...)
	metrics, certain := namer.Discover(series), true
	if len(series) == 0 {
		metrics, certain = namer.Suppose()
	}
	described := Rule{Rule: rule}
	for _, metric := range metrics {
		example := exampleOf(metric)
		described.Examples = append(described.Examples, example)
		r.judge(rule, example)
	}
	r.Rules = append(r.Rules, described)
	if !certain {
		return nil
	}
	return metrics
}

func exampleOf(metric rules.Metric) Example {
	e := Example{Metric: metric}
	request := rules.Request{Series: metric.Series, Resource: metric.Resource, Names: []string{name}}
	if metric.Namespaced || metric.Namer.External {
		request.Namespace = namespace
	}
	if e.Query, e.Failure = metric.Namer.Query(request); e.Failure == nil {
		e.Table, e.Alone = metric.Namer.Table(request)
	}
	return e
}

// judge adds what is wrong with a query. That there is no label for it, Bind has told.
func (r *Report) judge(rule *rules.Rule, e Example) {
	if errors.Is(e.Failure, rules.ErrNoLabel) {
		return
	}
	if e.Failure != nil {
		r.Faults = append(r.Faults, rule.Fault("metricsQuery", e.Failure.Error(), "mend the template"))
		return
	}
	if errors.Is(e.Alone, partition.ErrNotFound) {
		r.Notices = append(r.Notices, rule.Fault("metricsQuery", fmt.Sprintf("%s finds none of its objects: %v", e.Metric, e.Alone), "group by <<.GroupBy>>"))
	}
	_, err := parser.NewParser(parser.Options{EnableExperimentalFunctions: true}).ParseExpr(e.Query)
	if err == nil {
		return
	}
	cure := "mend the PromQL: " + e.Query
	if rule.External {
		cure += ` (<<.LabelMatchers>> is empty where nothing is selected: put a comma only before it, as in {job="x",<<.LabelMatchers>>})`
	}
	r.Faults = append(r.Faults, rule.Fault("metricsQuery", fmt.Sprintf("Prometheus refuses what it makes: %v", err), cure))
}

// String is a paragraph for each rule, and then what is wrong, a line each.
func (r *Report) String() string {
	var b strings.Builder
	for _, rule := range r.Rules {
		fmt.Fprintf(&b, "%s (%s:%d)\n  series  %s\n", rule.Path, rule.File(), rule.Line(), rule.Match())
		for _, e := range rule.Examples {
			b.WriteString(e.String())
		}
	}
	for _, c := range r.Conflicts {
		fmt.Fprintf(&b, "conflict: %s: %s makes it of %s, %s of %s; the last is served\n",
			c.Served.Info, c.Hidden.Namer.Path, c.Hidden.Series, c.Served.Namer.Path, c.Served.Series)
	}
	for _, f := range r.Notices {
		fmt.Fprintf(&b, "notice: %s\n", f)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "fault: %s\n", f)
	}
	return b.String()
}

// String is a line for the metric and for each query.
func (e Example) String() string {
	lines := []string{"  metric  " + e.Metric.String()}
	add := func(what, value string) {
		if value != "" {
			lines = append(lines, "    "+what+value)
		}
	}
	if e.Failure != nil {
		add("fails ", e.Failure.Error())
	}
	add("query ", e.Query)
	if e.Alone != nil {
		add("alone ", e.Alone.Error())
	}
	if e.Table != nil {
		add("table ", e.Table.Expr)
		add("rows  ", strings.Join(e.Table.Keys(), ", "))
		add("else  ", e.Table.Else)
	}
	return strings.Join(lines, "\n") + "\n"
}
