package trial

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
)

// Progress is one moment of a running trial.
type Progress struct {
	At, Length time.Duration // of trace
	Pools      []PoolProgress
}

// PoolProgress is how one contender fares so far.
type PoolProgress struct {
	Name           string
	Bound, Pending int
	Now            verdict.Frame
	HotNodeMinutes float64
}

// progress looks at all pools now.
func (s *stage) progress() Progress {
	p := Progress{Length: s.plan.Length}
	seen := s.framesOf()
	for _, name := range s.pools() {
		pool := PoolProgress{Name: name}
		pool.Bound, pool.Pending = s.census.count(name)
		if frames := seen[name]; len(frames) > 0 {
			pool.Now = frames[len(frames)-1]
			pool.HotNodeMinutes = verdict.Judge(frames).HotNodeMinutes
			p.At = pool.Now.At
		}
		p.Pools = append(p.Pools, pool)
	}
	return p
}

// NewView shows a trial on w: as a table redrawn in place on a terminal, as
// plain lines elsewhere.
func NewView(w io.Writer, terminal bool) View {
	if terminal {
		return &tableView{out: w}
	}
	return &lineView{out: w}
}

// lineView prints a line a pool, every ten minutes of trace.
type lineView struct {
	out  io.Writer
	next time.Duration
}

func (v *lineView) Phase(text string) { fmt.Fprintln(v.out, text) }
func (*lineView) Close()              {}

func (v *lineView) Progress(p Progress) {
	if p.At < v.next {
		return
	}
	v.next = p.At.Truncate(reportEvery) + reportEvery
	for _, pool := range p.Pools {
		fmt.Fprintf(v.out, "%s of %s  %s\n", hours(p.At), hours(p.Length), pool.line())
	}
}

const reportEvery = 10 * time.Minute

// line is a pool in one aligned line.
func (p PoolProgress) line() string {
	return fmt.Sprintf("%-28s %5d bound %4d pending   CPU %3.0f %%   hottest %3.0f %%   hot now %2d   hot-node minutes %5.0f",
		p.Name, p.Bound, p.Pending, 100*p.Now.Mean(), 100*p.Now.Max(), p.Now.Hot(), p.HotNodeMinutes)
}

// tableView redraws a bar, a line a pool and its nodes as a heat strip.
type tableView struct {
	out   io.Writer
	drawn int // lines to go back over
}

func (v *tableView) Phase(text string) {
	v.erase()
	fmt.Fprintln(v.out, text)
}

func (v *tableView) Close() { v.drawn = 0 }

func (v *tableView) erase() {
	if v.drawn > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA\x1b[J", v.drawn)
	}
	v.drawn = 0
}

func (v *tableView) Progress(p Progress) {
	v.erase()
	lines := []string{bar(p.At, p.Length)}
	for _, pool := range p.Pools {
		lines = append(lines, pool.line(), "  "+strip(pool.Now))
	}
	fmt.Fprintln(v.out, strings.Join(lines, "\n"))
	v.drawn = len(lines)
}

// bar draws how far the trial is.
func bar(at, length time.Duration) string {
	const width = 50
	done := 0
	if length > 0 {
		done = min(int(width*at/length), width)
	}
	return fmt.Sprintf("%s%s  %s of %s of trace", strings.Repeat("█", done), strings.Repeat("░", width-done), hours(at), hours(length))
}

// strip draws each node as a block that grows with its utilisation; hot nodes are red.
func strip(f verdict.Frame) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, u := range f.Nodes {
		cell := string(levels[min(int(u*float64(len(levels))), len(levels)-1)])
		if u > verdict.HotAbove {
			cell = "\x1b[31m" + cell + "\x1b[0m"
		}
		b.WriteString(cell)
	}
	return b.String()
}

// hours writes a duration of trace as hours and minutes.
func hours(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Hours()), int(d.Minutes())%60)
}
