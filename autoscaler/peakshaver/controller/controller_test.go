package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// world is a cluster of objects alone, and the clock of its policies.
type world struct {
	client *fake.FakeDynamicClient
	clock  *clocktesting.FakeClock

	mu     sync.Mutex
	events []string
	usage  Usage
	lacks  []v1alpha1.TargetKind
	shown  clock.WithTicker // what the controller takes for the time; nil: clock
}

// monday at 7 in Berlin, an hour before the window opens.
var monday = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, objects ...string) *world {
	t.Helper()
	lists := map[schema.GroupVersionResource]string{
		peakPolicies: "PeakPolicyList", clusterPeakPolicies: "ClusterPeakPolicyList", namespaceResource: "NamespaceList",
		priorityResource: "PriorityClassList", nodeResource: "NodeList", configMapResource: "ConfigMapList",
	}
	for _, kind := range target.Kinds() {
		lists[target.ResourceOf(kind)] = string(kind) + "List"
	}
	var all []runtime.Object
	for _, text := range objects {
		all = append(all, parse(t, text))
	}
	return &world{
		client: fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, all...),
		clock:  clocktesting.NewFakeClock(monday),
	}
}

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return u
}

// Eventf makes the world the recorder of events.
func (w *world) Eventf(object runtime.Object, _, reason, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, _ := object.(*unstructured.Unstructured)
	w.events = append(w.events, fmt.Sprintf("%s %s: %s: ", u.GetKind(), u.GetName(), reason)+fmt.Sprintf(format, args...))
}

func (w *world) told(parts ...string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.events, func(event string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(event, part) })
	})
}

// run runs a controller until the function returned is called.
func (w *world) run(t *testing.T, registerer prometheus.Registerer) (stop func()) {
	t.Helper()
	_, stop = w.start(t, registerer)
	return stop
}

func (w *world) start(t *testing.T, registerer prometheus.Registerer) (c *Controller, stop func()) {
	t.Helper()
	shown := w.shown
	if shown == nil {
		shown = w.clock
	}
	c, err := New(Config{
		Client: w.client, Recorder: w, Clock: shown, WritesPerSecond: 10_000, Workers: 4, Registerer: registerer, Usage: w.usage,
		Kinds: slices.DeleteFunc(target.Kinds(), func(kind v1alpha1.TargetKind) bool { return slices.Contains(w.lacks, kind) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return c, stop
}

// at sets the clock to hours after Monday at 7.
func (w *world) at(hours float64) {
	w.clock.SetTime(monday.Add(time.Duration(hours * float64(time.Hour))))
}

func (w *world) get(t *testing.T, resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	t.Helper()
	u, err := w.client.Resource(resource).Namespace("batch").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) set(t *testing.T, kind v1alpha1.TargetKind, name string, value any, path ...string) {
	t.Helper()
	u := w.get(t, target.ResourceOf(kind), name)
	if err := unstructured.SetNestedField(u.Object, value, path...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Resource(target.ResourceOf(kind)).Namespace("batch").Update(t.Context(), u, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 2*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) { return done(), nil })
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// becomes waits until a field of a target has a value.
func (w *world) becomes(t *testing.T, kind v1alpha1.TargetKind, name string, want any, path ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s of %s %s to be %v", strings.Join(path, "."), kind, name, want), func() bool {
		w.clock.Step(time.Second)
		got, _, err := unstructured.NestedFieldNoCopy(w.get(t, target.ResourceOf(kind), name).Object, path...)
		return err == nil && cmp.Equal(got, want)
	})
}

func policyOf(name, spec string) string {
	return `{"apiVersion": "evenkeel.dev/v1alpha1", "kind": "PeakPolicy", "metadata": {"name": "` + name + `", "namespace": "batch", "uid": "` + name + `", "generation": 1}, "spec": ` + spec + `}`
}

const (
	windows = `"windows": [{"name": "day", "timeZone": "Europe/Berlin", "from": "08:00", "to": "18:00"}]`
	halved  = `{` + windows + `, "selection": {"kinds": ["Deployment"]}, "action": {"replicas": {"atMostPercent": 50}}}`
)

func deployment(name string, replicas int) string {
	return fmt.Sprintf(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": %q, "namespace": "batch", "uid": %q}, "spec": {"replicas": %d}}`, name, name, replicas)
}

func TestThroughAWindow(t *testing.T) {
	w := newWorld(t, deployment("a", 10), policyOf("half", halved))
	registry := prometheus.NewRegistry()
	w.run(t, registry)
	before := w.get(t, target.ResourceOf(v1alpha1.Deployment), "a")
	w.at(2)
	w.becomes(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
	eventually(t, "the event", func() bool {
		return w.told("Deployment a", "PeakBegun", "5 replicas until 2026-03-02T17:00:00Z", "batch/half")
	})
	eventually(t, "the status", func() bool {
		w.clock.Step(time.Second)
		return cmp.Equal(w.conditions(t, "half"), map[string]string{"Ready": "True CarriedOut", "Active": "True WindowOpen", "Conflict": "False Agreed"})
	})
	w.at(12)
	w.becomes(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
	eventually(t, "the status", func() bool {
		w.clock.Step(time.Second)
		return w.conditions(t, "half")["Active"] == "False NoWindow"
	})
	eventually(t, "the edges to be told", func() bool {
		return w.told("PeakPolicy half", "WindowOpen: open: day; selects 1 objects") && w.told("PeakPolicy half", "WindowClosed: no window is open")
	})
	after := w.get(t, target.ResourceOf(v1alpha1.Deployment), "a")
	after.SetResourceVersion("")
	before.SetResourceVersion("")
	after.SetLabels(before.GetLabels())
	after.SetAnnotations(before.GetAnnotations())
	if diff := cmp.Diff(before.Object, after.Object); diff != "" {
		t.Errorf("not restored:\n%s", diff)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

// TestStatusesWaitForTargets: how many a policy selects is told when all were looked at, not before.
func TestStatusesWaitForTargets(t *testing.T) {
	w := newWorld(t)
	c, err := New(Config{Client: w.client, Kinds: target.Kinds(), Recorder: w, Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "leaving"} {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "Deployment"}}
		u.SetNamespace("batch")
		u.SetName(name)
		if name == "leaving" {
			u.SetDeletionTimestamp(&metav1.Time{Time: monday})
		}
		if err := c.cluster.Targets[v1alpha1.Deployment].Add(u); err != nil {
			t.Fatal(err)
		}
	}
	c.stale = true
	for _, step := range []struct {
		outcomes []string
		told     bool
	}{{nil, false}, {[]string{"a"}, false}, {[]string{"a", "b"}, true}, {[]string{"a"}, true}} {
		c.outcomes = map[key]outcome{}
		for _, name := range step.outcomes {
			c.outcomes[key{v1alpha1.Deployment, "batch/" + name}] = outcome{}
		}
		if _, tallies := c.tallies(monday); (tallies != nil) != step.told {
			t.Errorf("with %v looked at: %v", step.outcomes, tallies)
		}
		c.stale = true
	}
}

func (w *world) conditions(t *testing.T, name string) map[string]string {
	t.Helper()
	conditions, _, _ := unstructured.NestedSlice(w.get(t, peakPolicies, name).Object, "status", "conditions")
	all := map[string]string{}
	for _, item := range conditions {
		if condition, ok := item.(map[string]any); ok {
			all[fmt.Sprint(condition["type"])] = fmt.Sprint(condition["status"], " ", condition["reason"])
		}
	}
	return all
}

func TestPolicyDeletedInItsWindow(t *testing.T) {
	for name, down := range map[string]bool{"seen": false, "while nobody looked": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, deployment("a", 10), policyOf("half", halved))
			w.at(2)
			stop := w.run(t, nil)
			w.becomes(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
			if down {
				stop()
			}
			if err := w.client.Resource(peakPolicies).Namespace("batch").Delete(t.Context(), "half", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if down {
				w.run(t, nil)
			}
			w.becomes(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
		})
	}
}

func TestSomebodyElse(t *testing.T) {
	insisting := strings.Replace(halved, `"action"`, `"onConflict": "Insist", "action"`, 1)
	t.Run("is left alone and told", func(t *testing.T) {
		w := newWorld(t, deployment("a", 10), policyOf("half", halved))
		w.at(2)
		w.run(t, nil)
		w.becomes(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
		w.set(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
		eventually(t, "the event", func() bool { return w.told("Overruled", "10 replicas, where batch/half wants 5 replicas") })
		eventually(t, "the condition", func() bool { return w.conditions(t, "half")["Conflict"] == "True Overruled" })
		w.becomes(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
		w.at(12)
		eventually(t, "the record to be taken away", func() bool {
			w.clock.Step(time.Second)
			return len(w.get(t, target.ResourceOf(v1alpha1.Deployment), "a").GetLabels()) == 0
		})
		w.becomes(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
	})
	t.Run("is overruled a bounded number of times", func(t *testing.T) {
		w := newWorld(t, deployment("a", 10), policyOf("half", insisting))
		w.at(2)
		w.run(t, nil)
		w.becomes(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
		for range insistences {
			w.set(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
			w.becomes(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
		}
		w.set(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
		eventually(t, "giving in", func() bool { return w.told("Overruled", "10 replicas") })
	})
}

func TestLeftAsTheyAre(t *testing.T) {
	missing := strings.Replace(halved, `"to": "18:00"`, `"to": "18:00", "holidays": {"configMap": {"name": "none", "key": "k"}}`, 1)
	for name, test := range map[string]struct {
		objects []string
		event   []string
	}{
		"no calendar": {
			[]string{deployment("a", 10), policyOf("half", missing)},
			[]string{"PeakPolicy half: BrokenPolicy", "spec.windows[0].holidays.configMap", "batch/none"},
		},
		"no such zone": {
			[]string{deployment("a", 10), policyOf("half", strings.Replace(halved, "Europe/Berlin", "Europe/Nowhere", 1))},
			[]string{"PeakPolicy half: BrokenPolicy", "spec.windows[0].timeZone"},
		},
		"the record is gone": {
			[]string{strings.Replace(deployment("a", 10), `"uid"`,
				`"managedFields": [{"manager": "`+ledger.Manager+`", "fieldsV1": {"f:spec": {"f:replicas": {}}}}], "uid"`, 1), policyOf("half", halved)},
			[]string{"Deployment a: RecordLost", ledger.LabelOriginal},
		},
		"a record that cannot be read": {
			[]string{strings.Replace(deployment("a", 10), `"uid"`, `"labels": {"`+ledger.LabelOriginal+`": "1.2.3"}, "uid"`, 1), policyOf("half", halved)},
			[]string{"Deployment a: Unreadable", ledger.LabelOriginal},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.objects...)
			w.at(2)
			w.run(t, nil)
			eventually(t, "the event", func() bool { return w.told(test.event...) })
			w.becomes(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
			for _, action := range w.client.Actions() {
				if action.GetVerb() == "patch" && action.GetResource().Resource == "deployments" {
					t.Errorf("was written: %s", action)
				}
			}
		})
	}
}

// TestCalendarsAreReadAgain: within a minute, and nothing is looked at again where they are what they were.
func TestCalendarsAreReadAgain(t *testing.T) {
	spec := strings.Replace(halved, `"to": "18:00"`, `"to": "18:00", "holidays": {"configMap": {"name": "days", "key": "k"}}`, 1)
	w := newWorld(t, deployment("a", 10), policyOf("half", spec))
	w.at(2)
	fails := true
	var mu sync.Mutex
	w.client.PrependReactor("get", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		return fails, nil, errors.New("not now")
	})
	w.run(t, nil)
	eventually(t, "the policy to be broken", func() bool { return w.told("BrokenPolicy", "not now") })
	mu.Lock()
	fails = false
	mu.Unlock()
	step := func() { w.clock.Step(reload) }
	eventually(t, "the calendar to be missing", func() bool { step(); return w.told("BrokenPolicy", "there is no ConfigMap batch/days") })
	days := w.client.Resource(configMapResource).Namespace("batch")
	of := func(day string) *unstructured.Unstructured {
		return parse(t, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "days", "namespace": "batch"}, "data": {"k": "`+day+`"}}`)
	}
	if _, err := days.Create(t.Context(), of("2026-03-03"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.at(2)
	eventually(t, "the policy to be carried out", func() bool {
		step()
		n, _, _ := unstructured.NestedInt64(w.get(t, target.ResourceOf(v1alpha1.Deployment), "a").Object, "spec", "replicas")
		return n == 5
	})
	w.at(3)
	if _, err := days.Update(t.Context(), of("2026-03-02"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the holiday to be seen", func() bool {
		step()
		n, _, _ := unstructured.NestedInt64(w.get(t, target.ResourceOf(v1alpha1.Deployment), "a").Object, "spec", "replicas")
		return n == 10
	})
}

func TestAutoscaledIsLeftToItsAutoscaler(t *testing.T) {
	autoscaler := `{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": "batch", "uid": "h"},
		"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "a"}, "minReplicas": 2, "maxReplicas": 20}}`
	spec := strings.Replace(halved, `["Deployment"]`, `["Deployment", "HorizontalPodAutoscaler"]`, 1)
	spec = strings.Replace(spec, `"action": {`, `"action": {"autoscaler": {"maxReplicas": 3}, `, 1)
	w := newWorld(t, deployment("a", 10), deployment("b", 10), autoscaler, policyOf("half", spec))
	w.at(2)
	w.run(t, nil)
	w.becomes(t, v1alpha1.HorizontalPodAutoscaler, "h", int64(3), "spec", "maxReplicas")
	w.becomes(t, v1alpha1.Deployment, "b", int64(5), "spec", "replicas")
	w.becomes(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
	if err := w.client.Resource(target.ResourceOf(v1alpha1.HorizontalPodAutoscaler)).Namespace("batch").Delete(t.Context(), "h", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.becomes(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
}

// TestNoSuchKind: a policy that names a kind which the cluster lacks says so, and is carried out of the others.
func TestNoSuchKind(t *testing.T) {
	spec := strings.Replace(halved, `["Deployment"]`, `["ScaledObject", "Deployment"]`, 1)
	w := newWorld(t, deployment("a", 10), policyOf("half", spec))
	w.lacks = []v1alpha1.TargetKind{v1alpha1.ScaledObject}
	w.at(2)
	w.run(t, nil)
	w.becomes(t, v1alpha1.Deployment, "a", int64(5), "spec", "replicas")
	eventually(t, "the condition", func() bool {
		w.clock.Step(time.Second)
		return w.conditions(t, "half")["Ready"] == "False NoSuchKind"
	})
	if !w.told("PeakPolicy half", "NoSuchKind", "spec.selection.kinds[0]", "ScaledObject (keda.sh/v1alpha1)") {
		t.Errorf("no event tells of it: %v", w.events)
	}
	w.at(12)
	w.becomes(t, v1alpha1.Deployment, "a", int64(10), "spec", "replicas")
}

// TestKilled stops controllers at random writes, some of which were carried out and some not, at random times of the week.
// Nothing that an owner said is lost.
func TestKilled(t *testing.T) {
	const kills, each = 200, 10
	spec := `{` + windows + `, "selection": {"kinds": ["Deployment", "Job", "HorizontalPodAutoscaler"]},
		"action": {"suspend": true, "replicas": {"atMostPercent": 50}, "autoscaler": {"maxReplicas": 2}}, "end": {"ramp": "30m"}}`
	objects := []string{policyOf("all", spec)}
	for i := range each {
		objects = append(objects, deployment(fmt.Sprint("d", i), i+2),
			fmt.Sprintf(`{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j%d", "namespace": "batch", "uid": "j%d"}, "spec": {}}`, i, i),
			fmt.Sprintf(`{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h%d", "namespace": "batch"},
				"spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": "none"}, "minReplicas": %d, "maxReplicas": %d}}`, i, i+1, i+5))
	}
	w := newWorld(t, objects...)
	before := w.snapshot(t)
	random := rand.New(rand.NewPCG(1, 9))
	var left, killed int // left: writes until the kill
	var kill context.CancelFunc
	var mu sync.Mutex
	w.client.PrependReactor("patch", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left < 0 {
			return true, nil, errors.New("killed")
		}
		if left > 0 {
			object, err := w.patch(action)
			return true, object, err
		}
		killed++
		kill()
		if random.IntN(2) == 0 { // the write is carried out, and nobody is left to hear of it
			_, _ = w.patch(action)
		}
		return true, nil, errors.New("killed")
	})
	for range kills {
		w.clock.Step(time.Duration(random.Int64N(int64(16 * time.Hour))))
		c, err := New(Config{Client: w.client, Kinds: target.Kinds(), Recorder: w, Clock: w.clock, WritesPerSecond: 10_000, Workers: 3})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		mu.Lock()
		left, kill = 1+random.IntN(3*each), cancel
		mu.Unlock()
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		eventually(t, "a write to be killed at", func() bool { // time passes, and sooner or later there is one
			w.clock.Step(time.Duration(random.Int64N(int64(time.Hour))))
			return ctx.Err() != nil
		})
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	if killed != kills {
		t.Errorf("killed %d times, want %d", killed, kills)
	}
	left = 1 << 30
	mu.Unlock()
	w.clock.SetTime(monday.AddDate(1, 0, 0))
	w.run(t, nil)
	defer func() {
		if t.Failed() {
			t.Log(cmp.Diff(before, w.snapshot(t)))
		}
	}()
	eventually(t, "everything to be restored", func() bool { return cmp.Equal(before, w.snapshot(t)) })
}

// patch refuses what is for another version than there is, as an API server does and this client does not.
func (w *world) patch(action clienttesting.Action) (runtime.Object, error) {
	change, ok := action.(clienttesting.PatchAction)
	if !ok || change.GetSubresource() != "" {
		_, object, err := clienttesting.ObjectReaction(w.client.Tracker())(action)
		return object, err
	}
	resource, of := action.GetResource(), &unstructured.Unstructured{}
	is, err := w.client.Tracker().Get(resource, action.GetNamespace(), change.GetName())
	if err == nil {
		err = json.Unmarshal(change.GetPatch(), &of.Object)
	}
	if err != nil {
		return nil, err
	}
	version := target.AsObject(is).GetResourceVersion()
	if of.GetResourceVersion() != version {
		return nil, apierrors.NewConflict(resource.GroupResource(), change.GetName(), errors.New("it has changed"))
	}
	if _, _, err = clienttesting.ObjectReaction(w.client.Tracker())(action); err != nil {
		return nil, err
	}
	if is, err = w.client.Tracker().Get(resource, action.GetNamespace(), change.GetName()); err != nil {
		return nil, err
	}
	next := target.AsObject(is).DeepCopy()
	next.SetResourceVersion(version + "i")
	return next, w.client.Tracker().Update(resource, next, action.GetNamespace())
}

// snapshot is what the owners see of their objects.
func (w *world) snapshot(t *testing.T) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, kind := range []v1alpha1.TargetKind{v1alpha1.Deployment, v1alpha1.Job, v1alpha1.HorizontalPodAutoscaler} {
		list, err := w.client.Resource(target.ResourceOf(kind)).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range list.Items {
			all[target.NameOf(&u)] = []any{u.Object["spec"], len(u.GetLabels()), len(u.GetAnnotations())}
		}
	}
	return all
}
