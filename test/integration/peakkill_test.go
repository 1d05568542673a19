package integration

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

const (
	peakKilled = "peakkilled"
	// peakKills is how often a peak shaver is killed, peakVictims how many there are of it at once: none asks for a lease.
	peakKills, peakVictims = 200, 4
)

// killTargets are objects of all kinds, as their owners give them, each with fields that are set and some that are not.
func killTargets() map[v1alpha1.TargetKind][]string {
	const pod = `template: {metadata: {labels: {app: w}}, spec: {schedulerName: nobody, containers: [{name: c, image: "registry.example/c:1"}]}}`
	const once = `template: {spec: {schedulerName: nobody, restartPolicy: Never, containers: [{name: c, image: "registry.example/c:1"}]}}`
	const scaled = `selector: {matchLabels: {app: w}}, ` + pod
	return map[v1alpha1.TargetKind][]string{
		v1alpha1.Job: {once, "suspend: false, " + once, "suspend: true, " + once},
		v1alpha1.CronJob: {
			`schedule: "0 3 1 1 *", jobTemplate: {spec: {` + once + `}}`, `schedule: "0 3 1 1 *", suspend: true, jobTemplate: {spec: {` + once + `}}`,
		},
		v1alpha1.Deployment:  {"replicas: 4, " + scaled, "replicas: 0, " + scaled, scaled, "replicas: 3, paused: true, " + scaled},
		v1alpha1.StatefulSet: {"replicas: 3, serviceName: none, " + scaled},
		v1alpha1.HorizontalPodAutoscaler: {
			"scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}, maxReplicas: 9",
			"scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}, minReplicas: 5, maxReplicas: 9",
		},
		v1alpha1.ScaledObject: {"scaleTargetRef: {name: none}"},
		v1alpha1.LocalQueue:   {"clusterQueue: all", "clusterQueue: all, stopPolicy: None"},
		v1alpha1.ClusterQueue: {"cohort: none", "stopPolicy: Hold"},
	}
}

// killPolicies come and go while peak shavers are killed; each is open all the time.
var killPolicies = []string{`
apiVersion: evenkeel.dev/v1alpha1
kind: ClusterPeakPolicy
metadata: {name: kill-all}
spec:
  windows:
  - {name: always, timeZone: UTC, from: "00:00", to: "24:00"}
  selection: {kinds: [Job, CronJob, Deployment, StatefulSet, HorizontalPodAutoscaler, ScaledObject, LocalQueue, ClusterQueue], labels: {matchLabels: {shaved: killed}}}
  action: {suspend: true, replicas: {atMostPercent: 50}, autoscaler: {maxReplicas: 2}, pauseScaledObjects: true, stopQueues: HoldAndDrain}
  grace: {running: Stop}
`, `
apiVersion: evenkeel.dev/v1alpha1
kind: ClusterPeakPolicy
metadata: {name: kill-ceiling}
spec:
  windows:
  - {name: always, timeZone: UTC, from: "00:00", to: "24:00"}
  selection: {kinds: [Job, Deployment, StatefulSet, HorizontalPodAutoscaler], labels: {matchLabels: {shaved: killed}}}
  action: {suspend: true, replicas: {atMost: 1}, autoscaler: {minReplicas: 1, maxReplicas: 3}}
  grace: {running: Stop}
  deadline: {after: 24h, expectedRunTime: 1h}
  ceiling: {cpu: 50}
  onConflict: Insist
`}

// slaughter is what is killed in.
type slaughter struct {
	client dynamic.Interface
	args   []string
}

func newSlaughter(t *testing.T) *slaughter {
	t.Helper()
	newCRDs(t)
	for _, object := range readObjects(t, filepath.Join(manifests, "overlays/peakshaver/admission.yaml")) {
		apply(t, object)
	}
	newNamespace(t, peakKilled)
	s := &slaughter{client: dynamicOf(t), args: []string{
		"--kubeconfig=" + writeKubeconfig(t, cluster(t).RESTConfig()), "--leader-elect=false", "--secure-port=0", "-v=2",
	}}
	for kind, scope := range map[v1alpha1.TargetKind]string{
		v1alpha1.ScaledObject: "Namespaced", v1alpha1.LocalQueue: "Namespaced", v1alpha1.ClusterQueue: "Cluster",
	} {
		define(t, kind, scope)
	}
	for kind, all := range killTargets() {
		for i, spec := range all {
			s.createTarget(t, kind, fmt.Sprint("kill-", i), spec)
		}
	}
	return s
}

func (s *slaughter) createTarget(t *testing.T, kind v1alpha1.TargetKind, name, spec string) {
	t.Helper()
	resource := target.ResourceOf(kind)
	u := objectOf(t, fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s, labels: {shaved: killed}}, spec: {%s}}", resource.GroupVersion(), kind, name, spec))
	if kind != v1alpha1.ClusterQueue {
		u.SetNamespace(peakKilled)
	}
	if _, err := s.client.Resource(resource).Namespace(u.GetNamespace()).Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// targets are what there is of all kinds, by kind and name.
func (s *slaughter) targets(ctx context.Context) (map[string]*unstructured.Unstructured, error) {
	all := map[string]*unstructured.Unstructured{}
	for kind := range killTargets() {
		list, err := s.client.Resource(target.ResourceOf(kind)).List(ctx, metav1.ListOptions{LabelSelector: "shaved=killed"})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			all[string(kind)+" "+list.Items[i].GetName()] = &list.Items[i]
		}
	}
	return all, nil
}

// asOwned is what the owners see of objects.
func asOwned(objects map[string]*unstructured.Unstructured) map[string]any {
	all := map[string]any{}
	for name, u := range objects {
		annotations := maps.Clone(u.GetAnnotations())
		maps.DeleteFunc(annotations, func(key, _ string) bool {
			return !strings.Contains(key, "evenkeel.dev") && !strings.Contains(key, "keda.sh")
		})
		all[name] = []any{u.Object["spec"], u.GetLabels(), len(annotations)}
	}
	return all
}

// held is how many objects are not as their owners made them.
func held(objects map[string]*unstructured.Unstructured) (n int) {
	for _, u := range objects {
		if _, is := u.GetLabels()[ledger.LabelOriginal]; is {
			n++
		}
	}
	return n
}

// toggle has policies come and go, and new Jobs come, until the context ends; then the policies go.
func (s *slaughter) toggle(ctx context.Context, t *testing.T) {
	random := rand.New(rand.NewPCG(1, 9))
	policies := s.client.Resource(v1alpha1.GroupVersion.WithResource("clusterpeakpolicies"))
	for i := 0; ctx.Err() == nil; i++ {
		u := objectOf(t, killPolicies[random.IntN(len(killPolicies))])
		_, err := policies.Create(t.Context(), u, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			err = policies.Delete(t.Context(), u.GetName(), metav1.DeleteOptions{})
		}
		if err != nil {
			t.Error(err)
			return
		}
		if i%10 == 0 {
			s.createTarget(t, v1alpha1.Job, fmt.Sprint("late-", i), killTargets()[v1alpha1.Job][0])
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.Int64N(int64(time.Second)))):
		}
	}
	for _, text := range killPolicies {
		if err := policies.Delete(t.Context(), objectOf(t, text).GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
}

// changedLine is in the log of a process once for each write.
const changedLine = `"Changed"`

// firstWrite is how long a process takes until it has written, several of which start at once.
func (s *slaughter) firstWrite(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	var all []*process
	for range peakVictims {
		all = append(all, startProcess(t, selfCommand(t, asPeakShaver, s.args...)))
	}
	eventually(t, "the first write", func(context.Context) (bool, error) {
		return slices.ContainsFunc(all, func(p *process) bool { return strings.Contains(p.output.String(), changedLine) }), nil
	})
	took := time.Since(begun)
	for _, p := range all {
		p.signal(t, syscall.SIGKILL)
	}
	return took
}

// TestKilledPeakShaverLosesNothing kills processes at random moments while policies come and go. What owners gave objects of all
// kinds is there again in the end, and in no object a value is what neither its owner nor a policy said.
func TestKilledPeakShaverLosesNothing(t *testing.T) {
	s := newSlaughter(t)
	first, err := s.targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := asOwned(first)
	ctx, stop := context.WithCancel(t.Context())
	var toggling, group sync.WaitGroup
	toggling.Go(func() { s.toggle(ctx, t) })
	longestLife := 3 * s.firstWrite(t)
	begun := time.Now()
	var started, wrote, writes atomic.Int32
	for i := range peakVictims {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 200))
			for started.Add(1) <= peakKills {
				victim := startProcess(t, selfCommand(t, asPeakShaver, s.args...))
				<-time.After(time.Duration(random.Int64N(int64(longestLife))))
				victim.signal(t, syscall.SIGKILL)
				if n := strings.Count(victim.output.String(), changedLine); n > 0 {
					wrote.Add(1)
					writes.Add(int32(n))
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d killed within %s of their start in %s, %d of them after they had written; %d writes", peakKills, longestLife, time.Since(begun), wrote.Load(), writes.Load())
	if wrote.Load() < peakKills/20 {
		t.Error("too few were killed after they had written")
	}
	stop()
	toggling.Wait()
	startProcess(t, selfCommand(t, asPeakShaver, s.args...))
	var last map[string]*unstructured.Unstructured
	eventually(t, "everything to be given back", func(ctx context.Context) (_ bool, err error) {
		last, err = s.targets(ctx)
		return held(last) == 0, err
	})
	after := asOwned(last)
	for name, u := range last {
		if strings.HasPrefix(name, "Job late-") {
			if suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend"); suspended {
				t.Errorf("%s is suspended for ever", name)
			}
			delete(after, name)
		}
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("not as it was:\n%s", diff)
	}
}
