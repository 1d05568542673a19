// Package plan says which query answers which read of a metric. Reads share one where rules can make a table of them.
package plan

import (
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// Read is one read of a metric.
type Read struct {
	Metric rules.Metric
	// Namespace of the objects, or of who reads an external metric; "" for objects of no namespace.
	Namespace string
	Selector  labels.Selector
}

// Request is the read in the terms of rules.
func (r *Read) Request(names ...string) rules.Request {
	return rules.Request{Series: r.Metric.Series, Resource: r.Metric.Resource, Namespace: r.Namespace, Names: names, Selector: r.Selector}
}

// Alone is the query of one read about objects, whose rows are their names, or about an external metric, whose one row
// is "".
func (r *Read) Alone(names ...string) (board.Query, error) {
	expr, err := r.Metric.Namer.Query(r.Request(names...))
	if err != nil {
		return board.Query{}, err
	}
	if r.Metric.Namer.External {
		return board.Query{Expr: expr, Row: func(func(string) string) string { return "" }}, nil
	}
	label, err := r.Metric.Namer.Label(r.Metric.Resource)
	if err != nil {
		return board.Query{}, err
	}
	return board.Query{Expr: expr, Row: func(value func(string) string) string { return value(label) }}, nil
}

// Plan says where the answers to reads of one shape are.
type Plan struct {
	// Table is nil where each read has a query of its own: Alone.
	Table *rules.Table
	// Query is that of the table.
	Query board.Query
}

// Plans remembers plans: working one out takes longer than reading an answer. The zero value remembers nothing yet.
type Plans struct {
	mu    sync.Mutex
	namer map[*rules.Namer]map[shape]*Plan
}

// shape is what the reads of one plan have in common.
type shape struct {
	series, resource, selector string
	namespaced                 bool
}

// most bounds what is remembered.
const most = 4096

// Of returns the plan of a read.
func (s *Plans) Of(r *Read) *Plan {
	key := shape{
		series: r.Metric.Series, resource: r.Metric.Resource.String(), selector: shapeOf(r.Selector), namespaced: r.Namespace != "",
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	plans := s.namer[r.Metric.Namer]
	if p := plans[key]; p != nil {
		return p
	}
	if plans == nil {
		if len(s.namer) > most || s.namer == nil {
			s.namer = map[*rules.Namer]map[shape]*Plan{} // rules that were replaced are forgotten
		}
		plans = map[shape]*Plan{}
		s.namer[r.Metric.Namer] = plans
	}
	if len(plans) > most {
		clear(plans)
	}
	p := newPlan(r)
	plans[key] = p
	return p
}

func newPlan(r *Read) *Plan {
	table, err := r.Metric.Namer.Table(r.Request())
	if err != nil {
		return &Plan{} // check tells why
	}
	q := board.Query{Expr: table.Expr, Else: table.Else, Row: table.Row, Hidden: table.Added}
	if namer := r.Metric.Namer.Times(); namer != nil {
		times, err := namer.Table(r.Request())
		if err == nil && slices.Equal(times.Keys(), table.Keys()) {
			q.Times = times.Expr
		}
	}
	return &Plan{Table: table, Query: q}
}

// shapeOf leaves out what equalities ask for: one table has the answers to all.
func shapeOf(selector labels.Selector) string {
	requirements, selectable := selector.Requirements()
	if !selectable {
		return "nothing"
	}
	var text strings.Builder
	for _, one := range requirements {
		if value, exact := selector.RequiresExactMatch(one.Key()); exact && value != "" {
			text.WriteString(one.Key() + "=?,") // which no requirement says
			continue
		}
		text.WriteString(one.String() + ",")
	}
	return text.String()
}
