package hold

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// Manager is the field manager of what is written.
const Manager = "evenkeel-metrics-adapter"

const (
	// refresh is how often a status is written while nothing but figures change.
	refresh = time.Minute
	// writes bounds how many a second there are in all.
	writes = 20
)

// Writer writes the status of ScalingWindows. One replica does; serving does not need it.
type Writer struct {
	Objects *Objects
	Client  dynamic.Interface
	Events  record.EventRecorder
	// Retention asks how long Prometheus keeps samples; 0 where that is not known.
	Retention func(ctx context.Context) time.Duration

	wrote map[types.UID]time.Time
}

// Run writes after each step until the context ends.
func (w *Writer) Run(ctx context.Context) {
	windows := w.Objects.windows
	w.wrote = map[types.UID]time.Time{}
	limit := rate.NewLimiter(writes, writes)
	for {
		select {
		case <-ctx.Done():
			return
		case <-windows.clock.After(windows.grid.Step):
		}
		w.round(ctx, limit)
	}
}

// round looks at each window once.
func (w *Writer) round(ctx context.Context, limit *rate.Limiter) {
	retention := w.Retention(ctx)
	still := map[types.UID]time.Time{}
	for _, t := range w.Objects.windows.trackers() {
		object := w.Objects.current(t.wish.Load().Object)
		if object == nil {
			continue
		}
		if wrote, ok := w.wrote[object.UID]; ok {
			still[object.UID] = wrote
		}
		if !w.due(t, object, retention) {
			continue
		}
		if limit.Wait(ctx) != nil {
			return
		}
		now := w.Objects.windows.clock.Now()
		v := t.view(now, retention)
		t.explain(&v)
		v.unset = w.fit(ctx, t.wish.Load())
		if err := w.write(ctx, t.wish.Load(), object, &v, now); err != nil {
			klog.FromContext(ctx).Error(err, "A status is not written; it is tried again", "scalingWindow", klog.KObj(object))
			continue
		}
		still[object.UID] = now
	}
	w.wrote = still
}

// due tells whether something changed that matters, or figures have been the same for long.
func (w *Writer) due(t *tracker, object *v1alpha1.ScalingWindow, retention time.Duration) bool {
	now := w.Objects.windows.clock.Now()
	if now.Sub(w.wrote[object.UID]) >= refresh {
		return true
	}
	v := t.view(now, retention)
	status := statusOf(t.wish.Load(), &v, nil, now)
	for _, is := range status.Conditions {
		was := meta.FindStatusCondition(object.Status.Conditions, is.Type)
		if was == nil || was.Status != is.Status || is.Type == Ready && was.Reason != is.Reason || was.ObservedGeneration != is.ObservedGeneration {
			return true
		}
	}
	return !equality.Semantic.DeepEqual(status.Replicas, object.Status.Replicas)
}

func (w *Writer) write(ctx context.Context, one *wish.Wish, object *v1alpha1.ScalingWindow, v *view, now time.Time) error {
	status := statusOf(one, v, object.Status.Conditions, now)
	if equality.Semantic.DeepEqual(status, object.Status) {
		return nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return fmt.Errorf("writing the status of %s: %w", one.Name(), err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{"status": fields}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ScalingWindow"))
	u.SetNamespace(object.Namespace)
	u.SetName(object.Name)
	options := metav1.ApplyOptions{FieldManager: Manager, Force: true}
	if _, err := w.Client.Resource(scalingWindows).Namespace(object.Namespace).ApplyStatus(ctx, object.Name, u, options); err != nil {
		return fmt.Errorf("writing the status of %s: %w", one.Name(), err)
	}
	w.tell(object, status.Conditions)
	return nil
}

// tell makes an event of a change of Ready.
func (w *Writer) tell(object *v1alpha1.ScalingWindow, conditions []metav1.Condition) {
	was, is := meta.FindStatusCondition(object.Status.Conditions, Ready), meta.FindStatusCondition(conditions, Ready)
	if is.Reason == wish.Replaying || was != nil && was.Status == is.Status && was.Reason == is.Reason {
		return
	}
	kind := v1.EventTypeNormal
	if is.Status != metav1.ConditionTrue {
		kind = v1.EventTypeWarning
	}
	about := &v1.ObjectReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "ScalingWindow", Namespace: object.Namespace, Name: object.Name, UID: object.UID,
	}
	w.Events.Event(about, kind, is.Reason, is.Message)
}
