package board

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/klog/v2"
)

// recall is what would be known before a tick, had the ticks before it been asked about: for whoever has just started. It goes
// through those within which a row is fresh, or the value of a rate may be held; of longer ago it only looks for rows that were
// there. Where Prometheus does not tell, it is not known, which is no reason to serve nothing.
func (s *Sheet) recall(ctx context.Context, tick time.Time) *state {
	was, c := &state{}, &s.board.config
	if s.query.Times == "" {
		return was // nobody knows which of the values were new
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout) // for all of it: reads wait
	defer cancel()
	back := c.Fresh
	if s.fills > 0 {
		back = c.Stale // what was before a gap may be held for as long
	}
	first := tick.Add(-back.Truncate(c.Step))
	seen := first.Add(-c.Step) // so that it is known of the first whether its samples are new
	values := s.past(ctx, s.query.Expr, first, tick, c.Step)
	times := s.past(ctx, s.query.Times, seen, tick, c.Step)
	if s.fills > 0 {
		was.gone = s.before(ctx, seen)
		for at := seen; at.Before(first); at = at.Add(c.Step) {
			s.see(was.gone, times[at.UnixMilli()], c.Fresh)
		}
	}
	for at := first; at.Before(tick); at = at.Add(c.Step) {
		if rows := s.rows(values[at.UnixMilli()]); len(rows) > 0 {
			was = s.after(was, &answer{tick: at, rows: rows, newest: newest(s.rows(times[at.UnixMilli()]), at)})
		}
	}
	return was
}

// before are the trails of the rows that were there before a tick, roughly.
func (s *Sheet) before(ctx context.Context, tick time.Time) map[string]trail {
	trails, coarse := map[string]trail{}, s.board.config.Fresh
	ms := tick.Add(-remembered).UnixMilli()
	from := time.UnixMilli(ms - ms%coarse.Milliseconds())
	times := s.past(ctx, s.query.Times, from, tick, coarse)
	for at := from; at.Before(tick); at = at.Add(coarse) {
		s.see(trails, times[at.UnixMilli()], 2*coarse)
	}
	return trails
}

// see follows trails to the times of samples.
func (s *Sheet) see(trails map[string]trail, times model.Vector, gap time.Duration) {
	for key, samples := range s.rows(times) {
		trails[key] = trails[key].next(unix(samples[0].Value), gap)
	}
}

// past are the answers to a query at each step in [from, until), by their time in Unix milliseconds. Steps are multiples
// since 1970, as those of a subquery.
func (s *Sheet) past(ctx context.Context, query string, from, until time.Time, step time.Duration) map[int64]model.Vector {
	// It ends half a step early, so that it does not matter to which side a range is open.
	text := fmt.Sprintf("(%s)[%dms:%dms]", query, until.Sub(from).Milliseconds(), step.Milliseconds())
	value, err := s.board.evaluate(ctx, text, until.Add(-step/2))
	matrix, ok := value.(model.Matrix)
	if !ok {
		klog.FromContext(ctx).V(2).Info("What was before the start is not known", "query", text, "err", err)
	}
	answers := map[int64]model.Vector{}
	for _, series := range matrix {
		for _, sample := range series.Values {
			at := int64(sample.Timestamp)
			answers[at] = append(answers[at], &model.Sample{Metric: series.Metric, Value: sample.Value, Timestamp: sample.Timestamp})
		}
	}
	return answers
}
