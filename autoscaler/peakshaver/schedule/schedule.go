// Package schedule answers when the windows of a policy are open: by level, as a pure function of time, on the wall clock
// of each window's zone.
//
// A window of a day opens at the first moment at which the clocks show its from or later, and closes at the first moment
// from which on they never again show a time before its to. All that clocks do follows from these two sentences; the README
// has it as a table.
package schedule

import "time"

const (
	// Foresight is how far ahead the end of an open window is looked for.
	Foresight = 62 * 24 * time.Hour
	// Memory is how far back the beginning of an open window is looked for.
	Memory = 72 * time.Hour
)

// State of a window, or of several, at a moment.
type State struct {
	Open bool
	// Since when it is so; zero where it was never otherwise, or is open for longer than Memory.
	Since time.Time
	// Until when it is so; zero where it will never be otherwise, or is open beyond Foresight.
	Until time.Time
}

// Schedule is open whenever one of its windows is.
type Schedule []*Window

// Open tells whether a window is open at t.
func (s Schedule) Open(t time.Time) bool {
	for _, window := range s {
		if window.Open(t) {
			return true
		}
	}
	return false
}

// At is the state at t. Windows that touch or overlap are one.
func (s Schedule) At(t time.Time) State {
	if s.Open(t) {
		return State{Open: true, Since: s.opened(t), Until: s.closes(t)}
	}
	var state State
	for _, window := range s {
		at := window.At(t)
		if at.Since.After(state.Since) {
			state.Since = at.Since
		}
		if !at.Until.IsZero() && (state.Until.IsZero() || at.Until.Before(state.Until)) {
			state.Until = at.Until
		}
	}
	return state
}

func (s Schedule) closes(t time.Time) time.Time {
	for end := t; end.Sub(t) <= Foresight; {
		latest := end
		for _, window := range s {
			at := window.At(end)
			if at.Open && at.Until.IsZero() {
				return time.Time{}
			}
			if at.Open && at.Until.After(latest) {
				latest = at.Until
			}
		}
		if latest.Equal(end) {
			return end
		}
		end = latest
	}
	return time.Time{}
}

func (s Schedule) opened(t time.Time) time.Time {
	begin := t.Add(1)
	for t.Sub(begin) <= Memory {
		earliest := begin
		for _, window := range s {
			at := window.At(begin.Add(-1))
			if at.Open && at.Since.IsZero() {
				return time.Time{}
			}
			if at.Open && at.Since.Before(earliest) {
				earliest = at.Since
			}
		}
		if earliest.Equal(begin) {
			return begin
		}
		begin = earliest
	}
	return time.Time{}
}

// Spans are those that were open within Memory before t, the one that is open, and the next. Of one that began longer ago
// than Memory, Begin is zero; of one that closes beyond Foresight, End is.
func (s Schedule) Spans(t time.Time) []Span {
	var spans []Span
	state := s.At(t)
	if state.Open {
		spans = append(spans, Span{state.Since, state.Until})
	} else if !state.Until.IsZero() {
		spans = append(spans, Span{state.Until, s.At(state.Until).Until})
	}
	for at := state; t.Sub(at.Since) <= Memory && !at.Since.IsZero(); {
		before := at.Since
		if at = s.At(before.Add(-1)); at.Open {
			spans = append([]Span{{at.Since, before}}, spans...)
		}
	}
	if state.Open && !state.Until.IsZero() {
		if after := s.At(state.Until); !after.Until.IsZero() {
			spans = append(spans, Span{after.Until, s.At(after.Until).Until})
		}
	}
	return spans
}
