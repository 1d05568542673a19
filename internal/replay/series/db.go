// Package series keeps metrics in an in-process Prometheus time-series database
// and serves them as a Prometheus server does: PromQL over HTTP, and the newest
// values in the text format for a real server to scrape.
package series

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	// blockLength is how much time the database keeps in memory before it
	// writes a block; retention works on whole blocks.
	blockLength = 2 * time.Hour

	// Bounds of one query, those of a Prometheus server by default.
	queryTimeout    = 2 * time.Minute
	queryMaxSamples = 50_000_000
)

// Sample is one value of one series. The labels include __name__.
type Sample struct {
	Labels labels.Labels
	Value  float64
}

// Options says where and how long a DB keeps its series.
type Options struct {
	// Dir holds the database; empty: a temporary directory that Close removes.
	Dir string
	// Retention is how long samples are kept at least; default 24 hours.
	Retention time.Duration
}

// DB is the database. Its methods may be called at the same time.
type DB struct {
	tsdb   *tsdb.DB
	engine *promql.Engine
	remove string // directory of our own

	mu         sync.Mutex
	live       map[labels.Labels]*liveSeries
	generation uint64
	newest     []Sample
	newestAt   time.Time
}

// liveSeries is a series that the last Append had a sample for.
type liveSeries struct {
	ref        storage.SeriesRef
	generation uint64
}

// Open opens a database.
func Open(options Options) (*DB, error) {
	db := &DB{live: map[labels.Labels]*liveSeries{}}
	dir := options.Dir
	if dir == "" {
		made, err := os.MkdirTemp("", "evenkeel-series-")
		if err != nil {
			return nil, fmt.Errorf("making a directory for the series: %w", err)
		}
		dir, db.remove = made, made
	}
	settings := tsdb.DefaultOptions()
	settings.WALSegmentSize = -1 // nothing here outlives the process
	settings.MinBlockDuration = blockLength.Milliseconds()
	settings.MaxBlockDuration = blockLength.Milliseconds()
	settings.RetentionDuration = (24 * time.Hour).Milliseconds()
	if options.Retention > 0 {
		settings.RetentionDuration = options.Retention.Milliseconds()
	}
	quiet := slog.New(slog.DiscardHandler)
	opened, err := tsdb.Open(dir, quiet, nil, settings, nil)
	if err != nil {
		db.removeDir()
		return nil, fmt.Errorf("opening the series database in %s: %w", dir, err)
	}
	db.tsdb = opened
	db.engine = promql.NewEngine(promql.EngineOpts{
		Logger:               quiet,
		Timeout:              queryTimeout,
		MaxSamples:           queryMaxSamples,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 {
			return time.Minute.Milliseconds()
		},
		Parser: parser.NewParser(parser.Options{}),
	})
	return db, nil
}

// Append stores the samples of one moment, which must be later than the one
// before. A series of the moment before that has no sample now ends here: a
// query at a later time does not see it.
func (db *DB) Append(ctx context.Context, at time.Time, samples []Sample) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.generation++
	appender := db.tsdb.Appender(ctx)
	if err := db.append(appender, at.UnixMilli(), samples); err != nil {
		_ = appender.Rollback() // the first error says more
		return err
	}
	if err := appender.Commit(); err != nil {
		return fmt.Errorf("storing samples of %v: %w", at, err)
	}
	for l, s := range db.live {
		if s.generation != db.generation {
			delete(db.live, l)
		}
	}
	db.newest, db.newestAt = samples, at
	return nil
}

func (db *DB) append(appender storage.Appender, ms int64, samples []Sample) error {
	for _, sample := range samples {
		s := db.live[sample.Labels]
		if s == nil {
			s = &liveSeries{}
			db.live[sample.Labels] = s
		}
		ref, err := appender.Append(s.ref, sample.Labels, ms, sample.Value)
		if err != nil {
			return fmt.Errorf("storing a sample of %s: %w", sample.Labels, err)
		}
		s.ref, s.generation = ref, db.generation
	}
	ended := math.Float64frombits(value.StaleNaN)
	for l, s := range db.live {
		if s.generation == db.generation {
			continue
		}
		if _, err := appender.Append(s.ref, l, ms, ended); err != nil {
			return fmt.Errorf("ending %s: %w", l, err)
		}
	}
	return nil
}

// Newest is what the last Append stored. The caller must not change it.
func (db *DB) Newest() (at time.Time, samples []Sample) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.newestAt, db.newest
}

// Query asks for the value of an expression at a time. The caller closes the
// query when it is done with the result.
func (db *DB) Query(ctx context.Context, expression string, at time.Time) (promql.Query, error) {
	return db.engine.NewInstantQuery(ctx, db.tsdb, nil, expression, at)
}

// QueryRange asks for the values of an expression from start to end.
func (db *DB) QueryRange(
	ctx context.Context, expression string, start, end time.Time, step time.Duration,
) (promql.Query, error) {
	return db.engine.NewRangeQuery(ctx, db.tsdb, nil, expression, start, end, step)
}

// LabelValues lists the values that a label has had.
func (db *DB) LabelValues(ctx context.Context, name string) ([]string, error) {
	querier, err := db.tsdb.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("reading values of label %q: %w", name, err)
	}
	defer func() { _ = querier.Close() }() // it only read
	values, _, err := querier.LabelValues(ctx, name, nil)
	if err != nil {
		return nil, fmt.Errorf("reading values of label %q: %w", name, err)
	}
	return values, nil
}

// Series lists the series that one of the selectors matches and that may have samples from start to end.
func (db *DB) Series(ctx context.Context, selectors [][]*labels.Matcher, start, end time.Time) ([]labels.Labels, error) {
	querier, err := db.tsdb.Querier(start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("listing series: %w", err)
	}
	defer func() { _ = querier.Close() }() // it only read
	found := map[string]labels.Labels{}
	for _, matchers := range selectors {
		set := querier.Select(ctx, false, &storage.SelectHints{Start: start.UnixMilli(), End: end.UnixMilli(), Func: "series"}, matchers...)
		for set.Next() {
			l := set.At().Labels()
			found[l.String()] = l
		}
		if set.Err() != nil {
			return nil, fmt.Errorf("listing series: %w", set.Err())
		}
	}
	return slices.SortedFunc(maps.Values(found), labels.Compare), nil
}

// Close ends the database; a temporary directory is removed.
func (db *DB) Close() error {
	err := db.tsdb.Close()
	db.removeDir()
	if err != nil {
		return fmt.Errorf("closing the series database: %w", err)
	}
	return nil
}

func (db *DB) removeDir() {
	if db.remove != "" {
		_ = os.RemoveAll(db.remove) // in the system's temporary directory
	}
}
