package antifragmentation

import (
	"iter"
	"testing"

	"github.com/evenkeel/evenkeel/internal/frag"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation/ledger"
)

// counting costs the same everywhere, and counts how often it is asked.
type counting struct {
	cost  float64
	asked int
}

func (c *counting) Place(*frag.Node, *frag.Shape) (cost float64, devices frag.Mask) {
	c.asked++
	return c.cost, 1
}

func TestCostsAreRemembered(t *testing.T) {
	var all tables
	first, second := &counting{cost: 1}, &counting{cost: 2}
	s := &frag.Shape{Devices: 1, Milli: 500}
	a := &ledger.Node{Version: 7}
	costs := all.of(s, first, 3)
	for range 3 {
		if c := costs.cost(1, a, s); c.cost != 1 || c.devices != 1 || first.asked != 1 {
			t.Fatalf("it costs %v after %d questions", c.cost, first.asked)
		}
	}
	if costs.cost(2, a, s); first.asked != 2 {
		t.Error("the cost on one node was taken for that on another")
	}
	a.Version++
	if costs.cost(1, a, s); first.asked != 3 {
		t.Error("the node changed, its cost did not")
	}
	if all.of(s, first, 3) != costs || costs.cost(1, a, s).cost != 1 || first.asked != 3 {
		t.Error("the next cycle works costs out anew")
	}
	if got := all.of(s, second, 3).cost(1, a, s).cost; got != 2 {
		t.Errorf("prices changed, and it costs %v", got)
	}
	if got := all.of(s, second, 9).cost(8, a, s).cost; got != 2 {
		t.Errorf("on one of more nodes it costs %v", got)
	}
	if got := len(all.of(s, second, 2).cells); got != 2 {
		t.Errorf("of two nodes %d are remembered", got)
	}
}

func TestTablesAreBounded(t *testing.T) {
	var all tables
	p := &counting{}
	shape := func(i int) *frag.Shape { return &frag.Shape{Request: frag.Vector{int64(i)}} }
	held := all.of(shape(0), p, 1)
	for i := range 3 * maxTables {
		all.of(shape(i+1), p, 1)
		all.of(shape(1), p, 1) // is used all the time
	}
	if len(all.byShape) != maxTables || all.byShape[*shape(1)] == nil || all.byShape[*shape(0)] != nil {
		t.Errorf("%d tables: those not used the longest are to go", len(all.byShape))
	}
	if held.cost(0, &ledger.Node{Version: 1}, shape(0)); p.asked != 1 {
		t.Error("a cycle that holds a table can use it, though it is forgotten")
	}
}

// TestFixedPoliciesAreMadeOnce has prices renewed around a placer that is not.
func TestFixedPoliciesAreMadeOnce(t *testing.T) {
	for name, fixed := range map[string]bool{"fixed": true, "learning": false} {
		made := 0
		policy := Policy{Fixed: fixed, Make: func([]frag.Weighted, iter.Seq[*frag.Node]) Placer {
			made++
			return &counting{}
		}}
		c := newCluster(t, map[string]string{"evenkeel": ""}, WithPolicy(policy))
		c.add(machine("a", "cpu=64", ""))
		for _, name := range []string{"p", "q", "r"} {
			c.schedule(task(name, "cpu=1"))
			c.clock.Step(2 * priceLifetime)
		}
		if want := map[bool]int{true: 1, false: 3}[fixed]; made != want {
			t.Errorf("a %s policy was made %d times, want %d", name, made, want)
		}
	}
}

func TestTheWorkloadIsTold(t *testing.T) {
	var told []frag.Weighted
	policy := Policy{Make: func(demand []frag.Weighted, _ iter.Seq[*frag.Node]) Placer {
		told = demand
		return &counting{}
	}}
	c := newCluster(t, map[string]string{"evenkeel": ""}, WithPolicy(policy), WithWorkload(numbered(2, taskOfTwo, "w")))
	c.add(machine("a", "cpu=64", ""))
	c.schedule(task("p", "cpu=1"))
	if len(told) != 1 || told[0].Devices != 2 {
		t.Errorf("the demand is %v", told)
	}
}

func TestLackingOnOvercommittedNodes(t *testing.T) {
	c := alone(t, "", machine("a", "cpu=2 memory=8Gi", ""))
	c.place(task("much", "cpu=3 memory=6Gi"), "a")
	if _, _, reason := c.schedule(task("p", "memory=4Gi")); reason != "no node has room: 1 with too little memory" {
		t.Errorf("the reason is %q, for a pod that asks for no CPU", reason)
	}
	if node, _, reason := c.schedule(task("q", "memory=1Gi")); node != "a" {
		t.Errorf("a pod that asks for no CPU has no place: %s", reason)
	}
}
