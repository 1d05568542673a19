// Package load plays pods that come, use CPU and go, against schedulers that judge by measured load, and judges how
// they did by what the pods really used.
//
// Time is virtual, the scheduler is the real one, and what it sees of usage is as coarse and as late as in a cluster.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// Options say what to try. What is zero has its default.
type Options struct {
	// Policies are names of policy.Load. Default: all.
	Policies []string
	// Seeds are what chance is drawn from: each makes a workload, and breaks ties. Default: 1.
	Seeds []int64
	// Scrape is how often usage is measured, and judged. Default 1m.
	Scrape time.Duration
	// Delay is how old a measurement is when schedulers see it. Default 30s; negative: none.
	Delay time.Duration
	// Hot is the share of its CPU above which a node is hot. Default 0.8.
	Hot float64
	// Duration ends the simulation earlier or later than the workload says.
	Duration time.Duration
	// Threads are how many a decision takes. Default: what the runs side by side leave. Results do not depend on it.
	Threads int
	// Heat has results tell the utilisation of each node over time.
	Heat bool
	// Done is called after each run, by one thread at a time.
	Done func(*Result)
}

const (
	defaultScrape = time.Minute
	defaultDelay  = 30 * time.Second
	// HotAbove is the default of Options.Hot.
	HotAbove = 0.80
)

// Workloads makes the workload of a seed. It is asked once for each.
type Workloads func(seed int64) (*trace.Workload, error)

// setDefaults sets what was left open.
func (o *Options) setDefaults(policies []string) {
	if len(o.Policies) == 0 {
		o.Policies = policies
	}
	if len(o.Seeds) == 0 {
		o.Seeds = []int64{1}
	}
	o.Scrape = cmp.Or(o.Scrape, defaultScrape)
	o.Delay = max(0, cmp.Or(o.Delay, defaultDelay))
	o.Hot = cmp.Or(o.Hot, HotAbove)
	o.Threads = cmp.Or(o.Threads, max(1, runtime.GOMAXPROCS(0)/(len(o.Policies)*len(o.Seeds))))
}

// validate says what makes no sense.
func (o *Options) validate() error {
	switch {
	case o.Scrape < time.Second || o.Scrape > time.Hour:
		return fmt.Errorf("scraping every %v: it must be between 1s and 1h", o.Scrape)
	case o.Hot < 0:
		return fmt.Errorf("calling nodes hot above %v: it must be positive", o.Hot)
	case o.Duration < 0:
		return fmt.Errorf("ending after %v: it must be positive", o.Duration)
	}
	return nil
}

// Run tries each policy with each seed, as many at once as there are threads. Results come in the order of policies
// and seeds, and are the same whenever it is run again.
func Run(ctx context.Context, workload Workloads, options Options) ([]*Result, error) {
	o := options
	o.setDefaults(policy.Load())
	if err := o.validate(); err != nil {
		return nil, err
	}
	drawn := map[int64]func() (*trace.Workload, error){}
	for _, seed := range o.Seeds {
		drawn[seed] = sync.OnceValues(func() (*trace.Workload, error) { return workload(seed) })
	}
	results := make([]*Result, 0, len(o.Policies)*len(o.Seeds))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var telling sync.Mutex
	for _, name := range o.Policies {
		for _, seed := range o.Seeds {
			r := &Result{Policy: name, Seed: seed}
			results = append(results, r)
			group.Go(func() error {
				if err := try(ctx, r, drawn[seed], &o); err != nil {
					return fmt.Errorf("playing load with policy %q and seed %d: %w", name, seed, err)
				}
				telling.Lock()
				defer telling.Unlock()
				if o.Done != nil {
					o.Done(r)
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return results, nil
}

func try(ctx context.Context, r *Result, drawn func() (*trace.Workload, error), o *Options) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	w, err := drawn()
	if err != nil {
		return fmt.Errorf("making the workload: %w", err)
	}
	e, err := newEngine(ctx, r, w, o)
	if err != nil {
		return err
	}
	defer e.close()
	return e.play(ctx)
}

// endOf is when a simulation ends.
func endOf(w *trace.Workload, o *Options) (time.Duration, error) {
	if o.Duration > 0 {
		return o.Duration, nil
	}
	if w.Duration > 0 {
		return w.Duration, nil
	}
	var end time.Duration
	for i := range w.Pods {
		end = max(end, w.Pods[i].Arrival, w.Pods[i].Departure)
	}
	for i := range w.Events {
		end = max(end, w.Events[i].At)
	}
	if end == 0 {
		return 0, errors.New("nothing happens after the beginning: say how long to watch")
	}
	return end, nil
}
