package schedule

import (
	"sort"
	"time"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
)

// Span is a time in which a window is open: from Begin on, up to but without End.
type Span struct {
	Begin, End time.Time
}

// Window is a PeakWindow in a form that can be asked. It does not change; any number may ask at once.
type Window struct {
	name     string
	location *time.Location
	days     interface{ has(calendar.Day) bool }
	times    []int // minutes of the day at which it begins, in order
	length   time.Duration
	to       int // minutes of the day at which it ends, later days after it began; unless length is set
	later    calendar.Day
	rule     v1alpha1.HolidayRule
	holidays *calendar.Holidays
}

// weekdays is a set of days of the week, as bits.
type weekdays uint8

func (w weekdays) has(day calendar.Day) bool { return w&(1<<day.Weekday()) != 0 }

// Name of the window.
func (w *Window) Name() string { return w.name }

// beginsOn tells whether the window begins on a day of its zone.
func (w *Window) beginsOn(day calendar.Day) bool {
	open := w.days.has(day)
	if w.holidays == nil {
		return open
	}
	switch holiday := w.holidays.Has(day); w.rule {
	case v1alpha1.AlsoHolidays:
		return open || holiday
	case v1alpha1.OnlyHolidays:
		return open && holiday
	default:
		return open && !holiday
	}
}

// span is the window that begins at a time of a day. It is empty where the clocks skip all of it.
func (w *Window) span(day calendar.Day, minutes int) Span {
	begin := reached(w.location, wallAt(day, minutes))
	if w.length > 0 {
		return Span{begin, begin.Add(w.length)}
	}
	return Span{begin, passed(w.location, wallAt(day+w.later, w.to))}
}

func (s Span) empty() bool { return !s.Begin.Before(s.End) }

// searched is how many days are looked through for a window: nine years, so that 29 February is found across 2100.
const searched = 9 * 366

// last is the latest span that has begun at t. Spans begin and end in one order, so that none that began before it ends
// after it.
func (w *Window) last(t time.Time) (Span, bool) {
	today := calendar.On(t.In(w.location)) + 1
	for day := today; day > today-searched; day-- {
		if !w.beginsOn(day) || !exists(w.location, day) {
			continue
		}
		i := sort.Search(len(w.times), func(i int) bool { return reached(w.location, wallAt(day, w.times[i])).After(t) })
		for i--; i >= 0; i-- {
			if span := w.span(day, w.times[i]); !span.empty() {
				return span, true
			}
		}
	}
	return Span{}, false
}

// next is the earliest span that begins after t.
func (w *Window) next(t time.Time) (Span, bool) {
	today := calendar.On(t.In(w.location)) - 1
	for day := today; day < today+searched; day++ {
		if !w.beginsOn(day) || !exists(w.location, day) {
			continue
		}
		i := sort.Search(len(w.times), func(i int) bool { return reached(w.location, wallAt(day, w.times[i])).After(t) })
		for ; i < len(w.times); i++ {
			if span := w.span(day, w.times[i]); !span.empty() {
				return span, true
			}
		}
	}
	return Span{}, false
}

// Open tells whether the window is open at t.
func (w *Window) Open(t time.Time) bool {
	span, ok := w.last(t)
	return ok && t.Before(span.End)
}

// At is the window's state at t. Spans that touch or overlap are one.
func (w *Window) At(t time.Time) State {
	last, ok := w.last(t)
	if ok && t.Before(last.End) {
		return State{Open: true, Since: w.opened(last), Until: w.closes(last)}
	}
	state := State{Since: last.End}
	if next, ok := w.next(t); ok {
		state.Until = next.Begin
	}
	return state
}

// closes is when a span that is open, and those that follow it without a gap, end; zero for later than Foresight.
func (w *Window) closes(span Span) time.Time {
	end := span.End
	for end.Sub(span.Begin) <= Foresight {
		following, _ := w.last(end)
		if !following.End.After(end) {
			return end
		}
		end = following.End
	}
	return time.Time{}
}

// opened is when a span, and those before it without a gap, began; zero for longer ago than Memory.
func (w *Window) opened(span Span) time.Time {
	begin := span.Begin
	for span.Begin.Sub(begin) <= Memory {
		before, ok := w.last(begin.Add(-1))
		if !ok || before.End.Before(begin) {
			return begin
		}
		begin = before.Begin
	}
	return time.Time{}
}
