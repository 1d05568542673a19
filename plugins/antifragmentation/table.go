package antifragmentation

import (
	"github.com/evenkeel/evenkeel/internal/frag"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation/ledger"
)

// maxTables bounds the shapes whose costs are remembered; what is not is worked out anew.
const maxTables = 256

// table remembers what a shape costs on each node, by the node's position in the ledger.
type table struct {
	placer Placer
	cells  []cell
	base   *table // what the nodes cost as they are, for prices
	used   uint64
}

// cell is good while the node is of that version.
type cell struct {
	version uint64
	cost    float64
	devices frag.Mask
}

// tables are the tables by shape.
type tables struct {
	byShape map[frag.Shape]*table
	base    table
	uses    uint64
}

// of returns the table of a shape for a placer, on that many nodes.
func (t *tables) of(s *frag.Shape, placer Placer, nodes int) *table {
	t.uses++
	found := t.byShape[*s]
	if found == nil {
		found = &table{base: &t.base}
		t.add(s, found)
	}
	found.used = t.uses
	found.renew(placer, nodes)
	t.base.renew(placer, nodes)
	return found
}

// renew forgets what was worked out for another placer or another number of nodes.
func (t *table) renew(placer Placer, nodes int) {
	if t.placer != placer || len(t.cells) != nodes {
		t.placer = placer
		t.cells = resized(t.cells, nodes)
	}
}

func (t *tables) add(s *frag.Shape, added *table) {
	if len(t.byShape) >= maxTables {
		t.evict()
	}
	if t.byShape == nil {
		t.byShape = map[frag.Shape]*table{}
	}
	t.byShape[*s] = added
}

// evict forgets the shape that was used the longest ago.
func (t *tables) evict() {
	var oldest frag.Shape
	least := t.uses + 1
	for s, candidate := range t.byShape {
		if candidate.used < least {
			oldest, least = s, candidate.used
		}
	}
	delete(t.byShape, oldest)
}

func resized(cells []cell, n int) []cell {
	if cap(cells) < n {
		return make([]cell, n)
	}
	cells = cells[:n]
	clear(cells)
	return cells
}

// cost is what the shape costs on the i-th node, which has room for it.
func (t *table) cost(i int, n *ledger.Node, s *frag.Shape) *cell {
	c := &t.cells[i]
	if c.version != n.Version {
		c.cost, c.devices = t.place(i, n, s)
		c.version = n.Version
	}
	return c
}

// place works out what prices make of the node as it is once for all shapes.
func (t *table) place(i int, n *ledger.Node, s *frag.Shape) (cost float64, devices frag.Mask) {
	prices, ok := t.placer.(*frag.Prices)
	if !ok {
		return t.placer.Place(&n.Node, s)
	}
	before := &t.base.cells[i]
	if before.version != n.Version {
		before.cost, before.version = prices.Cost(&n.Node), n.Version
	}
	return prices.PlaceFrom(&n.Node, s, before.cost)
}
