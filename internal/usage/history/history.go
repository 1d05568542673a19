// Package history gives a past to sources that can tell only of the present.
package history

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/table"
)

// Source is a usage.Source that makes Deviation and P95 of the means that another
// Source handed it, for sources that cannot tell of the past. It knows only what
// this process saw: after a restart both are unknown until half their window has
// been seen again. Of each object it keeps one mean a step, for an hour.
type Source struct {
	source                usage.Source
	maxSkew, retention    time.Duration
	clock                 clock.PassiveClock
	step, deviation, hour int64 // milliseconds
	points                int   // of an hour

	mu   sync.Mutex
	rows table.Table[usage.Object, [usage.Dimensions]ring]
	// slab has the points of every ring in use; free has where unused ones begin.
	slab []float32
	free []int32
}

// ring is the last hour of means of one dimension. Point i lies at i modulo the
// points of an hour, NaN where there was none.
type ring struct {
	begin int32 // in the slab, plus one; 0: none
	head  int64 // the newest point
	at    int64 // when it was true
}

// minPoints is of how many points a deviation may be made.
const minPoints = 3

// New returns a Source on top of source, by the windows that it is given.
func New(source usage.Source, cfg usage.Config, windows usage.HistoryConfig, clock clock.PassiveClock) *Source {
	cfg.Default()
	windows.Default()
	return &Source{
		source:    source,
		maxSkew:   cfg.MaxSkew.Duration,
		retention: cfg.Retention.Duration,
		clock:     clock,
		step:      windows.Step.Milliseconds(),
		deviation: windows.Deviation.Milliseconds(),
		hour:      windows.Hour.Milliseconds(),
		points:    int(windows.Hour.Duration / windows.Step.Duration),
	}
}

// Read implements usage.Source.
func (h *Source) Read(ctx context.Context, statistic usage.Statistic, emit func(usage.Reading)) error {
	if statistic == usage.Mean {
		return h.readMean(ctx, emit)
	}
	err := h.source.Read(ctx, statistic, emit)
	if !errors.Is(err, usage.ErrUnsupported) {
		return err
	}
	switch statistic {
	case usage.Deviation:
		h.emit(h.deviation, deviationOf, emit)
	case usage.P95:
		h.emit(h.hour, p95Of, emit)
	default:
		return usage.ErrUnsupported
	}
	return nil
}

func (h *Source) readMean(ctx context.Context, emit func(usage.Reading)) error {
	now := h.clock.Now()
	err := h.source.Read(ctx, usage.Mean, func(r usage.Reading) {
		if h.sound(r, now) {
			h.mu.Lock()
			h.record(r)
			h.mu.Unlock()
		}
		emit(r)
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(now.Add(-h.retention).UnixMilli())
	return err
}

// sound reports whether a reading may be remembered. The Collector judges them
// again; but one of these would spoil an hour.
func (h *Source) sound(r usage.Reading, now time.Time) bool {
	s := r.Sample
	return s.Value >= 0 && !math.IsInf(s.Value, 0) && // and so not NaN
		s.At > now.Add(-h.retention).UnixMilli() && s.At <= now.Add(h.maxSkew).UnixMilli()
}

// record keeps a mean. Within one step the newest counts.
func (h *Source) record(r usage.Reading) {
	ring := &h.rows.Rows[h.rows.Add(r.Object)][r.Dimension]
	if ring.begin == 0 {
		ring.begin = h.allocate() + 1
		ring.head = r.Sample.At / h.step
	}
	if r.Sample.At < ring.at {
		return
	}
	points := h.pointsOf(ring)
	point := r.Sample.At / h.step
	for range min(point-ring.head, int64(h.points)) {
		ring.head++
		points[ring.head%int64(h.points)] = float32(math.NaN())
	}
	ring.head, ring.at = point, r.Sample.At
	points[point%int64(h.points)] = float32(r.Sample.Value)
}

func (h *Source) pointsOf(r *ring) []float32 {
	return h.slab[r.begin-1:][:h.points]
}

// allocate returns where a new ring begins.
func (h *Source) allocate() int32 {
	var begin int32
	if n := len(h.free); n > 0 {
		begin, h.free = h.free[n-1], h.free[:n-1]
	} else {
		begin = int32(len(h.slab))
		h.slab = append(h.slab, make([]float32, h.points)...)
	}
	points := h.slab[begin:][:h.points]
	for i := range points {
		points[i] = float32(math.NaN())
	}
	return begin
}

// forget drops the objects of which nothing was true since then.
func (h *Source) forget(then int64) {
	for o, i := range h.rows.Index {
		row := &h.rows.Rows[i]
		newest := slices.MaxFunc(row[:], func(a, b ring) int { return int(a.at - b.at) }).at
		if newest >= then {
			continue
		}
		for _, r := range row {
			if r.begin != 0 {
				h.free = append(h.free, r.begin-1)
			}
		}
		h.rows.Remove(o)
	}
}

// emit emits what made makes of the points of each object's last window, where
// these span half of it.
func (h *Source) emit(window int64, made func([]float64) (float64, bool), emit func(usage.Reading)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var values []float64
	for o, i := range h.rows.Index {
		for d := range usage.Dimensions {
			ring := &h.rows.Rows[i][d]
			if ring.begin == 0 {
				continue
			}
			var span int64
			values, span = h.window(values[:0], ring, window/h.step)
			if 2*span*h.step < window {
				continue
			}
			if value, ok := made(values); ok {
				emit(usage.Reading{Object: o, Dimension: usage.Dimension(d), Sample: usage.Sample{Value: value, At: ring.at}})
			}
		}
	}
}

// window returns the newest so many points of a ring that there are, and how
// many steps they span.
func (h *Source) window(into []float64, r *ring, steps int64) ([]float64, int64) {
	points := h.pointsOf(r)
	oldest := r.head
	for point := r.head; point > r.head-min(steps, int64(h.points)) && point >= 0; point-- {
		if v := float64(points[point%int64(h.points)]); !math.IsNaN(v) {
			into = append(into, v)
			oldest = point
		}
	}
	return into, r.head - oldest + 1
}

func deviationOf(values []float64) (float64, bool) {
	if len(values) < minPoints {
		return 0, false
	}
	var mean, squares float64
	for i, v := range values {
		delta := v - mean
		mean += delta / float64(i+1)
		squares += delta * (v - mean)
	}
	return math.Sqrt(squares / float64(len(values))), true
}

// p95Of is by nearest rank.
func p95Of(values []float64) (float64, bool) {
	if len(values) < minPoints {
		return 0, false
	}
	slices.Sort(values)
	return values[int(math.Ceil(0.95*float64(len(values))))-1], true
}
