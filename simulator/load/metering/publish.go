package metering

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// retention is how long a pod that is gone still teaches about its workload.
const retention = time.Hour

// publisher makes snapshots of what was measured, as schedulers would have read it.
type publisher struct {
	epoch   time.Time
	builder *usage.Builder
	begun   time.Duration // when the builder was
	gone    []departed
	current *usage.Snapshot
	peaks   int64 // the bucket in which peaks were said last
}

// departed is what is left of a pod.
type departed struct {
	pod int32
	at  time.Duration
	cpu *history
}

func newPublisher(epoch time.Time) publisher {
	return publisher{epoch: epoch, current: usage.NewBuilder(epoch).Build(), peaks: math.MinInt64}
}

// Snapshot implements policy.Usage.
func (p *publisher) Snapshot() *usage.Snapshot { return p.current }

// Publish makes a measurement what schedulers see.
func (m *Meter) Publish(tick int32) {
	at := m.Time(tick)
	for len(m.gone) > 0 && at-m.gone[0].at > retention {
		m.gone = m.gone[1:]
	}
	if m.builder == nil || at-m.begun >= retention {
		// A new one does not know what was forgotten.
		m.builder, m.begun, m.peaks = usage.NewBuilder(m.epoch), at, math.MinInt64
	}
	seasonal := floor(at, bucket) != m.peaks
	m.peaks = floor(at, bucket)
	for i := range m.gone {
		if g := &m.gone[i]; g.cpu.first <= tick {
			m.sayPod(g.pod, g.cpu, min(tick, g.cpu.last), seasonal)
		}
	}
	for on := range m.nodes {
		m.sayNodeWithPods(on, tick, seasonal)
	}
	m.current = m.builder.Build()
}

func (m *Meter) sayNodeWithPods(on int, tick int32, seasonal bool) {
	n := &m.world.Nodes[on]
	if !n.There || !m.nodes[on].cpu.known(tick) {
		return
	}
	m.sayNode(on, tick, seasonal)
	for _, i := range n.Pods {
		if h := m.pods[i].cpu; h.known(tick) {
			m.sayPod(i, h, tick, seasonal)
		}
	}
}

func (m *Meter) sayNode(on int, tick int32, seasonal bool) {
	at := m.epoch.Add(m.Time(tick))
	n, name := &m.nodes[on], m.world.Nodes[on].Object.Name
	say := func(d usage.Dimension, s usage.Statistic, value float64, ok bool) {
		if ok {
			m.builder.Node(name, d, s, value, at)
		}
	}
	// A node was there before the beginning: its mean need not wait for the window.
	say(usage.CPU, usage.Mean, n.cpu.average(m.windows, tick, m.mean), true)
	say(usage.Memory, usage.Mean, float64(n.memory), true)
	say(usage.Memory, usage.Deviation, 0, true)
	value, ok := n.cpu.deviation(m.windows, tick)
	say(usage.CPU, usage.Deviation, value, ok)
	value, ok = n.cpu.p95(m.windows, tick)
	say(usage.CPU, usage.P95, value, ok)
	if seasonal {
		value, ok = n.cpu.peak(m.windows, m.Time(tick))
		say(usage.CPU, usage.Peak, value, ok)
	}
}

func (m *Meter) sayPod(i int32, h *history, tick int32, seasonal bool) {
	pod := &m.world.Pods[i]
	namespace, name := pod.From.Object.Namespace, pod.From.Object.Name
	at := m.epoch.Add(m.Time(tick))
	say := func(d usage.Dimension, s usage.Statistic, value float64, ok bool) {
		if ok {
			m.builder.Pod(namespace, name, d, s, value, at)
		}
	}
	mean, known := h.mean(m.windows, tick)
	say(usage.CPU, usage.Mean, mean, known)
	say(usage.Memory, usage.Mean, float64(pod.Request[1]), known)
	say(usage.Memory, usage.Deviation, 0, known)
	deviation, steady := h.deviation(m.windows, tick)
	say(usage.CPU, usage.Deviation, deviation, steady)
	value, ok := h.p95(m.windows, tick)
	say(usage.CPU, usage.P95, value, ok)
	if seasonal {
		value, ok = h.peak(m.windows, m.Time(tick))
		say(usage.CPU, usage.Peak, value, ok)
	}
}
