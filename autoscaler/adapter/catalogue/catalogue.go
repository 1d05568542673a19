package catalogue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// Prometheus is asked which series there are.
type Prometheus interface {
	Series(ctx context.Context, matches []string, from, to time.Time, options ...promv1.Option) ([]model.LabelSet, promv1.Warnings, error)
}

// Config says when to look, and for what.
type Config struct {
	// Interval is how often Prometheus is asked, and Age how long ago a series may have ended.
	Interval, Age time.Duration
	Timeout       time.Duration
}

// Catalogue keeps an Index up to date.
type Catalogue struct {
	config  Config
	source  Prometheus
	mapper  rules.Mapper
	clock   clock.Clock
	metrics *metrics
	index   atomic.Pointer[Index]
	changed chan struct{}
	asked   atomic.Bool

	mu   sync.Mutex
	sets []*rules.Set
	// seen are the series of each selector when Prometheus last told.
	seen map[string][]rules.Series
}

// New returns a catalogue without metrics.
func New(c Config, source Prometheus, mapper rules.Mapper, clk clock.Clock, r Registerer) (*Catalogue, error) {
	m, err := newMetrics(r)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of the catalogue: %w", err)
	}
	out := &Catalogue{config: c, source: source, mapper: mapper, clock: clk, metrics: m, changed: make(chan struct{}, 1), seen: map[string][]rules.Series{}}
	out.index.Store(newIndex(nil))
	return out, nil
}

// Use takes other rules, later ones before earlier ones where they make the same metric. What is known of series
// stays known, so that metrics of rules that did not change are there without a break.
func (c *Catalogue) Use(sets ...*rules.Set) {
	c.mu.Lock()
	c.sets = sets
	c.mu.Unlock()
	c.rebuild()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// Index is what there is at present.
func (c *Catalogue) Index() *Index { return c.index.Load() }

// Asked tells that Prometheus has told once of the series of every rule.
func (c *Catalogue) Asked() bool { return c.asked.Load() }

// Run asks Prometheus at each interval, and at once when rules change, until the context ends.
func (c *Catalogue) Run(ctx context.Context) {
	for {
		c.Refresh(ctx)
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		case <-c.clock.After(c.config.Interval):
		}
	}
}

// Refresh asks Prometheus for the series of each rule. A selector that is not answered keeps what it had.
func (c *Catalogue) Refresh(ctx context.Context) {
	log := klog.FromContext(ctx)
	failed := 0
	for _, match := range c.matches() {
		series, err := c.series(ctx, match)
		if err != nil {
			failed++
			log.Error(err, "Series are not known anew; what was known of them stays", "selector", match)
			continue
		}
		c.mu.Lock()
		c.seen[match] = series
		c.mu.Unlock()
	}
	c.metrics.refreshed(failed, c.clock.Now())
	c.rebuild()
	c.asked.Store(c.asked.Load() || failed == 0)
}

// matches are the selectors of all rules; many rules have the same.
func (c *Catalogue) matches() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]bool{}
	for _, set := range c.sets {
		for _, rule := range slices.Concat(set.Custom, set.External) {
			all[rule.Match()] = true
		}
	}
	maps.DeleteFunc(c.seen, func(match string, _ []rules.Series) bool { return !all[match] })
	return slices.Sorted(maps.Keys(all))
}

// series returns one series for each name and set of labels.
func (c *Catalogue) series(ctx context.Context, match string) ([]rules.Series, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	now := c.clock.Now()
	found, _, err := c.source.Series(ctx, []string{match}, now.Add(-c.config.Age), now)
	if err != nil {
		return nil, fmt.Errorf("asking for the series of %s: %w", match, err)
	}
	distinct := map[string]rules.Series{}
	for _, labels := range found {
		flat := make(map[string]string, len(labels))
		for name, value := range labels {
			flat[string(name)] = string(value)
		}
		s := rules.SeriesOf(flat)
		distinct[fmt.Sprint(s.Name, s.Labels)] = s
	}
	list := make([]rules.Series, 0, len(distinct))
	for _, key := range slices.Sorted(maps.Keys(distinct)) {
		list = append(list, distinct[key])
	}
	return list, nil
}

// rebuild makes the index of the rules and series known.
func (c *Catalogue) rebuild() {
	c.mu.Lock()
	defer c.mu.Unlock()
	index := newIndex(c.discover())
	c.index.Store(index)
	c.metrics.built(index)
}

// discover returns what each rule makes of its series.
func (c *Catalogue) discover() (found [][]rules.Metric) {
	for _, set := range c.sets {
		for _, rule := range slices.Concat(set.Custom, set.External) {
			namer, _ := rule.Bind(c.mapper) // its faults are for check to tell; what is sound serves
			found = append(found, namer.Discover(c.seen[rule.Match()]))
		}
	}
	return found
}
