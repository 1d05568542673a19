// Package trial runs the same pods, with the same real usage, through several
// schedulers, each on a pool of identical nodes of its own, and says who kept
// its nodes on an even keel.
package trial

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/plan"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

// Env is what a contender may use of the running trial.
type Env struct {
	RESTConfig    *rest.Config
	Kubeconfig    string  // path of an admin kubeconfig
	PrometheusURL string  // answers PromQL about the usage being replayed
	WatcherURL    string  // answers as load-watcher does
	Dir           string  // a directory of the contender's own
	Speed         float64 // seconds of trace a second of wall time
}

// Contender is one scheduler in the trial.
type Contender struct {
	Name          string // in the verdict, and the name of its pool
	SchedulerName string // what its pods ask for in spec.schedulerName
	// Run schedules until the context ends.
	Run func(ctx context.Context, env Env) error
}

// Options of a trial.
type Options struct {
	Scenario   plan.Scenario
	Contenders []Contender
	DataDir    string           // of the control plane; empty: temporary
	View       View             // shown as the trial goes
	Clock      clock.WithTicker // default: the real one
	// Started, if set, is called once everything runs.
	Started func(env Env)
	// Hold, if set, keeps everything up after the verdict until it is closed.
	Hold <-chan struct{}
	// Judged, if set, is called with the verdict before the hold.
	Judged func(*verdict.Result) error
}

// View shows a trial while it runs.
type View interface {
	Phase(text string)
	Progress(p Progress)
	Close()
}

// Run plays the scenario once and returns what was measured. It leaves nothing
// running.
func Run(ctx context.Context, o Options) (_ *verdict.Result, err error) {
	defer o.View.Close()
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	trace, err := bitbrains.Load()
	if err != nil {
		return nil, fmt.Errorf("reading the usage trace: %w", err)
	}
	plan, err := o.Scenario.Plan(trace)
	if err != nil {
		return nil, err
	}

	o.View.Phase("starting etcd, kube-apiserver and kube-controller-manager")
	cp, err := controlplane.Start(ctx, controlplane.Options{DataDir: o.DataDir})
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopErr := cp.Stop(); err == nil && stopErr != nil {
			err = fmt.Errorf("stopping the control plane: %w", stopErr)
		}
	}()

	s, err := newStage(cp, plan, o)
	if err != nil {
		return nil, err
	}
	defer s.close(context.WithoutCancel(ctx))
	return s.play(ctx)
}

// wait blocks until the context ends or hold is closed.
func wait(ctx context.Context, hold <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-hold:
	}
}

// every calls f at once and then each period until the context ends.
func every(ctx context.Context, c clock.WithTicker, period time.Duration, f func()) {
	t := c.NewTicker(period)
	defer t.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-t.C():
		}
	}
}

// logRun reports how a contender ended, unless the trial ended first.
func logRun(ctx context.Context, name string, err error) {
	if ctx.Err() == nil && err != nil {
		klog.FromContext(ctx).Error(err, "Scheduler ended before the trial", "contender", name)
	}
}
