// Package replay gives each running pod of a cluster a usage curve and serves
// what comes of it as though node-exporter, cAdvisor and metrics-server watched
// the cluster: as Prometheus and as the metrics.k8s.io API.
package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/replay/series"
)

// resolution is that of the time of a sample. Time is cut to it first, so that
// counters are exact at the times that samples carry.
const resolution = time.Millisecond

// Curve is what one pod uses, in cores, over the time of the trace.
// bitbrains.Curve is one.
type Curve interface {
	// Mean is the mean use over [from, to), and the use at from where that is
	// empty. Time zero is the replay's start; earlier is negative.
	Mean(from, to time.Duration) float64
}

// Constant is a curve that always uses the same.
type Constant float64

// Mean is c.
func (c Constant) Mean(_, _ time.Duration) float64 { return float64(c) }

// Options says what to replay, and how.
type Options struct {
	// Client reads pods and nodes. Required.
	Client kubernetes.Interface
	// Assign says which curve a pod plays; not ok: the pod has no usage at all
	// in any answer. It is asked once for each pod, when the pod runs. Required.
	Assign func(pod *corev1.Pod) (curve Curve, ok bool)
	// Speed is the trace's seconds in a second of wall time; default 1.
	Speed float64
	// Step is the wall time between two samples; default 500 ms.
	Step time.Duration
	// Window is the wall time over which the metrics.k8s.io API takes its
	// means, and so the time between two changes of its answers; default 15 s.
	Window time.Duration
	// BackfillStep is the wall time between two samples of Backfill; default 5 s.
	BackfillStep time.Duration
	// Retention is the wall time that series are kept; default 24 h.
	Retention time.Duration
	// Clock tells the wall time; default the real one.
	Clock clock.WithTicker
	// Dir holds the series; empty: a temporary directory, removed by Stop.
	Dir string
	// Listen is the address of the Prometheus API; default a free port of the
	// loopback interface. The API is plain HTTP without authentication.
	Listen string
}

func (o Options) withDefaults() (Options, error) {
	setDefault(&o.Speed, 1)
	setDefault(&o.Step, 500*time.Millisecond)
	setDefault(&o.Window, 15*time.Second)
	setDefault(&o.BackfillStep, 5*time.Second)
	setDefault(&o.Retention, 24*time.Hour)
	setDefault(&o.Listen, "127.0.0.1:0")
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	switch {
	case o.Client == nil:
		return o, errors.New("option Client must be set")
	case o.Assign == nil:
		return o, errors.New("option Assign must be set")
	case o.Speed <= 0 || o.Speed > 1e6 || math.IsNaN(o.Speed):
		return o, fmt.Errorf("option Speed must be greater than 0 and at most a million, got %v", o.Speed)
	case o.Step < time.Millisecond:
		return o, fmt.Errorf("option Step must be at least 1ms, got %v", o.Step)
	case o.BackfillStep < time.Millisecond:
		return o, fmt.Errorf("option BackfillStep must be at least 1ms, got %v", o.BackfillStep)
	case o.Window < o.Step:
		return o, fmt.Errorf("option Window (%v) must not be shorter than Step (%v)", o.Window, o.Step)
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// NodeDemand is what the pods of a node want, and what they get.
type NodeDemand struct {
	Name string
	// DemandCores is the mean of what the curves want over the step, UsedCores
	// of what the node could give.
	DemandCores, UsedCores float64
	AllocatableCores       float64
	// Pods is the number of running pods that have a curve.
	Pods int
}

// Observer is told of every step. The nodes come in order of name.
type Observer func(at time.Time, trace time.Duration, nodes []NodeDemand)

// Replayer plays curves. New makes one; then Backfill if there is history,
// Start, and in any case Stop.
type Replayer struct {
	options Options
	db      *series.DB
	cluster *cluster

	stop    context.CancelFunc
	running sync.WaitGroup
	factory informers.SharedInformerFactory
	server  *http.Server
	address string
	stopped sync.Once
	window  atomic.Pointer[window]

	mu        sync.Mutex // guards what follows, and is held while they are called
	observers []Observer
	injected  []func(at time.Time, trace time.Duration) []series.Sample

	// What follows belongs to Backfill, and after it to the loop.
	zero    time.Time // of the trace, in wall time
	last    *frame
	sampler sampler
	former  []former

	held atomic.Bool
}

// New makes a Replayer that does nothing yet. Stop must be called.
func New(options Options) (*Replayer, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("replaying: %w", err)
	}
	db, err := series.Open(series.Options{Dir: options.Dir, Retention: options.Retention})
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(options.Client, 0)
	core := factory.Core().V1()
	r := &Replayer{
		options: options,
		db:      db,
		factory: factory,
		cluster: &cluster{pods: core.Pods().Lister(), nodes: core.Nodes().Lister(), assign: options.Assign},
	}
	// The factory runs only informers that were asked for.
	core.Pods().Informer()
	core.Nodes().Informer()
	r.window.Store(&window{})
	return r, nil
}

// Observe has f called in every step from now on, one call at a time.
func (r *Replayer) Observe(f Observer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observers = append(r.observers, f)
}

// Inject has f called in every step from now on for more samples of that
// moment: network, disk, or anything else that curves do not have. A series
// that f no longer gives ends.
func (r *Replayer) Inject(f func(at time.Time, trace time.Duration) []series.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.injected = append(r.injected, f)
}

// Start begins to play. It returns when pods and nodes are known, the first
// sample is stored and the Prometheus API answers; it must be called once. When
// ctx ends, the curves stand still; the API answers until Stop.
func (r *Replayer) Start(ctx context.Context) error {
	ctx, r.stop = context.WithCancel(ctx)
	r.factory.StartWithContext(ctx)
	if err := r.factory.WaitForCacheSyncWithContext(ctx).AsError(); err != nil {
		return fmt.Errorf("waiting for pods and nodes: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", r.options.Listen)
	if err != nil {
		return fmt.Errorf("listening for Prometheus queries: %w", err)
	}
	r.address = listener.Addr().String()
	r.server = &http.Server{Handler: r.Handler(), ReadHeaderTimeout: 10 * time.Second}
	r.running.Go(func() { r.serve(ctx, listener) })

	ticker := r.options.Clock.NewTicker(r.options.Step)
	if err := r.step(ctx, r.options.Clock.Now()); err != nil {
		ticker.Stop()
		return err
	}
	r.running.Go(func() {
		defer ticker.Stop()
		r.loop(ctx, ticker)
	})
	return nil
}

func (r *Replayer) serve(ctx context.Context, listener net.Listener) {
	if err := r.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		klog.FromContext(ctx).Error(err, "Prometheus API of the replay ended")
	}
}

func (r *Replayer) loop(ctx context.Context, ticker clock.Ticker) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		if err := r.step(ctx, r.options.Clock.Now()); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Step of the replay lost")
		}
	}
}

// step plays up to a moment and stores what it comes to.
func (r *Replayer) step(ctx context.Context, at time.Time) error {
	players, machines, err := r.cluster.look()
	if err != nil {
		return err
	}
	at = at.Truncate(resolution)
	if r.held.Load() {
		r.zero = at
	}
	before := r.last
	if before == nil {
		r.zero, before = at, &frame{At: at}
	} else if !at.After(before.At) {
		return nil // the clock went back, or ticked twice
	}
	players = append(players, playing(r.former, r.traceTime(at))...)
	next := advance(before, players, machines, at, r.traceTime(at))
	r.mu.Lock()
	defer r.mu.Unlock()
	samples := r.sampler.samples(next)
	for _, more := range r.injected {
		samples = append(samples, more(at, next.Trace)...)
	}
	if err := r.db.Append(ctx, at, samples); err != nil {
		return err
	}
	r.last = next
	r.window.Store(r.window.Load().with(next, r.options.Window))
	if len(r.observers) > 0 {
		demand := next.demand()
		for _, observe := range r.observers {
			observe(at, next.Trace, demand)
		}
	}
	return nil
}

// Hold stops the trace's clock at zero until Release: pods keep using what they
// use at its beginning. It must be called before Start.
func (r *Replayer) Hold() { r.held.Store(true) }

// Release lets the trace's clock run.
func (r *Replayer) Release() { r.held.Store(false) }

// traceTime is the time of the trace at a wall time.
func (r *Replayer) traceTime(at time.Time) time.Duration {
	return time.Duration(float64(at.Sub(r.zero)) * r.options.Speed)
}

func (f *frame) demand() []NodeDemand {
	demand := make([]NodeDemand, len(f.Nodes))
	for i, n := range f.Nodes {
		demand[i] = NodeDemand{
			Name: n.Name, DemandCores: n.DemandCores, UsedCores: n.UsedCores,
			AllocatableCores: n.AllocatableCores, Pods: n.Pods,
		}
	}
	return demand
}

// Handler serves Prometheus' query API and /metrics, also before Start.
func (r *Replayer) Handler() http.Handler {
	return r.db.Handler(catalog(), r.options.Clock.Now)
}

// PrometheusURL is where the Prometheus API answers; empty before Start.
func (r *Replayer) PrometheusURL() string {
	if r.address == "" {
		return ""
	}
	return "http://" + r.address
}

// Stop ends the replay and everything that belongs to it. Only the first call
// does something.
func (r *Replayer) Stop() error {
	var err error
	r.stopped.Do(func() {
		if r.stop != nil {
			r.stop()
		}
		if r.server != nil {
			r.drain()
		}
		r.running.Wait()
		r.factory.Shutdown()
		err = r.db.Close()
	})
	return err
}

// drain ends the API: queries under way have a moment to finish, because they
// read the database that Stop closes next.
func (r *Replayer) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if r.server.Shutdown(ctx) != nil {
		_ = r.server.Close() // they had their time
	}
}
