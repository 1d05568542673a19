package schedule

import (
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
)

// wall is what a clock on a wall shows, as seconds since it would have shown 1970-01-01 00:00.
type wall int64

const (
	minute = 60
	day    = 24 * 60 * minute
	// slack is more than any zone was ever ahead of or behind UTC.
	slack = 26 * 60 * minute
)

func wallAt(on calendar.Day, minutes int) wall { return wall(on)*day + wall(minutes)*minute }

// A stretch of time in which a zone's clocks are ahead of UTC by the same offset. In seconds since 1970; the last has
// no end.
type stretch struct {
	begin, end, offset int64
}

const never = 1 << 62

// stretches calls visit with those that could show the wall's time, in order, until it returns false.
func stretches(location *time.Location, shown wall, visit func(stretch) bool) {
	at := int64(shown) - slack
	for at <= int64(shown)+slack {
		t := time.Unix(at, 0).In(location)
		_, offset := t.Zone()
		s := stretch{begin: at, end: never, offset: int64(offset)}
		if _, end := t.ZoneBounds(); !end.IsZero() {
			s.end = end.Unix()
		}
		if !visit(s) {
			return
		}
		at = s.end
	}
}

// reached is the first moment at which the clocks show that time or later. A time that they skip is reached when they
// have skipped it, one that comes twice the first time.
func reached(location *time.Location, shown wall) time.Time {
	var first int64
	stretches(location, shown, func(s stretch) bool {
		first = max(s.begin, int64(shown)-s.offset)
		return first >= s.end
	})
	return time.Unix(first, 0).In(location)
}

// passed is the first moment from which on the clocks never again show an earlier time. A time that comes twice is passed
// the second time.
func passed(location *time.Location, shown wall) time.Time {
	var last int64
	stretches(location, shown, func(s stretch) bool {
		if moment := int64(shown) - s.offset; moment > s.begin {
			last = min(moment, s.end)
		}
		return true
	})
	return time.Unix(last, 0).In(location)
}

// exists tells that the clocks show a day at all: a zone that moves across the date line can skip one.
func exists(location *time.Location, on calendar.Day) bool {
	return calendar.On(reached(location, wallAt(on, 0))) == on
}
