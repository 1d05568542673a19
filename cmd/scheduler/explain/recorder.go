package explain

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/clock"
)

// DefaultCapacity is how many attempts are kept.
const DefaultCapacity = 10_000

// maxQueued bounds the attempts that wait to be digested. Each may hold a
// status for every node; beyond it the scheduling thread digests them itself.
const maxQueued = 64

// Believe takes note of what is believed of some nodes' load, for a pod that is
// to be placed. It is called on the scheduling thread and must be quick; what it
// returns is called on another, soon, and gives the beliefs of each node in turn.
type Believe func(pod *v1.Pod, nodes []string) func() [][]Belief

// Recorder keeps the last attempts to place pods. It is safe for concurrent use.
type Recorder struct {
	clock clock.PassiveClock
	wake  chan struct{}
	pool  sync.Pool

	queueMu sync.Mutex
	queue   []note

	mu    sync.Mutex // taken before queueMu
	ring  *ring
	spare []note
}

// note is one thing that happened: a cycle ended, or a pod's placement failed
// at any later step.
type note struct {
	cycle   *cycle
	failure *failure
}

type failure struct {
	pod       podKey
	status    *fwk.Status
	nominated string
}

// NewRecorder returns a Recorder of the last capacity attempts.
func NewRecorder(capacity int, clock clock.PassiveClock) *Recorder {
	return &Recorder{
		clock: clock,
		wake:  make(chan struct{}, 1),
		pool:  sync.Pool{New: func() any { return &cycle{} }},
		ring:  newRing(max(1, capacity)),
	}
}

// Attach makes the recorder watch every attempt of sched, which must not run
// yet. believe says, by profile, how to ask for the usage believed.
func (r *Recorder) Attach(sched *scheduler.Scheduler, believe map[string]Believe) {
	// SchedulePod runs on one goroutine, so these need no lock.
	plugins := map[string][]string{}
	scored := map[string]podKey{}

	schedule := sched.SchedulePod
	sched.SchedulePod = func(
		ctx context.Context, profile framework.Framework, state fwk.CycleState, info *framework.QueuedPodInfo,
	) (scheduler.ScheduleResult, error) {
		name := profile.ProfileName()
		c, _ := r.pool.Get().(*cycle) // the pool makes no other
		c.reset(profile, info.Pod, info.Attempts, countNodes(profile), r.clock.Now())
		result, err := schedule(ctx, c, state, info)
		c.finish(result, err, r.clock.Now(), plugins[name], believe[name])
		c.reusedFrom = scored[name]
		if c.entry.plugins != nil {
			plugins[name] = c.entry.plugins
			scored[name] = podKey{info.Pod.Namespace, info.Pod.Name}
		}
		r.enqueue(note{cycle: c})
		return result, err
	}

	fail := sched.FailureHandler
	sched.FailureHandler = func(
		ctx context.Context, profile framework.Framework, info *framework.QueuedPodInfo, status *fwk.Status,
		nominating *fwk.NominatingInfo, start time.Time,
	) {
		f := &failure{pod: podKey{info.Pod.Namespace, info.Pod.Name}, status: status}
		if nominating != nil {
			f.nominated = nominating.NominatedNodeName
		}
		r.enqueue(note{failure: f})
		fail(ctx, profile, info, status, nominating, start)
	}
}

func countNodes(profile framework.Framework) int {
	nodes, err := profile.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return 0
	}
	return len(nodes)
}

// Run digests attempts until ctx is done.
func (r *Recorder) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
			r.drain()
		}
	}
}

func (r *Recorder) enqueue(n note) {
	r.queueMu.Lock()
	r.queue = append(r.queue, n)
	full := len(r.queue) >= maxQueued
	r.queueMu.Unlock()
	if full {
		r.drain()
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// drain digests what is queued, in order.
func (r *Recorder) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drainLocked()
}

func (r *Recorder) drainLocked() {
	r.queueMu.Lock()
	notes := r.queue
	r.queue = r.spare[:0]
	r.queueMu.Unlock()
	for i := range notes {
		if c := notes[i].cycle; c != nil {
			r.ring.add(c.digest())
			c.clear()
			r.pool.Put(c)
			continue
		}
		r.fail(notes[i].failure)
	}
	clear(notes)
	r.spare = notes[:0]
}

// fail adds to a pod's newest attempt what went wrong after a node was sought.
func (r *Recorder) fail(f *failure) {
	e := r.ring.latest(f.pod)
	if e == nil {
		return
	}
	e.record.Outcome = Failed
	if f.status.IsRejected() {
		e.record.Outcome = Unschedulable
	}
	e.record.Message = cut(f.status.Message(), maxMessage)
	e.record.NominatedNode = f.nominated
}

// Lookup returns the attempts kept for a pod, the newest first.
func (r *Recorder) Lookup(namespace, name string) []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drainLocked()
	return r.ring.all(podKey{namespace, name})
}

// Extent says how many attempts are kept at most, how many are, and when the
// oldest of them began.
func (r *Recorder) Extent() (capacity, kept int, oldest time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drainLocked()
	return r.ring.capacity, len(r.ring.slots), r.ring.oldest()
}
