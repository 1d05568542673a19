package serve

import (
	"fmt"
	"slices"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
)

// source is where the answers to one read are.
type source struct {
	sheet *board.Sheet
	row   func(name string) string
}

// sheet finds the answers about objects, or about an external metric, whose name is "".
func (p *Provider) sheet(r *read, objects ...Object) (source, error) {
	if plan := p.plans.Of(&r.Read); plan.Table != nil {
		return source{sheet: p.board.Sheet(plan.Query), row: func(name string) string {
			return plan.Table.RowFor(r.Namespace, name, r.Selector)
		}}, nil
	}
	names := make([]string, len(objects))
	for i := range objects {
		names[i] = objects[i].Name
	}
	slices.Sort(names)
	query, err := r.Alone(names...)
	if err != nil {
		return source{}, err
	}
	if r.kin != "" {
		// Pods come and go, and the names in the query with them; the samples of those that stay are held all the same.
		query.Kin = fmt.Sprintf("%p %s %s %s %s %s", r.Metric.Namer, r.Metric.Series, r.Metric.Resource, r.Namespace, r.Selector, r.kin)
	}
	return source{sheet: p.board.Sheet(query), row: func(name string) string { return name }}, nil
}
