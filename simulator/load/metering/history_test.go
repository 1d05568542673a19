package metering

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// naive is a history that keeps everything and works each statistic out from its definition.
type naive struct {
	w      *windows
	first  int32
	values []float32 // from first on
}

func (n *naive) at(tick int32) float64 { return float64(n.values[tick-n.first]) }

// point is the mean of the measurements that one point stands for.
func (n *naive) point(tick int32) float64 {
	sum, count := 0.0, 0.0
	for t := tick; t > tick-n.w.point && t >= n.first; t-- {
		sum, count = sum+n.at(t), count+1
	}
	return sum / count
}

func (n *naive) points(tick, count int32) (list []float64) {
	for t := max(n.first, tick-count+1); t <= tick; t++ {
		list = append(list, n.point(t))
	}
	return list
}

func (n *naive) mean(tick int32) (float64, bool) {
	if tick-n.first < n.w.mean {
		return 0, false
	}
	sum := 0.0
	for t := tick; t > tick-n.w.mean; t-- {
		sum += n.at(t)
	}
	return sum / float64(n.w.mean), true
}

func (n *naive) deviation(tick int32) (float64, bool) {
	list := n.points(tick, n.w.spread)
	if len(list) < 3 {
		return 0, false
	}
	mean, squares := 0.0, 0.0
	for _, v := range list {
		mean += v / float64(len(list))
	}
	for _, v := range list {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(list))), true
}

func (n *naive) p95(tick int32) (float64, bool) {
	list := n.points(tick, n.w.hour)
	if len(list) < 3 {
		return 0, false
	}
	slices.Sort(list)
	return list[int(math.Ceil(0.95*float64(len(list))))-1], true
}

func same(a, b float64) bool { return math.Abs(a-b) <= 1e-5*max(1, math.Abs(b)) }

// TestStatisticsAreWhatTheySay holds every statistic to its naive twin, at every measurement that may be asked about.
func TestStatisticsAreWhatTheySay(t *testing.T) {
	for _, scrape := range []time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 7 * time.Minute, time.Hour} {
		for _, late := range []time.Duration{0, 30 * time.Second, 20 * time.Minute} {
			t.Run(fmt.Sprint(scrape, " ", late), func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(scrape), uint64(late)))
				w := newWindows(scrape, late)
				h, twin := newHistory(w), &naive{w: w, first: int32(random.IntN(50))}
				for i := range int32(400) {
					value := random.Float32() * 8
					if random.IntN(4) == 0 {
						value = float32(random.IntN(3)) // values alike
					}
					now := twin.first + i
					h.add(w, now, time.Duration(now)*scrape, value)
					twin.values = append(twin.values, value)
					asked := max(twin.first, now-int32(late/scrape)-int32(random.IntN(2)))
					for name, got := range map[string][2]func(int32) (float64, bool){
						"mean":      {func(k int32) (float64, bool) { return h.mean(w, k) }, twin.mean},
						"deviation": {func(k int32) (float64, bool) { return h.deviation(w, k) }, twin.deviation},
						"p95":       {func(k int32) (float64, bool) { return h.p95(w, k) }, twin.p95},
					} {
						value, ok := got[0](asked)
						want, wantOK := got[1](asked)
						if ok != wantOK || !same(value, want) {
							t.Fatalf("%s at %d, seen at %d: %v (%v), want %v (%v)", name, asked, now, value, ok, want, wantOK)
						}
					}
				}
			})
		}
	}
}

func TestWindows(t *testing.T) {
	for _, tc := range []struct {
		scrape                    time.Duration
		mean, point, spread, hour int32
	}{
		{15 * time.Second, 20, 8, 60, 240},
		{time.Minute, 5, 2, 15, 60},
		{5 * time.Minute, 1, 1, 3, 12},
		{time.Hour, 1, 1, 1, 1},
	} {
		w := newWindows(tc.scrape, 0)
		if w.mean != tc.mean || w.point != tc.point || w.spread != tc.spread || w.hour != tc.hour {
			t.Errorf("every %v: %+v, want %+v", tc.scrape, w, tc)
		}
		if w.past() != 74*time.Hour {
			t.Errorf("the statistics reach %v back, want three days and two hours", w.past())
		}
	}
}

func TestUnknownAtFirst(t *testing.T) {
	w := newWindows(time.Minute, 0)
	h := newHistory(w)
	for name, known := range map[string]func(int32) (float64, bool){
		"mean":      func(k int32) (float64, bool) { return h.mean(w, k) },
		"deviation": func(k int32) (float64, bool) { return h.deviation(w, k) },
		"p95":       func(k int32) (float64, bool) { return h.p95(w, k) },
		"peak":      func(k int32) (float64, bool) { return h.peak(w, time.Duration(k)*time.Minute) },
	} {
		if _, ok := known(0); ok {
			t.Errorf("%s of nothing is known", name)
		}
	}
	for tick := range int32(10) {
		h.add(w, tick, time.Duration(tick)*time.Minute, 1)
		_, mean := h.mean(w, tick)
		_, deviation := h.deviation(w, tick)
		// The first measurement may be of a part of its minute: it is in no mean.
		if mean != (tick >= 5) || deviation != (tick >= 2) {
			t.Errorf("after %d measurements mean %v, deviation %v", tick+1, mean, deviation)
		}
	}
	if _, ok := h.mean(w, 10); ok {
		t.Error("a measurement to come is known")
	}
}

// TestPeak has one hour of each day be busy, more so each day.
func TestPeak(t *testing.T) {
	for _, scrape := range []time.Duration{time.Minute, 5 * time.Minute} {
		for _, begin := range []time.Duration{0, -3 * 24 * time.Hour} {
			w := newWindows(scrape, 0)
			h := newHistory(w)
			busy := func(at time.Duration) bool { return (at+30*24*time.Hour)%(24*time.Hour)/time.Hour == 9 }
			for tick := int32(0); ; tick++ {
				at := begin + time.Duration(tick)*scrape
				if at > begin+5*24*time.Hour {
					break
				}
				day := float32(floor(at-begin, 24*time.Hour) + 1)
				value := float32(0.1)
				if busy(at) {
					value = day
				}
				h.add(w, tick, at, value)
			}
			now := begin + 5*24*time.Hour
			for _, tc := range []struct {
				reason string
				hour   int
				want   float64
			}{
				{"the middle of the busy hour", 9, 5},
				{"a quarter to it is within the hour around", 8, 5},
				{"two hours after it is not", 12, 0.1},
				{"long before it is not", 4, 0.1},
			} {
				at := now + time.Duration(tc.hour)*time.Hour + 30*time.Minute
				got, ok := h.peak(w, at)
				if !ok || !same(got, tc.want) {
					t.Errorf("every %v from %v on, %s: %v (%v), want %v", scrape, begin, tc.reason, got, ok, tc.want)
				}
			}
		}
	}
}

// TestPeakOfNoEarlierDay has a pod of half a day: no earlier day foretells anything.
func TestPeakOfNoEarlierDay(t *testing.T) {
	w := newWindows(5*time.Minute, 0)
	h := newHistory(w)
	for tick := range int32(144) {
		at := time.Duration(tick) * 5 * time.Minute
		h.add(w, tick, at, 3)
		if _, ok := h.peak(w, at); ok {
			t.Fatalf("at %v a peak is known", at)
		}
	}
	if got, ok := h.peak(w, 25*time.Hour); !ok || got != 3 {
		t.Errorf("a day later it is %v (%v)", got, ok)
	}
	if got, ok := h.peak(w, 5*24*time.Hour); ok {
		t.Errorf("five days later it is still %v", got)
	}
}

// TestPeaksAreBounded plays a month.
func TestPeaksAreBounded(t *testing.T) {
	w := newWindows(time.Hour, 0)
	h := newHistory(w)
	for tick := range int32(24 * 60) {
		h.add(w, tick, time.Duration(tick)*time.Hour, float32(tick))
	}
	if len(h.peaks) > 500 {
		t.Errorf("%d peaks are kept", len(h.peaks))
	}
	now := 60 * 24 * time.Hour
	// An hour either side, a day ago at the latest.
	if got, ok := h.peak(w, now); !ok || got != 24*60-24+1 {
		t.Errorf("the peak is %v (%v), want the measurement 23 hours ago", got, ok)
	}
}

func TestFloor(t *testing.T) {
	for at, want := range map[time.Duration]int64{0: 0, 59: 0, 60: 1, -1: -1, -60: -1, -61: -2} {
		if got := floor(at, 60); got != want {
			t.Errorf("floor(%d) is %d, want %d", at, got, want)
		}
	}
}

func TestAddingAllocatesNothing(t *testing.T) {
	w := newWindows(time.Minute, 0)
	h := newHistory(w)
	tick := int32(0)
	add := func() {
		h.add(w, tick, time.Duration(tick%30)*time.Second, 1)
		tick++
	}
	if n := testing.AllocsPerRun(1000, add); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { h.mean(w, tick-1); h.deviation(w, tick-1); h.p95(w, tick-1) }); n > 0 {
		t.Errorf("asking allocates %v times", n)
	}
}

func BenchmarkStatistics(b *testing.B) {
	w := newWindows(time.Minute, 0)
	h := newHistory(w)
	for tick := range int32(100) {
		h.add(w, tick, time.Duration(tick)*time.Minute, float32(tick%7))
	}
	b.ReportAllocs()
	for b.Loop() {
		h.mean(w, 99)
		h.deviation(w, 99)
		h.p95(w, 99)
	}
}
