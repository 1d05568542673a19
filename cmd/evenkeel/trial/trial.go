// Package trial runs the same pods, with the same real usage, through several
// schedulers, each on a pool of identical nodes of its own, and says who kept
// its nodes on an even keel.
package trial

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/plan"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
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
	Setting    *scenario.Setting
}

// Run plays the scenario once and returns what was measured. It leaves nothing
// running.
func Run(ctx context.Context, o Options) (_ *verdict.Result, err error) {
	trace, err := bitbrains.Load()
	if err != nil {
		return nil, fmt.Errorf("reading the usage trace: %w", err)
	}
	plan, err := o.Scenario.Plan(trace)
	if err != nil {
		return nil, err
	}
	cp, err := o.Setting.Start(ctx, controlplane.Options{})
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

// logRun reports how a contender ended, unless the trial ended first.
func logRun(ctx context.Context, name string, err error) {
	if ctx.Err() == nil && err != nil {
		klog.FromContext(ctx).Error(err, "Scheduler ended before the trial", "contender", name)
	}
}
