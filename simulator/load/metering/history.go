package metering

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// windows are the stretches of time behind the statistics, in measurements.
type windows struct {
	scrape time.Duration
	mean   int32 // what Mean averages over
	point  int32 // what each point of the others averages over
	spread int32 // points of Deviation
	hour   int32 // points of P95
	depth  int32 // how many measurements are kept
	season usage.SeasonConfig
	days   int
}

// newWindows takes the windows that this repository's Prometheus source has by default.
func newWindows(scrape, late time.Duration) *windows {
	cfg := usage.Config{Prometheus: &usage.PrometheusConfig{}}
	cfg.Default()
	from := &cfg.Prometheus.Windows
	in := func(window time.Duration) int32 { return int32(max(1, window/scrape)) }
	w := &windows{
		scrape: scrape, mean: in(from.Recent.Duration), point: in(from.Resolution.Duration),
		spread: in(from.Deviation.Window.Duration), hour: in(from.Hour.Window.Duration),
		season: from.Season, days: *from.Season.Days,
	}
	w.depth = w.hour + w.point + int32(late/scrape) + 2
	return w
}

// past is how much there is to know of.
func (w *windows) past() time.Duration {
	return time.Duration(w.days)*w.season.Period.Duration + w.season.Width.Duration
}

const (
	// fewest is of how many points a deviation or a percentile is made at least.
	fewest = 3
	// bucket is what the highest value is kept of, for the peaks of earlier days.
	bucket = 30 * time.Minute
)

// history is what was measured of one pod or node, in cores, at each measurement from the first to the last. It is
// as long as a line of the processor's cache: there are many, and each is looked at all the time.
type history struct {
	first, last int32
	ring        []float32
	// peaks are the highest points of each bucket before the open one, and highest is that of the open one.
	peaks   []float32
	open    int32
	highest float32
}

func newHistory(w *windows) history {
	return history{first: -1, last: -1, ring: make([]float32, w.depth)}
}

// add takes the next measurement, which is number tick, at a time since the beginning.
func (h *history) add(w *windows, tick int32, at time.Duration, value float32) {
	number := int32(floor(at, bucket))
	if h.first < 0 {
		h.first, h.open = tick, number
	}
	h.last = tick
	place := tick % w.depth
	h.ring[place] = value
	if h.open < number {
		h.turn(w, number)
	}
	h.highest = max(h.highest, float32(h.point(w, tick, place)))
}

func floor(at, step time.Duration) int64 {
	n := int64(at / step)
	if at < 0 && at%step != 0 {
		n--
	}
	return n
}

// turn opens another bucket. Those without a measurement have nothing for their highest point.
func (h *history) turn(w *windows, number int32) {
	for ; h.open < number; h.open++ {
		h.peaks = append(h.peaks, h.highest)
		h.highest = 0
	}
	if most := int(w.past()/bucket) + int(24*time.Hour/bucket); len(h.peaks) >= 2*most {
		h.peaks = append(h.peaks[:0], h.peaks[len(h.peaks)-most+1:]...)
	}
}

// ofBucket is the highest point of a bucket.
func (h *history) ofBucket(number int64) (float32, bool) {
	i := len(h.peaks) + int(number-int64(h.open))
	switch {
	case h.first < 0 || i < 0 || i > len(h.peaks):
		return 0, false
	case i == len(h.peaks):
		return h.highest, true
	default:
		return h.peaks[i], true
	}
}

// point is the mean of the last few measurements up to one, which is at a place in the ring.
func (h *history) point(w *windows, tick, place int32) float64 {
	count := min(w.point, tick-h.first+1)
	return h.sum(place, count) / float64(count)
}

func (h *history) average(w *windows, tick, count int32) float64 {
	count = min(count, tick-h.first+1)
	return h.sum(tick%w.depth, count) / float64(count)
}

// sum is of so many values up to a place in the ring, the oldest first.
func (h *history) sum(place, count int32) (sum float64) {
	if place -= count - 1; place < 0 {
		place += int32(len(h.ring))
	}
	for range count {
		sum += float64(h.ring[place])
		place = h.after(place)
	}
	return sum
}

// after is the next place in the ring.
func (h *history) after(place int32) int32 {
	if place++; int(place) == len(h.ring) {
		return 0
	}
	return place
}

// known tells whether there was a measurement of that number.
func (h *history) known(tick int32) bool { return h.first >= 0 && h.first <= tick && tick <= h.last }

// mean is over the recent window. It is unknown until that is past, as a rate over it is.
func (h *history) mean(w *windows, tick int32) (float64, bool) {
	if !h.known(tick) || tick-h.first < w.mean {
		return 0, false
	}
	return h.average(w, tick, w.mean), true
}

// deviation is the standard deviation of the recent points.
func (h *history) deviation(w *windows, tick int32) (float64, bool) {
	from := max(h.first, tick-w.spread+1)
	count := tick - from + 1
	if !h.known(tick) || count < fewest {
		return 0, false
	}
	var sum, squares float64
	place := from % w.depth
	for t := from; t <= tick; t++ {
		v := h.point(w, t, place)
		place = h.after(place)
		sum += v
		squares += v * v
	}
	mean := sum / float64(count)
	return math.Sqrt(max(0, squares/float64(count)-mean*mean)), true
}

// p95 is the 95th percentile of the last hour's points, by nearest rank: of at most 60, one of the four highest.
func (h *history) p95(w *windows, tick int32) (float64, bool) {
	from := max(h.first, tick-w.hour+1)
	count := tick - from + 1
	if !h.known(tick) || count < fewest {
		return 0, false
	}
	above := int(count) - int(math.Ceil(0.95*float64(count)))
	var buffer [16]float64
	highest := buffer[:0] // from the highest down
	place := from % w.depth
	for t := from; t <= tick; t++ {
		v := h.point(w, t, place)
		place = h.after(place)
		if len(highest) == above+1 {
			if v <= highest[above] {
				continue
			}
			highest = highest[:above]
		}
		at := len(highest)
		highest = append(highest, v)
		for ; at > 0 && highest[at-1] < v; at-- {
			highest[at] = highest[at-1]
		}
		highest[at] = v
	}
	return highest[above], true
}

// peak is the highest point around this time of day, on earlier days.
func (h *history) peak(w *windows, at time.Duration) (highest float64, known bool) {
	half := w.season.Width.Duration / 2
	for day := 1; day <= w.days; day++ {
		then := at - time.Duration(day)*w.season.Period.Duration
		for number := floor(then-half, bucket); number <= floor(then+half, bucket); number++ {
			if value, ok := h.ofBucket(number); ok && time.Duration(number)*bucket < at {
				highest, known = max(highest, float64(value)), true
			}
		}
	}
	return highest, known
}
