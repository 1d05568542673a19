package serve

import (
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
	return source{sheet: p.board.Sheet(query), row: func(name string) string { return name }}, nil
}
