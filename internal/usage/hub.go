package usage

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/clock"
)

// Hub runs one Collector for each distinct Config, however many users it has.
type Hub struct {
	open       func(context.Context, Config) (Source, error)
	clock      clock.Clock
	registerer prometheus.Registerer

	running    sync.WaitGroup
	mu         sync.Mutex
	collectors map[string]*shared
}

// shared is a Collector and those who hold it.
type shared struct {
	collector *Collector
	holders   int
	stop      context.CancelFunc
}

// NewHub returns a Hub that makes sources with open. The registerer may be nil.
func NewHub(open func(context.Context, Config) (Source, error), clock clock.Clock, registerer prometheus.Registerer) *Hub {
	return &Hub{open: open, clock: clock, registerer: registerer, collectors: map[string]*shared{}}
}

// Open returns the running Collector of cfg, defaulted. It runs until the last
// ctx with which it was opened is done. Nothing is read before Open returns, so
// a source that is down fails no one.
func (h *Hub) Open(ctx context.Context, cfg Config) (*Collector, error) {
	cfg.Default()
	if err := cfg.Validate(field.NewPath("usage")).ToAggregate(); err != nil {
		return nil, fmt.Errorf("validating the usage configuration: %w", err)
	}
	key, err := cfg.Key()
	if err != nil {
		return nil, err
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	held, ok := h.collectors[key]
	if !ok {
		held, err = h.start(ctx, cfg)
		if err != nil {
			return nil, err
		}
		h.collectors[key] = held
	}
	held.holders++
	context.AfterFunc(ctx, func() { h.release(key, held) })
	return held.collector, nil
}

func (h *Hub) start(ctx context.Context, cfg Config) (*shared, error) {
	source, err := h.open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the usage source %s: %w", cfg.Kind(), err)
	}
	collector, err := NewCollector(cfg, source, h.clock, h.registerer)
	if err != nil {
		return nil, err
	}
	// It outlives the first holder if there are others; it keeps its logger.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.running.Go(func() { collector.Run(run) })
	return &shared{collector: collector, stop: stop}, nil
}

func (h *Hub) release(key string, s *shared) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.holders--; s.holders > 0 {
		return
	}
	s.stop()
	delete(h.collectors, key)
}

// Wait blocks until every Collector has stopped: until each ctx given to Open is
// done, and what then was being read is given up.
func (h *Hub) Wait() { h.running.Wait() }
