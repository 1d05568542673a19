package antifragmentation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/frag"
)

// market holds the present prices.
type market struct {
	placer  Placer
	made    time.Time
	changes int
	nodes   int
	watch   *frag.Watch // nil where there are no prices
}

// Prices are made anew when a fifth of the pods have come or gone since, when nodes have, when room for a shape is
// running out, and otherwise each minute in which a pod has come or gone. Making them takes milliseconds, and has all
// costs worked out anew.
const (
	leastChanges  = 25
	changedPart   = 5
	priceLifetime = time.Minute
)

func (m *market) stale(p *Plugin, now time.Time) bool {
	changes := p.ledger.Changes() - m.changes
	switch {
	case m.placer == nil:
		return true
	case m.nodes != len(p.ledger.Nodes()) || m.watch != nil && m.watch.Stale():
		return true
	case changes >= max(leastChanges, p.ledger.Pods()/changedPart):
		return true
	default:
		return changes > 0 && now.Sub(m.made) >= priceLifetime
	}
}

// open returns the placer with the prices of the moment.
func (m *market) open(p *Plugin, now time.Time) Placer {
	if !m.stale(p, now) {
		return m.placer
	}
	begin := p.clock.Now()
	p.ledger.Sweep(now)
	demand := p.ledger.Demand(now)
	m.made, m.changes, m.nodes = now, p.ledger.Changes(), len(p.ledger.Nodes())
	if m.placer == nil || !p.policy.Fixed {
		m.placer = p.policy.Make(demand, p.ledger.Each())
		m.watch, p.ledger.Changed = nil, nil
		if prices, ok := m.placer.(*frag.Prices); ok {
			m.watch = frag.NewWatch(prices)
			p.ledger.Changed = m.watch.Change
		}
	}
	p.metrics.priced(demand, p.ledger.Each(), p.clock.Since(begin))
	return m.placer
}

// Stranded tells how many devices are idle, and how many of those the average pod that asks for devices cannot use
// where they are, as of the last snapshot that the plugin saw.
func (p *Plugin) Stranded() (idle, stranded float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return frag.Stranded(p.ledger.Demand(p.clock.Now()), p.ledger.Each())
}

// lack says what the nodes lack for a shape, the commonest first.
func (p *Plugin) lack(shape *frag.Shape) string {
	counts := map[string]int{}
	for n := range p.ledger.Each() {
		counts[p.lacking(n, shape)]++
	}
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d %s", counts[reason], reason)
	}
	return "no node has room: " + strings.Join(reasons, ", ")
}

func (p *Plugin) lacking(n *frag.Node, shape *frag.Shape) string {
	switch {
	case shape.Devices > n.Count:
		return "with too few devices"
	case shape.Devices > 0 && !n.Accepts(shape):
		return "with other models of device"
	case !n.FitsDevices(shape) && n.IdleMilli() >= shape.DeviceMilli():
		return "with devices in too small parts"
	case !n.FitsDevices(shape):
		return "with too little of devices left"
	default:
		return p.lackingAmount(n, shape)
	}
}

func (p *Plugin) lackingAmount(n *frag.Node, shape *frag.Shape) string {
	names := []string{frag.CPU: "CPU", frag.Memory: "memory"}
	for _, name := range p.args.ExtendedResources {
		names = append(names, string(name))
	}
	for d, request := range shape.Request {
		if request > 0 && request > n.Free[d] {
			return "with too little " + names[d]
		}
	}
	return "with room"
}
