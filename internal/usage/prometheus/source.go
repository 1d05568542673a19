// Package prometheus reads usage from a Prometheus, or from what speaks its
// HTTP API. Each statistic is one query for each dimension of nodes and of pods,
// computed by Prometheus; a second query tells when each object was last
// sampled, because an answer carries the time of the question.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/vector"
)

// Source is a Prometheus. It implements usage.Source; statistics may be read at
// the same time.
type Source struct {
	client   client
	plans    []plan
	objects  [kinds]*objects
	hour     time.Duration
	lag      time.Duration // how old a rate's newest sample may be
	slots    chan struct{}
	scanners sync.Pool

	mu sync.Mutex
	// timed says, by plan, that Mean read its times and Deviation has not used them.
	timed []bool
}

var _ usage.Source = (*Source)(nil)

// New returns the Prometheus of cfg.Prometheus. The client may be nil: then it is
// made from the files that cfg names.
func New(cfg usage.Config, httpClient *http.Client) (*Source, error) {
	cfg.Default()
	p := cfg.Prometheus
	if p == nil {
		return nil, errors.New("opening Prometheus: the usage configuration has no prometheus")
	}
	if httpClient == nil {
		made, err := newHTTPClient(p)
		if err != nil {
			return nil, fmt.Errorf("opening Prometheus: %w", err)
		}
		httpClient = made
	}
	// A redirected POST loses its query, and its token must go to no one else.
	own := *httpClient
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s := &Source{
		client:   client{cfg: p, http: &own, timeout: cfg.Timeout.Duration},
		plans:    plans(p),
		hour:     max(p.Windows.Hour.Window.Duration, p.Windows.Deviation.Window.Duration, p.Windows.Recent.Duration),
		lag:      p.Windows.Resolution.Duration,
		slots:    make(chan struct{}, p.Concurrency),
		scanners: sync.Pool{New: func() any { return vector.New() }},
	}
	for k := range s.objects {
		s.objects[k] = newObjects()
	}
	s.timed = make([]bool, len(s.plans))
	return s, nil
}

// Read implements usage.Source.
func (s *Source) Read(ctx context.Context, statistic usage.Statistic, emit func(usage.Reading)) error {
	var todo []int
	for i := range s.plans {
		if s.plans[i].values[statistic] != "" {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return usage.ErrUnsupported
	}
	r := read{source: s, statistic: statistic, emit: emit}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cap(s.slots))
	for _, i := range todo {
		group.Go(func() error { return r.plan(ctx, i) })
	}
	err := group.Wait()
	if statistic == usage.P95 && err == nil {
		for _, o := range s.objects {
			o.forget(2 * s.hour.Milliseconds())
		}
	}
	if err != nil {
		return err // no query can be answered: the rest only says so again
	}
	return errors.Join(r.errs...)
}

// read is one Read.
type read struct {
	source    *Source
	statistic usage.Statistic

	mu   sync.Mutex // guards emit and errs
	emit func(usage.Reading)
	errs []error
}

// plan reads one plan. It returns an error only where no other need be tried.
func (r *read) plan(ctx context.Context, i int) error {
	s := r.source
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p := &s.plans[i]
	err := r.values(ctx, i)
	var away unreachable
	if err == nil {
		return nil
	}
	err = fmt.Errorf("reading %s of %s: %w", p.dimension, p.kind, err)
	if errors.As(err, &away) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, &usage.DimensionError{Dimension: p.dimension, Err: err})
	return nil
}

func (r *read) values(ctx context.Context, i int) error {
	s := r.source
	p := &s.plans[i]
	scanner, _ := s.scanners.Get().(*vector.Scanner) // the pool makes no other
	defer s.scanners.Put(scanner)
	if err := s.times(ctx, scanner, i, r.statistic); err != nil {
		return fmt.Errorf("reading when it was sampled: %w", err)
	}
	var days map[usage.Object]int64
	if r.statistic == usage.Peak {
		var err error
		if days, err = s.days(ctx, scanner, p); err != nil {
			return fmt.Errorf("reading on which days it was seen: %w", err)
		}
	}
	found, err := r.emitValues(ctx, scanner, p, days)
	if err != nil {
		return err
	}
	return found.judge(s, p)
}

// found counts what became of the series of an answer.
type found struct {
	series, nameless, late int
}

// emitValues hands on what a query answers.
func (r *read) emitValues(ctx context.Context, scanner *vector.Scanner, p *plan, days map[usage.Object]int64) (f found, err error) {
	s := r.source
	got, err := s.client.query(ctx, scanner, p.values[r.statistic], p.labels, func(one vector.Series) {
		if !named(one.Names) {
			f.nameless++
			return
		}
		object, at := s.objects[p.kind].find(one.Names, p.dimension)
		if at == 0 {
			at = days[object]
		}
		if s.late(r.statistic, at, one.At) {
			f.late++
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.emit(usage.Reading{Object: object, Dimension: p.dimension, Sample: usage.Sample{Value: one.Value, At: at}})
	})
	f.series = got.Series
	return f, err
}

// judge says so where none of the series is of use.
func (f *found) judge(s *Source, p *plan) error {
	if f.series > 0 && f.nameless == f.series {
		return fmt.Errorf("none of %d series has the labels %v: see the query, nodeLabel, namespaceLabel and podLabel", f.series, p.labels)
	}
	if f.late > 0 && f.late+f.nameless == f.series {
		return fmt.Errorf("the newest samples are older than %v: see whether Prometheus scrapes, and that windows.resolution is at least "+
			"two scrape intervals", s.lag)
	}
	return nil
}

// late reports whether a rate is too old to be true: a window whose samples have
// stopped coming still gives one, that falls as the window moves on.
func (s *Source) late(statistic usage.Statistic, at, now int64) bool {
	recent := statistic == usage.Mean || statistic == usage.Deviation
	return recent && at > 0 && now-at > s.lag.Milliseconds()
}

// times learns when the objects of a plan were last sampled. Deviation, which is
// read right after Mean, does with its times.
func (s *Source) times(ctx context.Context, scanner *vector.Scanner, i int, statistic usage.Statistic) error {
	if statistic == usage.Deviation && s.setTimed(i, false) {
		return nil
	}
	p := &s.plans[i]
	_, err := s.client.query(ctx, scanner, p.times[statistic], p.labels, func(one vector.Series) {
		if at, ok := milliseconds(one.Value); ok && named(one.Names) {
			s.objects[p.kind].saw(one.Names, p.dimension, at, one.At)
		}
	})
	if err == nil && statistic == usage.Mean {
		s.setTimed(i, true)
	}
	return err
}

func (s *Source) setTimed(i int, timed bool) (was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, s.timed[i] = s.timed[i], timed
	return was
}

// days returns when the objects were seen that are not known to be there now.
func (s *Source) days(ctx context.Context, scanner *vector.Scanner, p *plan) (map[usage.Object]int64, error) {
	out := map[usage.Object]int64{}
	_, err := s.client.query(ctx, scanner, p.days, p.labels, func(one vector.Series) {
		at, ok := milliseconds(one.Value)
		if !ok || !named(one.Names) {
			return
		}
		if object, known := s.objects[p.kind].find(one.Names, p.dimension); known == 0 {
			out[object] = at
		}
	})
	return out, err
}

// milliseconds makes Unix milliseconds of Unix seconds, if they are a time.
func milliseconds(seconds float64) (int64, bool) {
	if !(seconds > 0 && seconds < math.MaxInt64/2000) { // so that NaN is none
		return 0, false
	}
	return int64(math.Round(seconds * 1000)), true
}
