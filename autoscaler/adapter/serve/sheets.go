package serve

import (
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// sheets remembers which query answers which reads: working that out takes longer than reading the answer.
type sheets struct {
	mu    sync.Mutex
	namer map[*rules.Namer]map[shape]*plan
}

// shape is what the reads of one plan have in common.
type shape struct {
	series, resource, selector string
	namespaced                 bool
}

// plan says where the answers to reads of one shape are.
type plan struct {
	// table is nil where each read has a query of its own.
	table *rules.Table
	query board.Query
}

// source is where the answers to one read are.
type source struct {
	sheet *board.Sheet
	row   func(name string) string
}

// custom finds the answers about objects.
func (s *sheets) custom(b *board.Board, r *read, objects []Object) (source, error) {
	plan := s.plan(r)
	if plan.table != nil {
		return source{sheet: b.Sheet(plan.query), row: func(name string) string {
			return plan.table.RowFor(r.namespace, name, r.selector)
		}}, nil
	}
	names := make([]string, len(objects))
	for i := range objects {
		names[i] = objects[i].Name
	}
	slices.Sort(names)
	expr, err := r.metric.Namer.Query(r.request(names...))
	if err != nil {
		return source{}, err
	}
	label, err := r.metric.Namer.Label(r.metric.Resource)
	if err != nil {
		return source{}, err
	}
	q := board.Query{Expr: expr, Row: func(value func(string) string) string { return value(label) }}
	return source{sheet: b.Sheet(q), row: func(name string) string { return name }}, nil
}

// external finds the answer to a read of an external metric.
func (s *sheets) external(b *board.Board, r *read) (*board.Sheet, string, error) {
	plan := s.plan(r)
	if plan.table != nil {
		return b.Sheet(plan.query), plan.table.RowFor(r.namespace, "", r.selector), nil
	}
	expr, err := r.metric.Namer.Query(r.request())
	if err != nil {
		return nil, "", err
	}
	return b.Sheet(board.Query{Expr: expr, Row: func(func(string) string) string { return "" }}), "", nil
}

// plan returns that of a read.
func (s *sheets) plan(r *read) *plan {
	key := shape{
		series: r.metric.Series, resource: r.metric.Resource.String(), selector: shapeOf(r.selector), namespaced: r.namespace != "",
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	plans := s.namer[r.metric.Namer]
	if p := plans[key]; p != nil {
		return p
	}
	if plans == nil {
		if len(s.namer) > most || s.namer == nil {
			s.namer = map[*rules.Namer]map[shape]*plan{} // rules that were replaced are forgotten
		}
		plans = map[shape]*plan{}
		s.namer[r.metric.Namer] = plans
	}
	if len(plans) > most {
		clear(plans)
	}
	p := newPlan(r)
	plans[key] = p
	return p
}

// most bounds what is remembered.
const most = 4096

func newPlan(r *read) *plan {
	table, err := r.metric.Namer.Table(r.request())
	if err != nil {
		return &plan{} // check tells why
	}
	q := board.Query{Expr: table.Expr, Else: table.Else, Row: table.Row, Hidden: table.Added}
	if namer := r.metric.Namer.Times(); namer != nil {
		times, err := namer.Table(r.request())
		if err == nil && slices.Equal(times.Keys(), table.Keys()) {
			q.Times = times.Expr
		}
	}
	return &plan{table: table, query: q}
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
			text.WriteString(one.Key() + "=,")
			continue
		}
		text.WriteString(one.String() + ",")
	}
	return text.String()
}
