package metering

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// retention is how long a pod that is gone still teaches about its workload.
const retention = time.Hour

const never = math.MinInt64

// publisher makes snapshots of what was measured, as schedulers would have read it.
type publisher struct {
	epoch   time.Time
	builder *usage.Builder
	begun   time.Duration // when the builder began; or never
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
	builder := usage.NewBuilder(epoch)
	return publisher{epoch: epoch, builder: builder, begun: never, current: builder.Build(), peaks: math.MinInt64}
}

// Snapshot implements policy.Usage.
func (p *publisher) Snapshot() *usage.Snapshot { return p.current }

// Publish makes a measurement what schedulers see.
func (m *Meter) Publish(tick int32) {
	at := m.Time(tick)
	for len(m.gone) > 0 && at-m.gone[0].at > retention {
		m.gone = m.gone[1:]
	}
	if m.begun == never || at-m.begun >= retention {
		m.begin(at)
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

// begin has the builder begin anew: it does not forget things one by one.
func (m *Meter) begin(at time.Duration) {
	m.builder.Clear()
	m.begun, m.peaks = at, math.MinInt64
	for i := range m.pods {
		m.pods[i].row = -1
	}
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

// sayPod says what a history tells of a pod.
func (m *Meter) sayPod(i int32, h *history, tick int32, seasonal bool) {
	mean, known := h.mean(m.windows, tick)
	deviation, steady := h.deviation(m.windows, tick)
	p95, ranked := h.p95(m.windows, tick)
	var peak float64
	if seasonal {
		peak, seasonal = h.peak(m.windows, m.Time(tick))
	}
	if !known && !steady && !ranked && !seasonal {
		return
	}
	at := m.epoch.Add(m.Time(tick)).UnixMilli()
	say := func(s *usage.Sample, value float64, ok bool) {
		if ok {
			*s = usage.Sample{Value: value, At: at}
		}
	}
	u := m.usageOf(i)
	say(&u[usage.CPU][usage.Mean], mean, known)
	say(&u[usage.CPU][usage.Deviation], deviation, steady)
	say(&u[usage.CPU][usage.P95], p95, ranked)
	say(&u[usage.CPU][usage.Peak], peak, seasonal)
	say(&u[usage.Memory][usage.Mean], float64(m.world.Pods[i].Request[1]), known)
	say(&u[usage.Memory][usage.Deviation], 0, known)
}

// usageOf is where the builder has what is said of a pod.
func (m *Meter) usageOf(i int32) *usage.Usage {
	p := &m.pods[i]
	if p.row < 0 {
		object := m.world.Pods[i].From.Object
		p.row = m.builder.PodRow(object.Namespace, object.Name)
	}
	return m.builder.PodAt(p.row)
}
