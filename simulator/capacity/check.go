package capacity

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

// Check tells of pods that fit on no shape, however many nodes there are.
func (s *Search) Check(pods []trace.Pod) error {
	var nodes []*v1.Node
	for i := range s.Shapes {
		nodes = append(nodes, s.Shapes[i].node(0))
	}
	w := trace.Workload{Nodes: nodes, Pods: pods}
	if never := w.Warnings(); len(never) > 0 {
		return fmt.Errorf("no number of these shapes is enough: %s", strings.Join(never, "; "))
	}
	return nil
}

// Summary is a plan for machines.
type Summary struct {
	Price    float64           `json:"price"`
	Nodes    map[string]int    `json:"nodes"`
	Seeds    int               `json:"seeds"`
	Risk     float64           `json:"risk"` // see Plan.Risk
	Binding  v1.ResourceName   `json:"binding"`
	Part     float64           `json:"bindingPart"`
	OneFewer map[string]Breaks `json:"oneFewer"`
	Trials   int               `json:"trials"`
}

// Breaks is what one node less breaks.
type Breaks struct {
	Seeds   int            `json:"seeds"`
	Pending int            `json:"pending"`
	Reasons map[string]int `json:"reasons"`
}

// Summary sums a plan up.
func (s *Search) Summary(p *Plan) Summary {
	binding, part := p.Binding()
	sum := Summary{
		Price: p.Mix.Price(s.Shapes), Nodes: map[string]int{}, Seeds: len(s.Seeds), Risk: p.Risk(),
		Binding: binding, Part: part, OneFewer: map[string]Breaks{}, Trials: p.Trials,
	}
	for i, count := range p.Mix {
		sum.Nodes[s.Shapes[i].Name] = count
	}
	for _, f := range p.Fewer {
		b := Breaks{Seeds: f.Broken, Reasons: map[string]int{}}
		for _, o := range f.Outcomes {
			b.Pending = max(b.Pending, o.Pending)
			for reason, times := range o.Reasons {
				b.Reasons[reason] += times
			}
		}
		sum.OneFewer[f.Shape] = b
	}
	return sum
}
