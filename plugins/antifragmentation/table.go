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
	uses    uint64
}

// of returns the table of a shape for a placer, on that many nodes.
func (t *tables) of(s *frag.Shape, placer Placer, nodes int) *table {
	t.uses++
	found := t.byShape[*s]
	if found == nil {
		found = &table{}
		t.add(s, found)
	}
	found.used = t.uses
	if found.placer != placer || len(found.cells) != nodes {
		found.placer = placer
		found.cells = resized(found.cells, nodes)
	}
	return found
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
		c.cost, c.devices = t.placer.Place(&n.Node, s)
		c.version = n.Version
	}
	return c
}
