package board

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Missing is why a row cannot be told.
type Missing struct {
	// Last is when there last was a measurement, Age how old that is; zero: there never was one.
	Last time.Time
	Age  time.Duration
	// Fault is what came in its place.
	Fault window.Verdict
	// Unanswered is why Prometheus did not answer; nil if it did.
	Unanswered error
}

// Error implements error.
func (m *Missing) Error() string {
	switch {
	case m.Unanswered != nil && m.Last.IsZero():
		return fmt.Sprintf("Prometheus does not answer: %v", m.Unanswered)
	case m.Unanswered != nil:
		return fmt.Sprintf("Prometheus does not answer, and the newest sample is %s old: %v", m.Age.Round(time.Second), m.Unanswered)
	case m.Fault != "" && m.Last.IsZero():
		return m.came()
	case m.Fault != "":
		return fmt.Sprintf("%s, and the last that was a measurement is %s old", m.came(), m.Age.Round(time.Second))
	case m.Last.IsZero():
		return "Prometheus has no sample of it"
	default:
		return fmt.Sprintf("its newest sample is %s old", m.Age.Round(time.Second))
	}
}

// came says what came in place of a measurement.
func (m *Missing) came() string {
	if m.Fault == Filling {
		return "its samples began anew, and until the range of its rate is full it says less than there is"
	}
	return fmt.Sprintf("its value is %s", m.Fault)
}

// Absent tells that Prometheus answered, and knows nothing of the row.
func (m *Missing) Absent() bool { return m.Unanswered == nil && m.Fault == "" && m.Last.IsZero() }
