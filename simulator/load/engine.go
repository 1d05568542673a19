package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/load/metering"
	"github.com/evenkeel/evenkeel/simulator/load/truth"
	"github.com/evenkeel/evenkeel/simulator/load/world"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// epoch is when every simulation begins.
var epoch = time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)

// engine plays one workload against one policy.
type engine struct {
	*world.State
	options  *Options
	workload *trace.Workload
	result   *Result
	end, now time.Duration

	clock   *clocktesting.FakeClock
	cluster *simulator.Cluster
	driver  policy.Driver
	meter   *metering.Meter
	judge   *truth.Judge
	future  *truth.Future
	queue   queue

	timeline timeline
	// seen is the number of the measurement that schedulers saw last.
	seen int32
	// changed says that there are other nodes than the driver knows.
	changed bool
}

func newEngine(ctx context.Context, r *Result, w *trace.Workload, o *Options) (*engine, error) {
	end, err := endOf(w, o)
	if err != nil {
		return nil, err
	}
	s := world.New(w)
	late := o.Delay
	if late > end {
		late = 0 // nobody ever sees a measurement
	}
	e := &engine{
		State: s, options: o, workload: w, result: r, end: end, clock: clocktesting.NewFakeClock(epoch),
		judge: truth.NewJudge(o.Hot, len(s.Nodes)), future: truth.NewFuture(s, end), queue: newQueue(s), timeline: newTimeline(w), seen: -1, changed: true,
	}
	if o.Heat {
		r.Heat = newHeat(w.Nodes, end, o.Scrape)
	}
	e.meter = metering.New(s, o.Scrape, late, slices.ContainsFunc(w.Pods, runsAlready), epoch)
	e.meter.Threads = max(1, o.Threads)
	p, driver, err := policy.NewLoad(r.Policy, &policy.LoadSetting{
		Seed: r.Seed, Clock: e.clock, Usage: e.meter, Scrape: o.Scrape, Future: e.future,
	})
	if err != nil {
		return nil, err
	}
	e.driver = driver
	e.cluster, err = simulator.NewCluster(ctx, p, w.Nodes, o.Threads)
	return e, err
}

func runsAlready(p trace.Pod) bool { return p.Object.Spec.NodeName != "" }

func (e *engine) close() { e.cluster.Close() }

// timeline is what happens when, as far as the workload says.
type timeline struct {
	arrivals, departures []int32
	events               []trace.Event
}

func newTimeline(w *trace.Workload) timeline {
	t := timeline{events: slices.Clone(w.Events)}
	for i := range w.Pods {
		t.arrivals = append(t.arrivals, int32(i))
		if w.Pods[i].Departure > 0 {
			t.departures = append(t.departures, int32(i))
		}
	}
	slices.SortStableFunc(t.arrivals, func(a, b int32) int { return cmp.Compare(w.Pods[a].Arrival, w.Pods[b].Arrival) })
	slices.SortStableFunc(t.departures, func(a, b int32) int { return cmp.Compare(w.Pods[a].Departure, w.Pods[b].Departure) })
	slices.SortStableFunc(t.events, func(a, b trace.Event) int { return cmp.Compare(a.At, b.At) })
	return t
}

// play goes from moment to moment until the end.
func (e *engine) play(ctx context.Context) error {
	if err := e.begin(); err != nil {
		return err
	}
	for e.now = 0; e.now <= e.end; e.now = e.next() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e.clock.SetTime(epoch.Add(e.now))
		e.future.Now = e.now
		if err := e.moment(); err != nil {
			return fmt.Errorf("at %v: %w", e.now, err)
		}
	}
	e.finish()
	return nil
}

// begin puts pods that run already in their places, and has their past measured.
func (e *engine) begin() error {
	for i := range e.Pods {
		p := &e.Pods[i]
		if !runsAlready(*p.From) {
			continue
		}
		on, ok := e.ByName[p.From.Object.Spec.NodeName]
		if !ok {
			return fmt.Errorf("placing pod %q: there is no node %q", p.Name(), p.From.Object.Spec.NodeName)
		}
		since := -e.meter.Past()
		p.Begin(epoch, since)
		start := metav1.NewTime(epoch.Add(since))
		p.Object.Status.StartTime = &start
		e.ByUID[p.Object.UID] = int32(i)
		e.Put(int32(i), on, since)
		e.meter.Placed(int32(i))
		e.future.Put(int32(i), on, 1)
		if err := e.cluster.Place(p.Object, e.Nodes[on].Object.Name); err != nil {
			return err
		}
		if e.driver != nil {
			e.driver.Bound(e.bound(int32(i)))
		}
	}
	e.meter.Warm()
	return nil
}

// bound is the object of a pod as informers have it.
func (e *engine) bound(i int32) *v1.Pod {
	object := *e.Pods[i].Object
	object.Spec.NodeName = e.Nodes[e.Pods[i].Node].Object.Name
	return &object
}

// next is when something happens next; beyond the end if nothing does.
func (e *engine) next() time.Duration {
	at, t := min(e.meter.Next(), e.nextVisible()), &e.timeline
	if len(t.arrivals) > 0 {
		at = min(at, max(e.now, e.Pods[t.arrivals[0]].From.Arrival))
	}
	if len(t.departures) > 0 {
		at = min(at, max(e.now, e.Pods[t.departures[0]].From.Departure))
	}
	if len(t.events) > 0 {
		at = min(at, max(e.now, t.events[0].At))
	}
	return at
}

// nextVisible is when schedulers see the next measurement, as far as a pod waits for it.
func (e *engine) nextVisible() time.Duration {
	if !e.queue.anyHot() || e.driver == nil {
		return math.MaxInt64
	}
	at := e.meter.Time(e.meter.Visible(e.now, e.options.Delay)+1) + e.options.Delay
	if at <= e.now {
		return math.MaxInt64
	}
	return at
}

// see judges a node by what its pods want.
func (e *engine) see(on int32, milli int64) {
	capacity := e.Nodes[on].Capacity[0]
	e.judge.See(on, capacity, milli)
	if e.result.Heat != nil {
		e.result.Heat.see(on, float64(e.now)/float64(e.end), capacity, milli)
	}
}

// moment does all that is due. What is measured is the time before, so that comes first; then what goes, what waited
// and what comes.
func (e *engine) moment() error {
	if e.meter.Next() <= e.now {
		e.meter.Measure(e.see)
		e.judge.Open()
	}
	if err := e.departures(); err != nil {
		return err
	}
	burst, err := e.events()
	if err != nil {
		return err
	}
	if err := e.retry(); err != nil {
		return err
	}
	return e.arrivals(burst)
}

func (e *engine) departures() error {
	t := &e.timeline
	for ; len(t.departures) > 0 && e.Pods[t.departures[0]].From.Departure <= e.now; t.departures = t.departures[1:] {
		i := t.departures[0]
		if err := e.leave(i, false); err != nil {
			return err
		}
		e.Pods[i].Present = false
	}
	return nil
}

// leave takes a pod out of wherever it is. What it was to use later is taken back if it goes before its time.
func (e *engine) leave(i int32, early bool) error {
	p := &e.Pods[i]
	if !p.Present {
		return nil
	}
	delete(e.ByUID, p.Object.UID)
	if p.Node == world.Nowhere {
		e.queue.remove(i)
		return nil
	}
	object, on := e.bound(i), p.Node
	e.meter.Leaving(i, e.now)
	if early {
		e.future.Put(i, on, -1)
	}
	e.Take(i)
	e.queue.freed(on)
	if err := e.cluster.Remove(object.UID); err != nil {
		return err
	}
	if e.driver != nil {
		e.driver.Gone(object)
	}
	return nil
}

func (e *engine) arrivals(burst bool) error {
	t := &e.timeline
	counts := map[int32]int{}
	for ; len(t.arrivals) > 0 && e.Pods[t.arrivals[0]].From.Arrival <= e.now; t.arrivals = t.arrivals[1:] {
		i := t.arrivals[0]
		p := &e.Pods[i]
		if d := p.From.Departure; p.Present || d > 0 && d <= e.now {
			continue
		}
		if err := e.arrive(i); err != nil {
			return err
		}
		if burst && p.Node != world.Nowhere {
			counts[p.Node]++
		}
	}
	e.tellBurst(counts)
	return nil
}

// arrive lets a pod begin a life, and finds a place for it if it can.
func (e *engine) arrive(i int32) error {
	p := &e.Pods[i]
	p.Begin(epoch, e.now)
	e.ByUID[p.Object.UID] = i
	why, err := e.try(i)
	if err != nil || why == nil {
		return err
	}
	e.queue.add(i, why.Plugins)
	return nil
}

// try asks the scheduler for a place, and says why there is none.
func (e *engine) try(i int32) (*simulator.Unschedulable, error) {
	e.refresh()
	p := &e.Pods[i]
	name, err := e.cluster.Schedule(p.Object)
	var why *simulator.Unschedulable
	if errors.As(err, &why) {
		return why, nil
	}
	if err != nil {
		return nil, err
	}
	on := e.ByName[name]
	e.Put(i, on, e.now)
	e.meter.Placed(i)
	e.future.Put(i, on, 1)
	e.result.Placements++
	e.result.WaitedPodMinutes += (e.now - p.Arrived).Minutes()
	if e.future.Violated(on) {
		e.result.OracleViolations++
	}
	if e.driver != nil {
		e.driver.Bound(e.bound(i))
	}
	return nil, nil
}

// refresh has the policy see what there is to see by now. It costs too much to be done for nothing.
func (e *engine) refresh() {
	if e.driver == nil {
		return
	}
	if tick := e.meter.Visible(e.now, e.options.Delay); tick > e.seen {
		e.meter.Publish(tick)
		e.seen, e.changed = tick, true
	}
	if e.changed {
		e.driver.Refresh(e.Standing())
		e.changed = false
	}
}

// finish counts what is left over.
func (e *engine) finish() {
	r, v := e.result, e.judge.Verdict(e.options.Scrape)
	r.HotNodeMinutes, r.NodeMinutes, r.HotNodes = v.HotMinutes, v.NodeMinutes, v.HotNodes
	r.P99NodeUtilisation, r.MaxNodeUtilisation, r.UsableCPUShare = v.P99, v.Highest, v.Served
	if r.Placements > 0 {
		r.OracleViolations /= float64(r.Placements)
	}
	for i := range e.Pods {
		p := &e.Pods[i]
		if p.Present && p.Node == world.Nowhere {
			r.PodsPending++
		}
		if e.queue.hopelessPod(int32(i)) {
			r.PodsNeverFitting++
			if len(r.NeverFitting) < maxNamed {
				r.NeverFitting = append(r.NeverFitting, p.Name())
			}
		}
	}
}
