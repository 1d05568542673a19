package realload

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
)

// Option changes how NewFactory makes plugins.
type Option func(*options)

type options struct {
	name       string
	clock      clock.Clock
	registerer prometheus.Registerer
	metrics    func() (*metrics, error)
	driven     bool
}

// WithName has the plugins go by another name than Name, so that a profile can
// name Trimaran's plugins.
func WithName(name string) Option { return func(o *options) { o.name = name } }

// WithClock has the plugins tell the time by a clock of the caller's.
func WithClock(c clock.Clock) Option { return func(o *options) { o.clock = c } }

// WithRegisterer registers metrics there; without it they are not registered.
// Factories may share one.
func WithRegisterer(r prometheus.Registerer) Option { return func(o *options) { o.registerer = r } }

func newOptions(list []Option) *options {
	o := &options{name: Name, clock: clock.RealClock{}}
	for _, option := range list {
		option(o)
	}
	o.metrics = sync.OnceValues(func() (*metrics, error) { return newMetrics(o.registerer) })
	return o
}
