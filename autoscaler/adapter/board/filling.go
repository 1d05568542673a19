package board

import (
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Filling is the fault of a row whose samples began anew: until its range has filled up, a rate says less than there is.
const Filling window.Verdict = "Filling"

// remembered is how long it is known of a row that it was there. One whose samples begin after longer is new.
const remembered = time.Hour

// trail is what the times of the samples behind a row say, whatever became of their values.
type trail struct {
	// seen is the time of the newest sample, zero: there was none.
	seen time.Time
	// since is when samples began anew after a gap, zero: no gap is known.
	since time.Time
}

// next is the trail after a look at the newest sample. A gap is longer than a row is fresh: that is more than one scrape.
func (t trail) next(at time.Time, fresh time.Duration) trail {
	distance := at.Sub(t.seen)
	switch {
	case t.seen.IsZero():
		return trail{seen: at}
	case distance <= 0:
		return t
	case distance > fresh:
		t.since = at
	}
	t.seen = at
	return t
}

// filling tells whether a rate over a range says less than there is: the range reaches beyond the gap.
func (t trail) filling(tick time.Time, over time.Duration) bool {
	return !t.since.IsZero() && tick.Before(t.since.Add(over))
}

// bury keeps the trails of rows that are given up, for as long as they may come back.
func (s *state) bury(next *state) {
	next.gone = map[string]trail{}
	for key, row := range s.rows {
		if _, ok := next.rows[key]; !ok {
			next.gone[key] = row.trail
		}
	}
	for key, one := range s.gone {
		if _, ok := next.rows[key]; !ok && apart(next.tick, one.seen) <= remembered {
			next.gone[key] = one
		}
	}
}

// sum is the total of samples.
func sum(samples []Sample) (total float64) {
	for i := range samples {
		total += samples[i].Value
	}
	return total
}

// fillingOf is how long the answer to a query says less than there is once samples begin anew: the longest range of a rate,
// an increase or a delta. 0: it says what there is at once.
func fillingOf(query string) (longest time.Duration) {
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return 0 // Prometheus will say so
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		call, ok := node.(*parser.Call)
		if !ok || !slices.Contains([]string{"rate", "increase", "delta"}, call.Func.Name) {
			return nil
		}
		switch over := call.Args[0].(type) {
		case *parser.MatrixSelector:
			longest = max(longest, over.Range)
		case *parser.SubqueryExpr:
			longest = max(longest, over.Range)
		}
		return nil
	})
	return longest
}
