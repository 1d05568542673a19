package scenario

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// View shows a scenario while it plays.
type View interface {
	Phase(text string)
	Progress(p Progress)
	// Close leaves what was shown last where it is.
	Close()
}

// Progress is one moment of a scenario.
type Progress struct {
	At, Length time.Duration // of trace
	Rows       []Row         // a contender each
}

// Row is how one contender fares.
type Row struct {
	Text  string
	Strip string // one line more, for terminals; may be empty
}

// NewView shows a scenario on w: as a table redrawn in place on a terminal, as plain lines elsewhere.
func NewView(w io.Writer, terminal bool) View {
	if terminal {
		return &tableView{out: w}
	}
	return &lineView{out: w}
}

// lineView prints a line a contender, every ten minutes of trace.
type lineView struct {
	out  io.Writer
	next time.Duration
}

const reportEvery = 10 * time.Minute

func (v *lineView) Phase(text string) { fmt.Fprintln(v.out, text) }
func (*lineView) Close()              {}

func (v *lineView) Progress(p Progress) {
	if p.At < v.next {
		return
	}
	v.next = p.At.Truncate(reportEvery) + reportEvery
	for _, row := range p.Rows {
		fmt.Fprintf(v.out, "%s of %s  %s\n", hours(p.At), hours(p.Length), row.Text)
	}
}

// tableView redraws a bar and the rows with their strips.
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
	for _, row := range p.Rows {
		lines = append(lines, row.Text)
		if row.Strip != "" {
			lines = append(lines, "  "+row.Strip)
		}
	}
	fmt.Fprintln(v.out, strings.Join(lines, "\n"))
	v.drawn = len(lines)
}

// bar draws how far the trace is.
func bar(at, length time.Duration) string {
	const width = 50
	done := 0
	if length > 0 {
		done = max(0, min(int(width*at/length), width))
	}
	return fmt.Sprintf("%s%s  %s of %s of trace", strings.Repeat("█", done), strings.Repeat("░", width-done), hours(at), hours(length))
}

// hours writes a duration of trace as hours and minutes.
func hours(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Hours()), int(d.Minutes())%60)
}
