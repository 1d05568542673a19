package hold

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// cluster is API servers that remember what is applied to them.
type cluster struct {
	dynamic *dynamicfake.FakeDynamicClient
	typed   *fake.Clientset
	applied []clienttesting.PatchAction
}

func newCluster(t *testing.T, hpas []*autoscalingv2.HorizontalPodAutoscaler, windows ...*v1alpha1.ScalingWindow) *cluster {
	t.Helper()
	var objects, others []runtime.Object
	for _, w := range windows {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(w)
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{Object: fields}
		u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ScalingWindow"))
		objects = append(objects, u)
	}
	for _, a := range hpas {
		others = append(others, a)
	}
	kinds := map[schema.GroupVersionResource]string{scalingWindows: "ScalingWindowList"}
	c := &cluster{dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, objects...), typed: fake.NewClientset(others...)}
	c.dynamic.PrependReactor("patch", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		c.applied = append(c.applied, action.(clienttesting.PatchAction))
		return true, &unstructured.Unstructured{Object: map[string]any{}}, nil
	})
	return c
}

// watch has an adapter follow a cluster.
func (c *cluster) watch(ctx context.Context, t *testing.T, a *adapter) *Objects {
	t.Helper()
	a.known.Store(false)
	factory := informers.NewSharedInformerFactory(c.typed, 0)
	o, err := NewObjects(a.Windows, c.dynamic, factory)
	if err != nil {
		t.Fatal(err)
	}
	factory.StartWithContext(ctx)
	go o.Run(ctx)
	time.Sleep(time.Second)
	synctest.Wait()
	return o
}

func steadyWorld(t *testing.T) *world {
	t.Helper()
	p := newWorld(t)
	f := fault{}
	f.record(t, p)
	return p
}

func TestObjectsAreWatchedAndTold(t *testing.T) {
	p := steadyWorld(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a := start(t, p, ticks(faultStep), nil, nil)
		defer a.kill()
		pods := four()[0]
		pods.Spec.AutoscalerPolicy = v1alpha1.ApplyAutoscaler
		c := newCluster(t, []*autoscalingv2.HorizontalPodAutoscaler{autoscaler()}, pods)
		o := c.watch(ctx, t, a)
		if err := a.Ready(); err != nil {
			t.Fatalf("with all objects known: %v", err)
		}
		events := record.NewFakeRecorder(10)
		w := &Writer{Objects: o, Client: c.dynamic, Events: events, Retention: func(context.Context) time.Duration { return time.Hour }}
		go w.Run(ctx)
		time.Sleep(10 * time.Minute)
		synctest.Wait()

		status, behaviors := c.read(t)
		if len(status) < 1 || len(status) > 11 {
			t.Fatalf("%d writes in ten minutes, want at most one a minute", len(status))
		}
		last := status[len(status)-1]
		if last.Target != "Deployment/web" || last.Demand.MilliValue() != 60_000 || last.Replicas.Served != 6 {
			t.Errorf("status is %+v", last)
		}
		for condition, want := range map[string]string{Ready: wish.Serving, AutoscalerFits: Advice, HistoryReaches: RetentionTooShort} {
			if got := meta.FindStatusCondition(last.Conditions, condition); got == nil || got.Reason != want {
				t.Errorf("condition %s is %v, want reason %s", condition, got, want)
			}
		}
		if len(behaviors) == 0 || !strings.Contains(behaviors[0], `"tolerance":"0"`) {
			t.Errorf("the autoscaler is set to %v", behaviors)
		}
		if got := <-events.Events; !strings.HasPrefix(got, "Normal "+wish.Serving) {
			t.Errorf("the event is %q", got)
		}

		if err := c.dynamic.Resource(scalingWindows).Namespace("shop").Delete(ctx, "pods", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if served, err := a.Served(podsKey); served != nil || err != nil {
			t.Errorf("without its object a window serves %v, %v", served, err)
		}
	})
}

// read returns what was written: statuses, and autoscalers as JSON.
func (c *cluster) read(t *testing.T) (status []v1alpha1.ScalingWindowStatus, behaviors []string) {
	t.Helper()
	for _, action := range c.applied {
		if action.GetResource() != scalingWindows {
			behaviors = append(behaviors, string(action.GetPatch()))
			continue
		}
		var w v1alpha1.ScalingWindow
		if err := json.Unmarshal(action.GetPatch(), &w); err != nil {
			t.Fatal(err)
		}
		if action.GetSubresource() != "status" {
			t.Errorf("more than the status is written: %s", action.GetPatch())
		}
		status = append(status, w.Status)
	}
	return status, behaviors
}

func TestWithoutTheKindThereAreNoWindows(t *testing.T) {
	p := steadyWorld(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a := start(t, p, ticks(faultStep), nil, nil)
		defer a.kill()
		c := newCluster(t, nil)
		c.dynamic.PrependReactor("list", "scalingwindows", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewNotFound(scalingWindows.GroupResource(), "")
		})
		c.watch(ctx, t, a)
		if served, err := a.Served(podsKey); served != nil || err != nil {
			t.Errorf("it serves %v, %v", served, err)
		}
	})
}

func TestUntilObjectsAreKnownNothingIsServed(t *testing.T) {
	p := steadyWorld(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a := start(t, p, ticks(faultStep), nil, nil)
		defer a.kill()
		c := newCluster(t, nil)
		c.dynamic.PrependReactor("list", "scalingwindows", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, errDown
		})
		c.watch(ctx, t, a)
		if served, err := a.Served(podsKey); err == nil {
			t.Errorf("it serves %v, and whether there is a window is not known", served)
		}
		if a.Ready() == nil {
			t.Error("it is ready")
		}
	})
}
