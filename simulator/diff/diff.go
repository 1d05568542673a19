// Package diff tells what another scheduler configuration would change: the pods of a snapshot are placed anew with
// each of two, in the same order, and where they end up is compared.
package diff

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// Comparison is two configurations on one snapshot.
type Comparison struct {
	A, B     string // files
	Workload *trace.Workload
	Seed     int64
	// Placed is called after each pod; nil: nobody is told.
	Placed func()
}

// Place is where a pod ends up.
type Place struct {
	Node   string `json:"node,omitempty"`   // empty: nowhere
	Reason string `json:"reason,omitempty"` // why nowhere
}

// Move is a pod that ends up elsewhere.
type Move struct {
	Pod string `json:"pod"`
	A   Place  `json:"a"`
	B   Place  `json:"b"`
}

// Result is what differs.
type Result struct {
	Pods     int    `json:"pods"`
	Moves    []Move `json:"moves"`
	PendingA int    `json:"pendingA"`
	PendingB int    `json:"pendingB"`
	NodesA   int    `json:"nodesA"` // with pods
	NodesB   int    `json:"nodesB"`
}

// Run places the pods twice.
func (c *Comparison) Run(ctx context.Context) (*Result, error) {
	a, err := c.place(ctx, c.A)
	if err != nil {
		return nil, err
	}
	b, err := c.place(ctx, c.B)
	if err != nil {
		return nil, err
	}
	r := &Result{Pods: len(c.Workload.Pods)}
	r.PendingA, r.NodesA = count(a)
	r.PendingB, r.NodesB = count(b)
	for i := range a {
		if a[i].Node != b[i].Node {
			r.Moves = append(r.Moves, Move{Pod: string(c.Workload.Pods[i].Object.UID), A: a[i], B: b[i]})
		}
	}
	return r, nil
}

func count(places []Place) (pending, nodes int) {
	used := map[string]bool{}
	for _, p := range places {
		if p.Node == "" {
			pending++
			continue
		}
		used[p.Node] = true
	}
	return pending, len(used)
}

// place places all pods, by priority and then as they come, as the scheduler's queue would have them.
func (c *Comparison) place(ctx context.Context, file string) ([]Place, error) {
	p, err := policy.FromFile(file, &policy.Setting{Seed: c.Seed, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0))})
	if err != nil {
		return nil, err
	}
	cluster, err := simulator.NewCluster(ctx, p, c.Workload.Nodes, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	defer cluster.Close()
	places := make([]Place, len(c.Workload.Pods))
	for _, i := range c.order() {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		pod := *c.Workload.Pods[i].Object
		pod.Spec.NodeName = "" // it is placed anew
		node, err := cluster.Schedule(&pod)
		var refused *simulator.Unschedulable
		switch {
		case errors.As(err, &refused):
			places[i].Reason = refused.Reason
		case err != nil:
			return nil, fmt.Errorf("placing by %s: %w", file, err)
		default:
			places[i].Node = node
		}
		if c.Placed != nil {
			c.Placed()
		}
	}
	return places, nil
}

func (c *Comparison) order() []int {
	order := make([]int, len(c.Workload.Pods))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &c.Workload.Pods[i], &c.Workload.Pods[j]
		return cmp.Or(cmp.Compare(priority(b.Object), priority(a.Object)), cmp.Compare(a.Arrival, b.Arrival))
	})
	return order
}

func priority(pod *v1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}

// mostMoves is how many moves a page lists; a file has all.
const mostMoves = 200

// Document reports a result.
func (c *Comparison) Document(r *Result) *report.Document {
	table := report.Table{
		Caption: "Pods that end up elsewhere", Columns: []report.Column{{Name: "Pod"}, {Name: "With A"}, {Name: "With B"}},
	}
	moves := slices.Clone(r.Moves)
	slices.SortStableFunc(moves, func(a, b Move) int { return cmp.Compare(rank(a), rank(b)) })
	for _, m := range moves[:min(len(moves), mostMoves)] {
		table.Rows = append(table.Rows, []string{m.Pod, m.A.String(), m.B.String()})
	}
	text := "Those who wait with one of them come first."
	if len(moves) > mostMoves {
		text += fmt.Sprintf(" These are %d of %d.", mostMoves, len(moves))
	}
	return &report.Document{
		Title: "What would change",
		Summary: fmt.Sprintf("Of %d pods, %d end up elsewhere. With A %d wait and %d nodes have pods; with B %d wait and %d nodes have pods.",
			r.Pods, len(r.Moves), r.PendingA, r.NodesA, r.PendingB, r.NodesB),
		Facts: []report.Fact{
			{Label: "A", Value: c.A}, {Label: "B", Value: c.B}, {Label: "Seed", Value: strconv.FormatInt(c.Seed, 10)},
		},
		Sections: []report.Section{{Title: "Moves", Text: text, Blocks: []report.Block{table}}},
	}
}

// rank has those first who lose their place, then those who gain one.
func rank(m Move) int {
	switch {
	case m.B.Node == "":
		return 0
	case m.A.Node == "":
		return 1
	default:
		return 2
	}
}

// String tells where.
func (p Place) String() string {
	if p.Node == "" {
		return "waits: " + p.Reason
	}
	return p.Node
}
