package packing

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// Experiment is what to run: each policy on each list with each seed.
type Experiment struct {
	Nodes    []*v1.Node
	Lists    []List
	Policies []string
	Seeds    []int64
	// Tune is how many times all GPUs the pods ask for.
	Tune float64
	// Done is called after each run, by one thread at a time; nil: by none.
	Done func(*Result)
}

// Percents are the percents of GPUs asked for at which the part allocated is told: 0 to 130.
const Percents = 131

// Result is one run.
type Result struct {
	Workload, Policy string
	Seed             int64
	Tune             float64
	GPUs             int64
	// Allocated is the percentage of GPUs allocated, by the percentage of them asked for so far; NaN where no pod
	// came at that point.
	Allocated [Percents]float64
	// Rejected counts the pods turned away, and Arrived those that came, by size.
	Rejected, Arrived map[Size]int
}

// Size is how much a pod asks of GPUs.
type Size string

// Sizes are all sizes, from the least.
func Sizes() []Size {
	return []Size{"no GPU", "a share", "1 GPU", "2 GPUs", "4 GPUs", "8 GPUs", "other"}
}

func sizeOf(milli int64) Size {
	switch {
	case milli == 0:
		return "no GPU"
	case milli < wholeGPU:
		return "a share"
	case milli == wholeGPU:
		return "1 GPU"
	case milli == 2*wholeGPU, milli == 4*wholeGPU, milli == 8*wholeGPU:
		return Size(fmt.Sprintf("%d GPUs", milli/wholeGPU))
	default:
		return "other"
	}
}

// Run runs it. Results come in the order of lists, policies and seeds.
func (e *Experiment) Run(ctx context.Context) ([]*Result, error) {
	results := make([]*Result, 0, len(e.Lists)*len(e.Policies)*len(e.Seeds))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	threads := max(1, runtime.GOMAXPROCS(0)/max(1, cap(results)))
	var telling sync.Mutex
	for i := range e.Lists {
		for _, name := range e.Policies {
			for _, seed := range e.Seeds {
				r := &Result{Workload: e.Lists[i].Name, Policy: name, Seed: seed, Tune: e.Tune}
				results = append(results, r)
				group.Go(func() error {
					if err := e.run(ctx, r, &e.Lists[i], threads); err != nil {
						return fmt.Errorf("packing %q by %q with seed %d: %w", r.Workload, r.Policy, r.Seed, err)
					}
					telling.Lock()
					defer telling.Unlock()
					if e.Done != nil {
						e.Done(r)
					}
					return nil
				})
			}
		}
	}
	return results, group.Wait()
}

func (e *Experiment) run(ctx context.Context, r *Result, list *List, threads int) error {
	drawn := draw(list, e.Nodes, r.Seed, e.Tune)
	p, err := policy.New(r.Policy, &policy.Setting{
		Seed: r.Seed, Workload: list.Pods, Order: drawn.order,
		Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0)), // no time passes
	})
	if err != nil {
		return err
	}
	cluster, err := simulator.NewCluster(ctx, p, e.Nodes, threads)
	if err != nil {
		return err
	}
	defer cluster.Close()
	return r.play(ctx, cluster, drawn.pods, offered(e.Nodes))
}

// play lets the pods come, and keeps the books.
func (r *Result) play(ctx context.Context, cluster *simulator.Cluster, pods []*v1.Pod, total int64) error {
	r.GPUs = total / wholeGPU
	r.Rejected, r.Arrived = map[Size]int{}, map[Size]int{}
	var arrived, used int64
	var books books
	for _, pod := range pods {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		milli := trace.PodGPUMilli(pod)
		arrived += milli
		r.Arrived[sizeOf(milli)]++
		_, err := cluster.Schedule(pod)
		var unschedulable *simulator.Unschedulable
		switch {
		case errors.As(err, &unschedulable):
			r.Rejected[sizeOf(milli)]++
		case err != nil:
			return err
		default:
			used += milli
		}
		books.write(part(arrived, total), part(used, total))
	}
	r.Allocated = books.close()
	return nil
}

func part(of, total int64) float64 { return 100 * float64(of) / float64(total) }

// books average what is allocated over the pods that came at each percent of arrivals, with the rounding of
// the published analysis.
type books struct {
	sum   [Percents + 1]float64
	count [Percents + 1]int
}

func (b *books) write(arrived, allocated float64) {
	if i := int(math.RoundToEven(arrived)); i < len(b.sum) {
		b.sum[i] += round(allocated)
		b.count[i]++
	}
}

func round(percent float64) float64 { return math.RoundToEven(percent*100) / 100 }

// close returns the averages. Where one pod asked for so much that it skipped a percent, its neighbours stand in.
func (b *books) close() (averages [Percents]float64) {
	for i := range averages {
		sum, count := b.sum[i], b.count[i]
		if count == 0 {
			for _, j := range []int{i - 1, i + 1} {
				if j >= 0 {
					sum, count = sum+b.sum[j], count+b.count[j]
				}
			}
		}
		averages[i] = round(sum / float64(count)) // NaN where nobody came
	}
	return averages
}
