// Package metering measures what the pods and nodes of a simulated cluster use, as agents on the nodes do, and shows
// it to schedulers as coarsely and as late as a cluster's metrics pipeline does.
package metering

import (
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/simulator/load/world"
)

// Meter measures, and publishes what it measured.
type Meter struct {
	*windows
	publisher
	world *world.State
	nodes []nodeMeter
	pods  []podMeter
	// before is how many measurements lie before the beginning.
	before int32
	// last is the number of the last one, -1: none.
	last int32
	// Threads are how many measure at once: one, where nobody says otherwise. What they measure is the same.
	Threads int
}

type nodeMeter struct {
	cpu    history
	memory int64
	wanted int64 // millicores
	// left is what pods that are gone used since the last measurement: millicores × the part of the time.
	left float64
}

type podMeter struct {
	cpu *history
	// row is where the builder has the pod; -1: it does not have it yet.
	row int32
}

// New returns a meter that measures at intervals of scrape. What it measured can be published up to that late. With
// a past, it measures the days before the beginning too. The simulation begins at epoch.
func New(w *world.State, scrape, late time.Duration, past bool, epoch time.Time) *Meter {
	m := &Meter{
		windows: newWindows(scrape, late), publisher: newPublisher(epoch), world: w, last: -1, Threads: 1,
		nodes: make([]nodeMeter, len(w.Nodes)), pods: make([]podMeter, len(w.Pods)),
	}
	if past {
		m.before = int32(m.past() / scrape)
	}
	for i := range m.nodes {
		m.nodes[i].cpu = newHistory(m.windows)
	}
	return m
}

// Past is how long before the beginning the statistics reach.
func (m *Meter) Past() time.Duration { return m.past() }

// Time is that of a measurement, since the beginning.
func (m *Meter) Time(tick int32) time.Duration { return time.Duration(tick-m.before) * m.scrape }

// Next is when to measure next.
func (m *Meter) Next() time.Duration { return m.Time(m.last + 1) }

// Visible is the number of the newest measurement that has been there for so long; -1: none.
func (m *Meter) Visible(now, delay time.Duration) int32 {
	return int32(min(int64(m.last), floor(now-delay, m.scrape)+int64(m.before)))
}

// Warm measures what came before the beginning, when the pods of now were there.
func (m *Meter) Warm() {
	for m.last+1 < m.before {
		m.Measure(func(int32, int64) {})
	}
}

// Measure takes the next measurement of everything, and tells what each node's pods truly want, in millicores.
func (m *Meter) Measure(demand func(on int32, milli int64)) {
	m.last++
	m.measureAll()
	for on := range m.nodes {
		if m.world.Nodes[on].There {
			demand(int32(on), m.nodes[on].wanted)
		}
	}
}

// measureAll measures the nodes, side by side: no two have anything in common.
func (m *Meter) measureAll() {
	var all sync.WaitGroup
	for part := range m.Threads {
		all.Go(func() {
			var scratch []int64
			for on := part * len(m.nodes) / m.Threads; on < (part+1)*len(m.nodes)/m.Threads; on++ {
				if m.world.Nodes[on].There {
					scratch = m.measure(on, scratch[:0])
				}
			}
		})
	}
	all.Wait()
}

// measure takes the measurement of a node and its pods.
//
// What a node used is what its pods wanted, those gone meanwhile included and each as long as it was there, but at
// most what the node has. Then each pod got the same part of what it wanted.
func (m *Meter) measure(on int, scratch []int64) []int64 {
	n, own, at := &m.world.Nodes[on], &m.nodes[on], m.Time(m.last)
	wants, used := m.demand(n, own.left, at, scratch)
	part := 1.0
	if capacity := float64(n.Capacity[0]); used > capacity {
		part, used = capacity/used, capacity
	}
	own.cpu.add(m.windows, m.last, at, float32(used/1000))
	own.memory, own.left, own.wanted = min(n.Requested[1], n.Capacity[1]), 0, 0
	for k, i := range n.Pods {
		own.wanted += wants[k]
		m.pods[i].cpu.add(m.windows, m.last, at, float32(float64(wants[k])*part/1000))
	}
	return wants
}

// demand is what each pod of a node wants, in millicores, in the middle of the time since the last measurement, and
// what all want on average over it.
func (m *Meter) demand(n *world.Node, left float64, at time.Duration, wants []int64) (each []int64, since float64) {
	since = left
	for _, i := range n.Pods {
		p := &m.world.Pods[i]
		v := p.Use(at - m.scrape/2)
		wants = append(wants, v)
		since += float64(v) * m.part(at-p.Placed)
	}
	return wants, since
}

// part is how much of the time between two measurements a pod was there.
func (m *Meter) part(stayed time.Duration) float64 {
	return min(1, float64(stayed)/float64(m.scrape))
}

// Placed begins to measure a pod.
func (m *Meter) Placed(i int32) {
	h := newHistory(m.windows)
	m.pods[i].cpu = &h
}

// Leaving takes note of what a pod used since the last measurement, and remembers it for a while.
func (m *Meter) Leaving(i int32, now time.Duration) {
	p := &m.world.Pods[i]
	stayed := now - max(p.Placed, m.Time(m.last))
	m.nodes[p.Node].left += float64(p.Use(now)) * m.part(stayed)
	if h := m.pods[i].cpu; h.first >= 0 {
		m.gone = append(m.gone, departed{pod: i, at: now, cpu: h})
	}
}
