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

// history is what was measured of one pod or node, in cores, at each measurement from the first to the last.
type history struct {
	first, last int32
	ring        []float32
	// peaks are the highest points of each bucket from firstPeak on.
	peaks     []float32
	firstPeak int64
}

func newHistory(w *windows) history {
	return history{first: -1, last: -1, ring: make([]float32, w.depth)}
}

// add takes the next measurement, which is number tick, at a time since the beginning.
func (h *history) add(w *windows, tick int32, at time.Duration, value float32) {
	if h.first < 0 {
		h.first = tick
	}
	h.last = tick
	h.ring[tick%w.depth] = value
	h.addPeak(w, floor(at, bucket), float32(h.points(w, tick)))
}

func floor(at, step time.Duration) int64 {
	n := int64(at / step)
	if at < 0 && at%step != 0 {
		n--
	}
	return n
}

func (h *history) addPeak(w *windows, number int64, value float32) {
	if len(h.peaks) == 0 {
		h.firstPeak = number
	}
	for h.firstPeak+int64(len(h.peaks)) <= number {
		h.peaks = append(h.peaks, 0)
	}
	if most := int64(w.past()/bucket) + int64(24*time.Hour/bucket); int64(len(h.peaks)) > 2*most {
		drop := int64(len(h.peaks)) - most
		h.peaks = append(h.peaks[:0], h.peaks[drop:]...)
		h.firstPeak += drop
	}
	held := &h.peaks[number-h.firstPeak]
	*held = max(*held, value)
}

// points is one point up to a measurement: the mean of the last few.
func (h *history) points(w *windows, tick int32) float64 { return h.average(w, tick, w.point) }

func (h *history) average(w *windows, tick, count int32) float64 {
	var sum float64
	from := max(h.first, tick-count+1)
	for t := from; t <= tick; t++ {
		sum += float64(h.ring[t%w.depth])
	}
	return sum / float64(tick-from+1)
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
	for t := from; t <= tick; t++ {
		v := h.points(w, t)
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
	for t := from; t <= tick; t++ {
		v := h.points(w, t)
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
			if i := number - h.firstPeak; i >= 0 && i < int64(len(h.peaks)) && time.Duration(number)*bucket < at {
				highest, known = max(highest, float64(h.peaks[i])), true
			}
		}
	}
	return highest, known
}
