package catalogue

import (
	"cmp"
	"context"
	"errors"
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

// Config says when to look, and for what. What is zero is filled in.
type Config struct {
	// Interval is how often Prometheus is asked (default: 1m), and Age how long ago a series may have ended (1h): metrics
	// stay known for that long, though an answer be empty.
	Interval, Age time.Duration
	// Timeout is that of one question. Default: 30s.
	Timeout time.Duration
}

// Default fills in what is zero.
func (c *Config) Default() {
	c.Interval = cmp.Or(c.Interval, time.Minute)
	c.Age = cmp.Or(c.Age, time.Hour)
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
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
	// seen are the series of each selector that Prometheus ever answered.
	seen map[string]sightings
	// namers are those of the rules whose resources were all found.
	namers map[*rules.Rule]*rules.Namer
}

// sightings are series, and when each was last seen.
type sightings map[string]sighting

type sighting struct {
	series rules.Series
	at     time.Time
}

// New returns a catalogue without metrics.
func New(c Config, source Prometheus, mapper rules.Mapper, clk clock.Clock, r Registerer) (*Catalogue, error) {
	c.Default()
	m, err := newMetrics(r)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of the catalogue: %w", err)
	}
	out := &Catalogue{
		config: c, source: source, mapper: mapper, clock: clk, metrics: m, changed: make(chan struct{}, 1),
		seen: map[string]sightings{}, namers: map[*rules.Rule]*rules.Namer{},
	}
	out.index.Store(newIndex(nil, false))
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

// Asked tells that Prometheus has told once of the series of every rule. Other rules do not change that.
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
		}
		if err == nil || refused(err) {
			c.saw(match, series)
		}
	}
	c.metrics.refreshed(failed, c.clock.Now())
	c.rebuild()
}

// refused tells whether Prometheus answered that it will never answer this.
func refused(err error) bool {
	var fault *promv1.Error
	return errors.As(err, &fault) && fault.Type == promv1.ErrBadData
}

// matches are the selectors of all rules; many rules have the same. Those of no rule are forgotten.
func (c *Catalogue) matches() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]bool{}
	for _, rule := range c.rules() {
		all[rule.Match()] = true
	}
	maps.DeleteFunc(c.seen, func(match string, _ sightings) bool { return !all[match] })
	return slices.Sorted(maps.Keys(all))
}

// rules are those of all sets, in their order.
func (c *Catalogue) rules() (all []*rules.Rule) {
	for _, set := range c.sets {
		all = append(all, set.All()...)
	}
	return all
}

// series asks for those that a selector finds.
func (c *Catalogue) series(ctx context.Context, match string) ([]model.LabelSet, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	now := c.clock.Now()
	found, _, err := c.source.Series(ctx, []string{match}, now.Add(-c.config.Age), now)
	if err != nil {
		return nil, fmt.Errorf("asking for the series of %s: %w", match, err)
	}
	return found, nil
}

// saw keeps one series for each name and set of labels, and those that were seen not long ago.
func (c *Catalogue) saw(match string, found []model.LabelSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	seen := c.seen[match]
	if seen == nil {
		seen = sightings{}
		c.seen[match] = seen
	}
	for _, labels := range found {
		s := rules.SeriesOf(labels)
		seen[fmt.Sprint(s.Name, s.Labels)] = sighting{series: s, at: now}
	}
	maps.DeleteFunc(seen, func(_ string, s sighting) bool { return now.Sub(s.at) > c.config.Age })
}

// rebuild makes the index of the rules and series known.
func (c *Catalogue) rebuild() {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.rules()
	complete := len(c.sets) > 0
	var found [][]rules.Metric
	for _, rule := range all {
		seen, asked := c.seen[rule.Match()]
		complete = complete && asked
		var series []rules.Series
		for _, key := range slices.Sorted(maps.Keys(seen)) {
			series = append(series, seen[key].series)
		}
		found = append(found, c.namer(rule).Discover(series))
	}
	maps.DeleteFunc(c.namers, func(rule *rules.Rule, _ *rules.Namer) bool { return !slices.Contains(all, rule) })
	index := newIndex(found, complete)
	c.index.Store(index)
	c.asked.Store(c.asked.Load() || complete)
	c.metrics.built(index)
}

// namer is the rule's. It is kept once it knows all its resources: what answers its reads is remembered by it.
func (c *Catalogue) namer(rule *rules.Rule) *rules.Namer {
	if known := c.namers[rule]; known != nil {
		return known
	}
	namer, faults := rule.Bind(c.mapper) // faults are for check to tell; what is sound serves
	if len(faults) == 0 {
		c.namers[rule] = namer
	}
	return namer
}
