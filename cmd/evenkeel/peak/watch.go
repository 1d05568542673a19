package peak

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/internal/replay"
)

// watch keeps what became of the Jobs, and what each contender's node was asked for.
type watch struct {
	jobs cache.Store
	now  func() time.Duration

	mu    sync.Mutex
	ended map[string]map[string]time.Duration // by namespace and name
	loads map[string][]Load                   // by node
}

func newWatch(ctx context.Context, client kubernetes.Interface, now func() time.Duration) (*watch, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	jobs := factory.Batch().V1().Jobs().Informer()
	w := &watch{jobs: jobs.GetStore(), now: now, ended: map[string]map[string]time.Duration{}, loads: map[string][]Load{}}
	if _, err := jobs.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, object any) {
		if job, ok := object.(*batchv1.Job); ok && isDone(job) {
			w.end(job)
		}
	}}); err != nil {
		return nil, fmt.Errorf("watching Jobs: %w", err)
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), jobs.HasSynced) {
		return nil, fmt.Errorf("watching Jobs: %w", context.Cause(ctx))
	}
	return w, nil
}

func isDone(job *batchv1.Job) bool {
	for _, condition := range job.Status.Conditions {
		if condition.Type == batchv1.JobComplete && condition.Status == v1.ConditionTrue {
			return true
		}
	}
	return false
}

func (w *watch) end(job *batchv1.Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.ended[job.Namespace]
	if of == nil {
		of = map[string]time.Duration{}
		w.ended[job.Namespace] = of
	}
	if _, known := of[job.Name]; !known {
		of[job.Name] = w.now()
	}
}

func (w *watch) load(trace time.Duration, nodes []replay.NodeDemand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, node := range nodes {
		w.loads[node.Name] = append(w.loads[node.Name], Load{At: trace, Cores: node.DemandCores})
	}
}

// of is what is known of a contender: its loads, and when its Jobs ended.
func (w *watch) of(name string) ([]Load, map[string]time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Load(nil), w.loads[name]...), maps.Clone(w.ended[name])
}

// count tells how many Jobs of a contender run, and how many wait.
func (w *watch) count(name string) (running, waiting int) {
	for _, item := range w.jobs.List() {
		job, ok := item.(*batchv1.Job)
		switch {
		case !ok || job.Namespace != name:
		case ptr.Deref(job.Spec.Suspend, false):
			waiting++
		case job.Status.Active > 0:
			running++
		}
	}
	return running, waiting
}
