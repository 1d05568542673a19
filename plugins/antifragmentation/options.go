package antifragmentation

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
)

// Option changes how NewFactory makes plugins.
type Option func(*options)

type options struct {
	clock      clock.PassiveClock
	registerer prometheus.Registerer
	policy     *Policy
	workload   []*v1.Pod
	metrics    func() (*metrics, error)
}

// WithClock has the plugins tell the time by a clock of the caller's.
func WithClock(c clock.PassiveClock) Option { return func(o *options) { o.clock = c } }

// WithRegisterer registers metrics there; without it they are not registered. Factories may share one.
func WithRegisterer(r prometheus.Registerer) Option { return func(o *options) { o.registerer = r } }

// WithPolicy has the plugins place by a policy of the caller's, whatever their mode: the simulator compares
// others with ours that way.
func WithPolicy(p Policy) Option { return func(o *options) { o.policy = &p } }

// WithWorkload tells the plugins what pods the cluster is going to be asked for, so that they need not learn it.
func WithWorkload(pods []*v1.Pod) Option { return func(o *options) { o.workload = pods } }

func newOptions(list []Option) *options {
	o := &options{clock: clock.RealClock{}}
	for _, option := range list {
		option(o)
	}
	o.metrics = sync.OnceValues(func() (*metrics, error) { return newMetrics(o.registerer) })
	return o
}
