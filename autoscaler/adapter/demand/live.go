package demand

import (
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/plan"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/internal/usage"
)

// Wanted is a target whose parts are to be added up.
type Wanted struct {
	*Target
	*Sum
	// Answered says that Prometheus answered about the tick, whatever it had to say of the target.
	Answered bool
}

// Live reads what everybody reads.
type Live struct {
	Board *board.Board
	plans plan.Plans
}

// Gather adds up what the answers to a tick have of the targets. It goes through each answer once, however many targets
// have a share in it.
func (l *Live) Gather(tick time.Time, targets []*Wanted) {
	shares := map[*board.Sheet]*share{}
	for _, w := range targets {
		if w.Type == v1alpha1.PodsMetric {
			l.share(shares, w)
			continue
		}
		if sheet, row, hidden, err := l.row(w.Target); err == nil {
			var samples []board.Sample
			samples, w.Answered = sheet.Heard(tick, row)
			w.Take(w.Sum, tick, samples, hidden)
		}
	}
	for sheet, s := range shares {
		answered := sheet.Each(tick, func(samples []board.Sample) {
			for _, w := range s.targets[s.key(samples[0].Labels)] {
				w.Take(w.Sum, tick, samples, nil)
			}
		})
		for _, targets := range s.targets {
			for _, w := range targets {
				w.Answered = answered
			}
		}
	}
}

// row finds the one row that is about a target.
func (l *Live) row(t *Target) (sheet *board.Sheet, row string, hidden []string, err error) {
	if plan := l.plans.Of(&t.Read); plan.Table != nil {
		return l.Board.Sheet(plan.Query), plan.Table.RowFor(t.Namespace, t.Name, t.Selector), plan.Query.Hidden, nil
	}
	query, err := t.query()
	if err != nil {
		return nil, "", nil, err
	}
	return l.Board.Sheet(query), t.Name, nil, nil
}

// share is the targets that have rows in one answer.
type share struct {
	table   *rules.Table // nil: all of it is of one target
	label   string
	targets map[string][]*Wanted
}

// key is what a row has in common with the others of its target: all but the name of the pod.
func (s *share) key(labels model.Metric) string {
	if s.table == nil {
		return ""
	}
	return s.table.Row(func(label string) string {
		value := string(labels[model.LabelName(label)])
		if label == s.label {
			return usage.WorkloadOfName("", value).Name
		}
		return value
	})
}

// share finds the answer that has the pods of a target.
func (l *Live) share(shares map[*board.Sheet]*share, w *Wanted) {
	plan := l.plans.Of(&w.Read)
	query, key := plan.Query, ""
	if plan.Table != nil {
		key = plan.Table.RowFor(w.Namespace, w.Name, w.Selector)
	} else {
		var err error
		if query, err = w.query(); err != nil {
			return
		}
	}
	sheet := l.Board.Sheet(query)
	s := shares[sheet]
	if s == nil {
		s = &share{table: plan.Table, label: w.label(), targets: map[string][]*Wanted{}}
		shares[sheet] = s
	}
	s.targets[key] = append(s.targets[key], w)
}
