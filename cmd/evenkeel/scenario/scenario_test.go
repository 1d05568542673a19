package scenario

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

// noVerdict is one without content.
type noVerdict struct{}

func (noVerdict) MarshalJSON() ([]byte, error)    { return []byte("{}"), nil }
func (noVerdict) Table(io.Writer) error           { return nil }
func (noVerdict) Picture(io.Writer, string) error { return nil }

func TestConclude(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := (&Setting{}).Conclude(t.Context(), noVerdict{}); err != nil {
			t.Errorf("with nobody to tell: %v", err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		told := 0
		s := &Setting{Keep: true, Report: func(Verdict) error { told++; return nil }}
		if err := s.Conclude(ctx, noVerdict{}); err != nil || told != 1 || time.Since(began) != time.Hour {
			t.Errorf("the verdict was told %d times, and everything kept for %v, %v", told, time.Since(began), err)
		}
		full := errors.New("disk full")
		s.Report = func(Verdict) error { return full }
		if err := s.Conclude(t.Context(), noVerdict{}); !errors.Is(err, full) {
			t.Errorf("%v, want %v at once", err, full)
		}
	})
}

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		var at []time.Duration
		began := time.Now()
		Every(ctx, clock.RealClock{}, time.Second, func() { at = append(at, time.Since(began)) })
		if len(at) != 4 || at[0] != 0 || at[3] != 3*time.Second {
			t.Errorf("it was called at %v, want at once and then each second", at)
		}
	})
}
