package window

import (
	"fmt"
	"time"
)

// Answer is what to tell an autoscaler.
type Answer struct {
	// Value is in thousandths, at least Demand.
	Value int64
	// Demand is the newest sample, and At its true time.
	Demand int64
	At     time.Time
	// Held says that samples have been missing for longer than is fresh.
	Held bool
}

// Reason is why there is no answer.
type Reason string

// The reasons.
const (
	NoSamples  Reason = "NoSamples"
	Stale      Reason = "Stale"
	NotDemand  Reason = "NotDemand" // readings come, but they are no demand
	notADemand        = "the last %d readings were no demand (%s)"
)

// Error says why there is no answer.
type Error struct {
	Reason Reason
	Newest time.Time     // zero: there was none
	Age    time.Duration // of the newest sample
	// Rejected counts the readings since the newest sample that were no demand, and As says what the last one was.
	Rejected int
	As       Verdict
}

// Error implements error.
func (e *Error) Error() string {
	text := "no sample was ever taken"
	if e.Reason != NoSamples {
		text = fmt.Sprintf("the newest sample is of %s, %v ago", e.Newest.Format(time.RFC3339), e.Age.Round(time.Second))
	}
	if e.Rejected > 0 {
		text += "; " + fmt.Sprintf(notADemand, e.Rejected, e.As)
	}
	return text
}

// At answers at a time. Between Fresh and Stale it holds the last answer; beyond, and before the first sample, the error
// is an *Error: an autoscaler that is told nothing stays as it is, one that is told 0 scales down.
func (w *Window) At(now time.Time) (Answer, error) {
	if w.lived == 0 {
		return Answer{}, w.fault(NoSamples, time.Time{}, 0)
	}
	newest := w.time(w.newest.tick)
	age := now.Sub(newest)
	if age > w.config.Stale {
		return Answer{}, w.fault(Stale, newest, age)
	}
	return Answer{Value: w.answer.value, Demand: w.newest.value, At: newest, Held: age > w.config.Fresh}, nil
}

func (w *Window) fault(reason Reason, newest time.Time, age time.Duration) *Error {
	if w.rejected > 0 {
		reason = NotDemand
	}
	return &Error{Reason: reason, Newest: newest, Age: age, Rejected: w.rejected, As: w.rejectedAs}
}
