package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestProgressElsewhereIsALineNowAndThen(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	var log bytes.Buffer
	p := NewProgress(&log, false, 200, clock)
	p.Note("seed 1")
	for range 125 { // a step a second
		clock.Step(time.Second)
		p.Add(1)
	}
	clock.Step(400 * time.Millisecond)
	p.Done()
	want := `  5 %  3m10s left  seed 1
 10 %  3m0s left  seed 1
 15 %  2m50s left  seed 1
 20 %  2m40s left  seed 1
 25 %  2m30s left  seed 1
 30 %  2m20s left  seed 1
 35 %  2m10s left  seed 1
 40 %  2m0s left  seed 1
 45 %  1m50s left  seed 1
 50 %  1m40s left  seed 1
 55 %  1m30s left  seed 1
 60 %  1m20s left  seed 1
 62 %  took 2m5.4s  seed 1
`
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Error(diff)
	}
}

func TestProgressOnATerminalIsOneLine(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	var screen bytes.Buffer
	p := NewProgress(&screen, true, 4, clock)
	p.Add(1) // too early to draw
	clock.Step(time.Second)
	p.Note("節点\n\x1b[2J")
	clock.Step(50 * time.Millisecond)
	p.Add(1) // too soon after
	clock.Step(50 * time.Millisecond)
	p.Add(1)
	p.Add(1)
	p.Done()
	want := "\r[======                  ]   25 %  3s left  節点  [2J\x1b[K" +
		"\r[==================      ]   75 %  0s left  節点  [2J\x1b[K" +
		"\r[========================]  100 %  took 1.1s  節点  [2J\x1b[K\n"
	if diff := cmp.Diff(want, screen.String()); diff != "" {
		t.Error(diff)
	}
}

func TestProgressFitsATerminal(t *testing.T) {
	for _, total := range []int64{0, 3, 1_000_000_000} {
		clock := clocktesting.NewFakeClock(time.Unix(0, 0))
		var screen bytes.Buffer
		p := NewProgress(&screen, true, total, clock)
		p.Add(1)
		for _, step := range []time.Duration{time.Second, time.Hour, 1000 * time.Hour} {
			clock.Step(step)
			p.Note(strings.Repeat("節点 ", 40))
		}
		p.Done()
		for line := range strings.SplitSeq(screen.String(), "\r") {
			line, _, _ = strings.Cut(line, "\x1b[K")
			if Columns(line) > 79 {
				t.Errorf("of %d: %d columns: %s", total, Columns(line), line)
			}
		}
	}
}

func TestProgressOfWorkOfUnknownLength(t *testing.T) {
	for _, total := range []int64{0, -1} {
		clock := clocktesting.NewFakeClock(time.Unix(0, 0))
		var log, screen bytes.Buffer
		elsewhere, terminal := NewProgress(&log, false, total, clock), NewProgress(&screen, true, total, clock)
		clock.Step(10 * time.Second)
		for _, p := range []*Progress{elsewhere, terminal} {
			p.Add(12345)
			p.Done()
		}
		if want := "12345 done\n12345 done  took 10s\n"; log.String() != want {
			t.Errorf("elsewhere: got %q, want %q", log.String(), want)
		}
		if want := "\r12345 done\x1b[K\r12345 done  took 10s\x1b[K\n"; screen.String() != want {
			t.Errorf("on a terminal: got %q, want %q", screen.String(), want)
		}
	}
}

func TestProgressStaysBetweenNothingAndAll(t *testing.T) {
	for _, test := range []struct {
		add  int64
		want string
	}{
		{-5, "  0 %  took 0s\n"}, {0, "  0 %  took 0s\n"}, {9, " 90 %  took 0s\n"}, {10, "100 %  took 0s\n"}, {11, "100 %  took 0s\n"},
	} {
		var log bytes.Buffer
		p := NewProgress(&log, false, 10, clocktesting.NewFakeClock(time.Unix(0, 0)))
		p.Add(test.add)
		p.Done()
		if log.String() != test.want {
			t.Errorf("adding %d: got %q, want %q", test.add, log.String(), test.want)
		}
	}
}

func TestNothingIsDrawnAfterDone(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	for _, tty := range []bool{false, true} {
		var out bytes.Buffer
		p := NewProgress(&out, tty, 2, clock)
		p.Done()
		before := out.String()
		clock.Step(time.Hour)
		p.Add(1)
		p.Note("late")
		p.Done()
		if out.String() != before {
			t.Errorf("on a terminal %v: got %q after %q", tty, out.String(), before)
		}
	}
}

func TestProgressNowhere(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	for _, tty := range []bool{false, true} {
		p := NewProgress(nil, tty, 2, clock)
		clock.Step(time.Hour)
		p.Note("x")
		p.Add(1)
		p.Done()
	}
}

// broken fails whatever is written.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the terminal is gone") }

func TestErrorsOfTheTerminalAreNobodysConcern(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	p := NewProgress(broken{}, true, 2, clock)
	clock.Step(time.Second)
	p.Add(1)
	p.Done()
}

// whole checks that no two writers were at it at once.
type whole struct {
	lines  []string
	inside bool
}

func (w *whole) Write(b []byte) (int, error) {
	if w.inside {
		return 0, errors.New("two writers at once")
	}
	w.inside = true
	w.lines = append(w.lines, string(b))
	w.inside = false
	return len(b), nil
}

func TestProgressOfWorkAtOnce(t *testing.T) {
	const workers, steps = 8, 500
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	var out whole
	p := NewProgress(&out, false, workers*steps, clock)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for range steps {
				clock.Step(time.Second)
				p.Note(fmt.Sprintf("worker %d", worker))
				p.Add(1)
			}
		})
	}
	group.Wait()
	p.Done()
	last := -1
	for _, line := range out.lines {
		var percent int
		if _, err := fmt.Sscanf(line, "%d %%", &percent); err != nil || percent < last || !strings.HasSuffix(line, "\n") {
			t.Errorf("after %d %% came %q", last, line)
		}
		last = percent
	}
	if last != 100 || len(out.lines) < 10 {
		t.Errorf("%d lines, the last at %d %%", len(out.lines), last)
	}
}
