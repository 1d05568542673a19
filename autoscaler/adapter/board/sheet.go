package board

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Sheet has the answers to one query.
type Sheet struct {
	board *Board
	query Query
	// fills is how long a row says less than there is once its samples begin anew; 0: not at all.
	fills time.Duration
	used  atomic.Int64 // Unix milliseconds of the last read
	state atomic.Pointer[state]
	// legacy is what another query knew of the rows.
	legacy state
	// filling lets one at a time ask, and first has the others wait for the very first answer.
	filling sync.Mutex
	first   singleflight.Group
}

// state is what is known after a tick. It does not change.
type state struct {
	tick time.Time // of the last answer; zero: there was none
	rows map[string]Row
	// gone are the trails of rows that are no longer known, or are not yet.
	gone map[string]trail
	// other answers for rows that are not there; nil where nothing does.
	other *Row
	err   error // of the last try, nil if it was answered
	tried time.Time
}

// Row is what is known of one row.
type Row struct {
	// Samples are the last ones that were a measurement; none where there never was one.
	Samples []Sample
	// At is when they were true, and Heard the tick that last had them.
	At, Heard time.Time
	// Fault is what the last answer had in their place: "" or why that is no measurement.
	Fault window.Verdict
	// told are the samples of the tick, whatever they are.
	told  []Sample
	trail trail
}

// Read returns a row. An error is a *Missing, or that of the context.
func (s *Sheet) Read(ctx context.Context, key string) (Row, error) {
	now := s.board.clock.Now()
	s.used.Store(now.UnixMilli())
	known, err := s.known(ctx, now)
	if err != nil {
		return Row{}, err
	}
	return known.read(key, now, s.board.config.Stale)
}

// Each goes through the rows that the answer to a tick had, as far as they are measurements, with the samples of that
// very answer: what a question about that tick will be answered ever after. It returns false where the tick was not
// answered.
func (s *Sheet) Each(tick time.Time, yield func([]Sample)) bool {
	known := s.answered(tick)
	if known == nil {
		return false
	}
	for _, row := range known.rows {
		if row.Heard.Equal(tick) && fault(row.told) == "" {
			yield(row.told)
		}
	}
	return true
}

// Heard returns those of one row; none where the answer had none, or none that is a measurement.
func (s *Sheet) Heard(tick time.Time, key string) ([]Sample, bool) {
	known := s.answered(tick)
	if known == nil {
		return nil, false
	}
	row, ok := known.rows[key]
	if (!ok || !row.Heard.Equal(tick)) && known.other != nil {
		row = *known.other
	}
	if !row.Heard.Equal(tick) || fault(row.told) != "" {
		return nil, true
	}
	return row.told, true
}

// answered is the state, if that is of a tick.
func (s *Sheet) answered(tick time.Time) *state {
	s.used.Store(s.board.clock.Now().UnixMilli())
	known := s.state.Load()
	if known == nil || !known.tick.Equal(tick) {
		return nil
	}
	return known
}

// known is the state; whoever comes first asks for it, and the others wait. That one's leaving is not theirs: the
// answer is awaited for all.
func (s *Sheet) known(ctx context.Context, now time.Time) (*state, error) {
	if known := s.state.Load(); known != nil {
		return known, nil
	}
	answered := s.first.DoChan("", func() (any, error) {
		return nil, s.fill(context.WithoutCancel(ctx), s.board.config.Tick(now)) // the state has the error
	})
	select {
	case <-answered:
		return s.state.Load(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fill asks about a tick, unless that or a later one has been. A tick that is still to come is no later one: it is of
// before the clock was set back.
func (s *Sheet) fill(ctx context.Context, tick time.Time) error {
	s.filling.Lock()
	defer s.filling.Unlock()
	was := s.state.Load()
	if was == nil {
		was = &s.legacy
	}
	if !was.tried.Before(tick) && !was.tried.After(s.board.config.Tick(s.board.clock.Now())) {
		return was.err
	}
	got, err := s.answer(ctx, tick)
	if ctx.Err() != nil {
		return ctx.Err() // the process ends
	}
	if err != nil {
		s.board.metrics.failed()
		s.state.Store(&state{tick: was.tick, rows: was.rows, gone: was.gone, other: was.other, err: err, tried: tick})
		return err
	}
	if was.tick.IsZero() && was.rows == nil {
		was = s.recall(ctx, tick)
	}
	s.state.Store(s.after(was, &got))
	return nil
}

// inherit takes over what another query knows, if there is one. Its rows are asked about anew before any is read.
func (s *Sheet) inherit(from *Sheet) {
	if from == nil {
		return
	}
	known := from.state.Load()
	if known == nil {
		known = &from.legacy
	}
	s.legacy = state{rows: known.rows, gone: known.gone}
}

// after is what is known once a tick has been answered.
func (s *Sheet) after(was *state, a *answer) *state {
	next := &state{tick: a.tick, tried: a.tick, rows: make(map[string]Row, len(a.rows))}
	for key, samples := range a.rows {
		row, ok := was.rows[key]
		if !ok {
			row.trail = was.gone[key]
		}
		next.rows[key] = s.row(&row, samples, a.at(key, row.trail.seen), a.tick)
	}
	for key, row := range was.rows {
		if _, ok := next.rows[key]; !ok && row.held(a, &s.board.config) {
			next.rows[key] = row
		}
	}
	was.bury(next)
	if len(a.other) > 0 {
		next.other = new(s.row(&Row{}, a.other, a.tick, a.tick))
	}
	return next
}

// row is what is known of a row that a tick has samples of. What is no measurement leaves the last one; so does what no new
// sample is behind: without one a rate sinks, since its range reaches beyond the end of what is known. It is as low at the
// other end, while the range reaches into a gap: then the last one stays unless there is more by now. Without a last one there
// is none in either case.
func (s *Sheet) row(r *Row, samples []Sample, at, tick time.Time) Row {
	next := Row{Samples: r.Samples, At: r.At, Heard: tick, told: samples, trail: r.trail.next(at, s.board.config.Fresh)}
	if len(r.Samples) > 0 && at.Equal(r.At) {
		return next
	}
	if next.Fault = fault(samples); next.Fault != "" {
		s.board.metrics.rejected(string(next.Fault))
		return next
	}
	if s.low(r, next.trail, samples, tick) {
		next.Fault = Filling
		return next
	}
	next.Samples, next.At = samples, at
	return next
}

// low tells whether samples say less than there is: a rate whose range reaches into a gap, unless it says more than is known
// already; or one of which nothing is known but that no new sample is behind it.
func (s *Sheet) low(r *Row, is trail, samples []Sample, tick time.Time) bool {
	switch {
	case s.fills == 0:
		return false
	case len(r.Samples) > 0:
		return is.filling(tick, s.fills) && sum(samples) < sum(r.Samples)
	default:
		return is.filling(tick, s.fills) || is.seen.Equal(r.trail.seen)
	}
}

// held tells whether a row that an answer lacks is still known. Where the answer has nothing at all, that is more
// likely a fault of the way to the samples than their end.
func (r *Row) held(a *answer, c *Config) bool {
	if len(a.rows) == 0 {
		return apart(a.tick, r.At) <= c.Stale
	}
	return apart(a.tick, r.Heard) <= c.Fresh
}

// apart is how far a time is from another. A time to come is as little to be believed as one long ago: the clock was
// set back.
func apart(now, then time.Time) time.Duration { return now.Sub(then).Abs() }

// read judges what is known of a row at a time.
func (s *state) read(key string, now time.Time, stale time.Duration) (Row, error) {
	row, ok := s.rows[key]
	if !ok && s.other != nil {
		row, ok = *s.other, true
	}
	switch {
	case !ok || len(row.Samples) == 0:
		return Row{}, &Missing{Fault: row.Fault, Unanswered: s.err}
	case apart(now, row.At) > stale:
		return Row{}, &Missing{Last: row.At, Age: apart(now, row.At), Fault: row.Fault, Unanswered: s.err}
	default:
		return row, nil
	}
}

// Labels are those of a sample that may be shown.
func (s *Sheet) Labels(sample *Sample) map[string]string {
	shown := make(map[string]string, len(sample.Labels))
	for name, value := range sample.Labels {
		shown[string(name)] = string(value)
	}
	for _, hidden := range s.query.Hidden {
		delete(shown, hidden)
	}
	return shown
}
