package frag

import (
	"slices"
	"testing"
)

func fleet(count int, devices int32) []*Node {
	nodes := make([]*Node, count)
	for i := range nodes {
		n := &Node{}
		nodes[i] = n
		n.Capacity = Vector{CPU: 96_000, Memory: 384 << 30}
		n.Free, n.Count = n.Capacity, devices
		for d := range n.Idle[:devices] {
			n.Idle[d] = Device
		}
	}
	return nodes
}

// TestWatchCountsRoom: a watch that was told of each change says what one that counts anew would.
func TestWatchCountsRoom(t *testing.T) {
	demand := []Weighted{
		{Shape: Shape{Request: Vector{CPU: 8_000}, Devices: 1, Milli: 400}, Weight: 0.6},
		{Shape: Shape{Request: Vector{CPU: 88_000}, Devices: 8, Milli: Device}, Weight: 0.1},
		{Shape: Shape{Request: Vector{CPU: 4_000, Memory: 8 << 30}}, Weight: 0.3},
	}
	nodes := slices.Concat(fleet(40, 8), fleet(40, 0))
	prices := NewPrices(demand, each(nodes))
	w := NewWatch(prices)
	for i := range 8 {
		place(t, w, nodes[i], &demand[0].Shape)
		place(t, w, nodes[40+i], &demand[2].Shape)
	}
	if w.Stale() {
		t.Fatal("it is stale while four fifths are left")
	}
	again, i := NewWatch(NewPrices(demand, each(nodes))), 0
	for s := range prices.hosted(&Node{}) {
		if w.left[i] != again.left[i] {
			t.Errorf("room for %v is %v, want %v", s.request, w.left[i], again.left[i])
		}
		i++
	}
	for i := 8; i < 11; i++ { // whole nodes run out; hardly anything else does
		place(t, w, nodes[i], &demand[0].Shape)
	}
	if !w.Stale() {
		t.Error("it is not stale when a quarter of the whole nodes are in use")
	}
}

func place(t *testing.T, w *Watch, n *Node, s *Shape) {
	t.Helper()
	before := *n
	devices, ok := n.Tightest(s)
	if !ok && s.Devices > 0 {
		t.Fatal("no room")
	}
	n.Add(s, devices)
	w.Change(&before, n)
}

// TestRoomComesBack: what goes makes prices no staler.
func TestRoomComesBack(t *testing.T) {
	demand := []Weighted{{Shape: Shape{Request: Vector{CPU: 1_000}, Devices: 1, Milli: Device}, Weight: 1}}
	nodes := fleet(4, 4)
	w := NewWatch(NewPrices(demand, each(nodes)))
	used := *nodes[0]
	used.Add(&demand[0].Shape, 1)
	for range 10 {
		w.Change(nodes[0], &used)
		w.Change(&used, nodes[0])
	}
	if w.Stale() {
		t.Error("pods that came and went made it stale")
	}
}
