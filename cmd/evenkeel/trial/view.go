package trial

import (
	"fmt"
	"strings"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
)

// poolProgress is how one contender fares so far.
type poolProgress struct {
	name           string
	bound, pending int
	now            verdict.Frame
	hotNodeMinutes float64
}

// progress looks at all pools now.
func (s *stage) progress() scenario.Progress {
	p := scenario.Progress{Length: s.plan.Length}
	seen := s.framesOf()
	for _, name := range s.pools() {
		pool := poolProgress{name: name}
		pool.bound, pool.pending = s.census.count(name)
		if frames := seen[name]; len(frames) > 0 {
			pool.now = frames[len(frames)-1]
			pool.hotNodeMinutes = verdict.Judge(frames).HotNodeMinutes
			p.At = pool.now.At
		}
		p.Rows = append(p.Rows, scenario.Row{Text: pool.line(), Strip: strip(pool.now)})
	}
	return p
}

// line is a pool in one aligned line.
func (p poolProgress) line() string {
	return fmt.Sprintf("%-28s %5d bound %4d pending   CPU %3.0f %%   hottest %3.0f %%   hot now %2d   hot-node minutes %5.0f",
		p.name, p.bound, p.pending, 100*p.now.Mean(), 100*p.now.Max(), p.now.Hot(), p.hotNodeMinutes)
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
