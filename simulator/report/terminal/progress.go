package terminal

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	redrawEvery = 100 * time.Millisecond // on a terminal
	reportEvery = 10 * time.Second       // elsewhere, such as in the log of a build
	barColumns  = 24
	// lineColumns fit the narrowest terminal in use: a line that wraps cannot be redrawn.
	lineColumns = 79
)

// Progress tells someone who waits how far long work has come. It is drawn when
// the work reports, not in the background, so an idle one costs nothing. It is
// safe for concurrent use; an error of its writer is nobody's concern.
type Progress struct {
	clock clock.PassiveClock
	total int64
	tty   bool
	start time.Time

	mu    sync.Mutex
	w     io.Writer // nil once done
	done  int64
	note  string
	drawn time.Time
}

// NewProgress starts the clock of work of so many steps; a total of 0 is one that
// nobody knows. On a terminal one line is redrawn, elsewhere a line is added now
// and then, and where w is nil nothing is.
func NewProgress(w io.Writer, tty bool, total int64, clock clock.PassiveClock) *Progress {
	now := clock.Now()
	return &Progress{w: w, tty: tty, total: total, clock: clock, start: now, drawn: now}
}

// Add counts n more steps as done.
func (p *Progress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.redraw()
}

// Note says what is being worked on.
func (p *Progress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note = Printable(text)
	p.redraw()
}

// Done draws the last state and how long the work took. What comes after it draws nothing.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil {
		return
	}
	p.draw("took " + p.clock.Since(p.start).Round(100*time.Millisecond).String())
	if p.tty {
		fmt.Fprintln(p.w)
	}
	p.w = nil
}

func (p *Progress) redraw() {
	every := reportEvery
	if p.tty {
		every = redrawEvery
	}
	if p.w == nil || p.clock.Since(p.drawn) < every {
		return
	}
	p.drawn = p.clock.Now()
	p.draw(p.left())
}

func (p *Progress) draw(timing string) {
	parts := []string{p.bar(), p.share(), timing, p.note}
	line := strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "  ")
	if p.tty {
		fmt.Fprintf(p.w, "\r%s\x1b[K", cut(line, lineColumns))
		return
	}
	fmt.Fprintln(p.w, line)
}

// bar is only for a terminal: in a log it would be noise.
func (p *Progress) bar() string {
	if !p.tty || p.total <= 0 {
		return ""
	}
	full := int(barColumns * p.fraction())
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", barColumns-full) + "]"
}

func (p *Progress) share() string {
	if p.total <= 0 {
		return fmt.Sprintf("%d done", p.done)
	}
	return fmt.Sprintf("%3.0f %%", 100*p.fraction())
}

func (p *Progress) fraction() float64 {
	return min(max(float64(p.done)/float64(p.total), 0), 1)
}

// left is the time that the rest takes at the pace so far; empty while there is no pace.
func (p *Progress) left() string {
	if p.total <= 0 || p.done <= 0 || p.done >= p.total {
		return ""
	}
	pace := float64(p.clock.Since(p.start)) / float64(p.done)
	return time.Duration(pace*float64(p.total-p.done)).Round(time.Second).String() + " left"
}
