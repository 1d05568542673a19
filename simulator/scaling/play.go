// Package scaling plays a demand over time under an HPA, with and without a window before it, and compares what came of
// it: how often the size changed, how much ran, and what was not served.
package scaling

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Options say what is played. The demand is in pods: 1 is all that one can do.
type Options struct {
	Demand   *Demand
	Policies []Policy
	// Loop is the HPA's period and the window's step; Delay how old a reading is, StartUp how long a pod takes to serve.
	Loop, Delay, StartUp time.Duration
	// Restart is how often the controller begins anew, and so forgets what it stabilised; 0: never.
	Restart time.Duration
	// Max is maxReplicas.
	Max int32
	// Target is the part of a pod that the HPA aims at. With Served above 0 each policy has the highest target, up to this
	// one, with which it serves that part of the demand: so they are compared at the same service.
	Target, Served float64
	// Curves keeps the curves of each result.
	Curves bool
	// Done is called after each policy; may be nil.
	Done func(*Result)
}

// Result is how a policy fared.
type Result struct {
	Policy string  `json:"policy"`
	Target float64 `json:"target"` // of a pod
	// Changes are those of the size, Reversals those of its direction.
	Changes   int     `json:"replicaChanges"`
	Reversals int     `json:"reversals"`
	PodHours  float64 `json:"podHours"`
	// Demand and Unserved are in pod-hours of work; ShortMinutes is how long there was less capacity than demand.
	Demand       float64 `json:"demandPodHours"`
	Unserved     float64 `json:"unservedPodHours"`
	Served       float64 `json:"servedShare"`
	ShortMinutes float64 `json:"shortMinutes"`
	Most         int32   `json:"mostReplicas"`
	// Reached says that the share to be served was.
	Reached bool   `json:"reached"`
	Curves  *Curve `json:"-"`
}

// Curve has the state of each loop.
type Curve struct {
	Hours            []float64
	Demand, Capacity []float64
}

func (o *Options) check() error {
	switch {
	case o.Loop < time.Second || o.Delay < 0 || o.StartUp < 0 || o.Restart < 0:
		return errors.New("a loop takes a second at least, and no other time is negative")
	case o.Target <= 0 || o.Target > 1:
		return fmt.Errorf("a target of %v: give a part of a pod above 0 and at most 1", o.Target)
	case o.Served < 0 || o.Served > 1:
		return fmt.Errorf("%v of the demand served: give a part from 0 to 1", o.Served)
	case o.Max < 1:
		return fmt.Errorf("at most %d pods: give at least 1", o.Max)
	}
	return nil
}

// Run plays every policy.
func Run(ctx context.Context, o *Options) ([]*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var results []*Result
	for i := range o.Policies {
		r, err := o.fit(ctx, &o.Policies[i])
		if err != nil {
			return nil, err
		}
		if o.Done != nil {
			o.Done(r)
		}
		results = append(results, r)
	}
	return results, nil
}

// finest is how exactly the target is found.
const finest = 1.0 / 256

// fit finds the highest target that serves enough, by halves: a lower one may by chance serve less, so what is found
// serves enough, but a higher one may too.
func (o *Options) fit(ctx context.Context, p *Policy) (*Result, error) {
	best, err := o.play(ctx, p, o.Target)
	if err != nil || best.Served >= o.Served {
		return best, err
	}
	low, high := 0.0, o.Target
	for high-low > finest {
		middle := (low + high) / 2
		r, err := o.play(ctx, p, middle)
		if err != nil {
			return nil, err
		}
		if r.Served >= o.Served {
			low, best = middle, r
			continue
		}
		high = middle
		if !best.Reached {
			best = r // it serves as much as can be
		}
	}
	return best, nil
}

// podDemand is what a pod can do, in thousandths of what metrics count in: fine enough that rounding does not show.
const podDemand = 1_000_000

func (o *Options) play(ctx context.Context, p *Policy, part float64) (*Result, error) {
	target := max(1, int64(math.Round(part*podDemand)))
	w, err := p.before(o.Loop, target, o.Max)
	if err != nil {
		return nil, err
	}
	g := game{options: o, scaler: hpa.New(p.spec(target, o.Max), hpa.NewOptions()), window: w, size: 1, ready: 1, began: time.Unix(0, 0).UTC()}
	g.result = &Result{Policy: p.Name, Target: part}
	if o.Curves {
		g.result.Curves = &Curve{}
	}
	for at := time.Duration(0); at < o.Demand.Length(); at += o.Loop {
		if at%(24*time.Hour) == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		g.loop(at)
	}
	return g.sum(), nil
}

// game is a run. The first pod is there from the beginning.
type game struct {
	options *Options
	scaler  *hpa.Autoscaler
	window  *window.Window
	began   time.Time

	size, ready int32
	starting    []time.Duration // when each pod serves, in order
	direction   int32
	result      *Result
}

func (g *game) loop(at time.Duration) {
	for len(g.starting) > 0 && g.starting[0] <= at {
		g.starting, g.ready = g.starting[1:], g.ready+1
	}
	if o := g.options; o.Restart > 0 && at%o.Restart < o.Loop {
		g.scaler.Forget()
	}
	g.resize(at, g.decide(at))
	g.count(at)
}

// decide is one loop of the HPA. A reading that is not there is an error to it.
func (g *game) decide(at time.Duration) int32 {
	seen := g.options.Demand.at(at - g.options.Delay)
	metric := hpa.Metric{Err: hpa.ErrNoValues}
	switch {
	case g.window != nil:
		now := g.began.Add(at)
		g.window.Observe(now, seen*podDemand/1000)
		if answer, err := g.window.At(now); err == nil {
			metric = hpa.Metric{Values: []int64{answer.Value}}
		}
	case !math.IsNaN(seen):
		metric = hpa.Metric{Values: []int64{int64(math.Ceil(seen * podDemand))}}
	}
	reading := hpa.Reading{Replicas: g.size, Running: g.size, Metrics: []hpa.Metric{metric}}
	decision, err := g.scaler.Scale(g.began.Add(at), &reading)
	if err != nil {
		return g.size // which is what the HPA does too
	}
	return decision.Replicas
}

// resize starts pods, or stops them, those first that do not serve yet.
func (g *game) resize(at time.Duration, size int32) {
	change := size - g.size
	if change == 0 {
		return
	}
	g.result.Changes++
	if direction := change / max(change, -change); direction != g.direction {
		if g.direction != 0 {
			g.result.Reversals++
		}
		g.direction = direction
	}
	g.size = size
	for ; change > 0; change-- {
		g.starting = append(g.starting, at+g.options.StartUp)
	}
	unready := min(-change, int32(len(g.starting)))
	g.starting = g.starting[:int32(len(g.starting))-max(0, unready)]
	g.ready = g.size - int32(len(g.starting))
}

// count judges the time until the next loop. What is not known to be asked for is not judged.
func (g *game) count(at time.Duration) {
	r, hours := g.result, g.options.Loop.Hours()
	r.PodHours += float64(g.size) * hours
	r.Most = max(r.Most, g.size)
	demand := g.options.Demand.at(at)
	if short := demand - float64(g.ready); short > 0 {
		r.Unserved += short * hours
		r.ShortMinutes += g.options.Loop.Minutes()
	}
	if !math.IsNaN(demand) {
		r.Demand += demand * hours
	}
	if c := r.Curves; c != nil {
		c.Hours, c.Demand, c.Capacity = append(c.Hours, at.Hours()), append(c.Demand, demand), append(c.Capacity, float64(g.ready))
	}
}

func (g *game) sum() *Result {
	r := g.result
	r.Served = 1
	if r.Demand > 0 {
		r.Served = 1 - r.Unserved/r.Demand
	}
	r.Reached = r.Served >= g.options.Served
	return r
}
