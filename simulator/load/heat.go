package load

import (
	"math"
	"time"

	v1 "k8s.io/api/core/v1"
)

// Heat is the utilisation of each node over time, for drawing. A moment that stands for several measurements has the
// highest: a hot one must not vanish in a mean.
type Heat struct {
	Nodes []string
	Hours []float64
	Rows  [][]float32 // by node and moment; NaN: there was no such node
}

// heatMoments is how many moments are kept at most.
const heatMoments = 600

func newHeat(nodes []*v1.Node, end, scrape time.Duration) *Heat {
	moments := int(min(heatMoments, end/scrape+1))
	h := &Heat{}
	for i := range moments {
		h.Hours = append(h.Hours, end.Hours()*float64(i)/float64(moments))
	}
	for _, n := range nodes {
		row := make([]float32, moments)
		for i := range row {
			row[i] = float32(math.NaN())
		}
		h.Nodes, h.Rows = append(h.Nodes, n.Name), append(h.Rows, row)
	}
	return h
}

// see takes note of a node at a part of the whole time.
func (h *Heat) see(node int32, part float64, capacity, demand int64) {
	if capacity == 0 {
		return
	}
	row := h.Rows[node]
	i := min(int(part*float64(len(row))), len(row)-1)
	if u := float32(float64(demand) / float64(capacity)); !(row[i] >= u) {
		row[i] = u
	}
}
