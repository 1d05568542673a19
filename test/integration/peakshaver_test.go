package integration

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	realclock "k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/controller"
	peakshaver "github.com/evenkeel/evenkeel/cmd/peakshaver/app"
)

const shaved = "shaved"

// atSeven is a Monday in Berlin, an hour before the policy's window opens.
var atSeven = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// shave runs the controller, by a clock of its own, until the function returned is called or the test ends.
func shave(t *testing.T, config *rest.Config, clock *clocktesting.FakeClock) (stop func()) {
	t.Helper()
	return shaveAndTell(t, config, clock, nil)
}

// shaveAndTell is shave with events, and with more kinds than Kubernetes' own.
func shaveAndTell(
	t *testing.T, config *rest.Config, clock *clocktesting.FakeClock, events chan string, more ...v1alpha1.TargetKind,
) (stop func()) {
	t.Helper()
	return shaveWith(t, config, controller.Config{Clock: clock, Recorder: &record.FakeRecorder{Events: events}, Kinds: more})
}

// shaveBy is shave with a load for ceilings.
func shaveBy(t *testing.T, config *rest.Config, clock *clocktesting.FakeClock, load controller.Usage) (stop func()) {
	t.Helper()
	return shaveWith(t, config, controller.Config{Clock: clock, Recorder: &record.FakeRecorder{}, Usage: load})
}

func shaveWith(t *testing.T, config *rest.Config, cfg controller.Config) (stop func()) {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Client = client
	cfg.Kinds = append(cfg.Kinds, v1alpha1.Job, v1alpha1.CronJob, v1alpha1.Deployment, v1alpha1.StatefulSet, v1alpha1.HorizontalPodAutoscaler)
	cfg.Admission, cfg.AdmissionFor, cfg.ServerClock = true, admissionFor, realclock.RealClock{}
	c, err := controller.New(cfg)
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
	return stop
}

// newBatch creates work of every kind of Kubernetes' own, and waits until it runs.
func newBatch(t *testing.T) {
	t.Helper()
	client := admin(t)
	newNodes(t, shaved, "shaved-0")
	newNamespace(t, shaved)
	template := v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "w"}}, Spec: newPod("", "", "", shaved, "10m").Spec}
	template.Spec.SchedulerName = "nobody" // nothing here needs pods to run
	once := *template.DeepCopy()
	once.Spec.RestartPolicy = v1.RestartPolicyNever
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: shaved, Name: name} }
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "w"}}
	scaled := appsv1.DeploymentSpec{Replicas: ptr.To(int32(3)), Selector: selector, Template: template}
	create(t, client.AppsV1().Deployments(shaved).Create, &appsv1.Deployment{ObjectMeta: meta("scaled"), Spec: scaled})
	deployment := appsv1.DeploymentSpec{Replicas: ptr.To(int32(5)), Selector: selector, Template: template}
	create(t, client.AppsV1().Deployments(shaved).Create, &appsv1.Deployment{ObjectMeta: meta("workers"), Spec: deployment})
	create(t, client.BatchV1().Jobs(shaved).Create, &batchv1.Job{ObjectMeta: meta("report"), Spec: batchv1.JobSpec{Template: once}})
	create(t, client.BatchV1().CronJobs(shaved).Create, &batchv1.CronJob{ObjectMeta: meta("nightly"), Spec: batchv1.CronJobSpec{
		Schedule: "0 3 1 1 *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: once}},
	}})
	create(t, client.AutoscalingV2().HorizontalPodAutoscalers(shaved).Create, &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: meta("scaled"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "scaled"},
			MinReplicas:    ptr.To(int32(2)), MaxReplicas: 10,
		},
	})
	eventually(t, "the work to begin", func(ctx context.Context) (bool, error) {
		s, err := shavedState(ctx, t)
		return s.jobPods == 1 && s.workers == 5, err
	})
}

func create[T any](t *testing.T, do func(context.Context, T, metav1.CreateOptions) (T, error), object T) {
	t.Helper()
	if _, err := do(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// state is what the real controllers make of the work.
type state struct {
	workers, jobPods            int32 // pods that there are
	jobSuspended, cronSuspended bool
	least, most, scaled         int32
}

func shavedState(ctx context.Context, t *testing.T) (s state, err error) {
	t.Helper()
	client := admin(t)
	workers, err := client.AppsV1().Deployments(shaved).Get(ctx, "workers", metav1.GetOptions{})
	if err != nil {
		return s, err
	}
	scaled, err := client.AppsV1().Deployments(shaved).Get(ctx, "scaled", metav1.GetOptions{})
	if err != nil {
		return s, err
	}
	job, err := client.BatchV1().Jobs(shaved).Get(ctx, "report", metav1.GetOptions{})
	if err != nil {
		return s, err
	}
	cron, err := client.BatchV1().CronJobs(shaved).Get(ctx, "nightly", metav1.GetOptions{})
	if err != nil {
		return s, err
	}
	autoscaler, err := client.AutoscalingV2().HorizontalPodAutoscalers(shaved).Get(ctx, "scaled", metav1.GetOptions{})
	if err != nil {
		return s, err
	}
	for _, condition := range job.Status.Conditions {
		s.jobSuspended = s.jobSuspended || condition.Type == batchv1.JobSuspended && condition.Status == v1.ConditionTrue
	}
	s.workers, s.jobPods, s.cronSuspended = workers.Status.Replicas, job.Status.Active, ptr.Deref(cron.Spec.Suspend, false)
	s.least, s.most, s.scaled = ptr.Deref(autoscaler.Spec.MinReplicas, 1), autoscaler.Spec.MaxReplicas, *scaled.Spec.Replicas
	return s, nil
}

const shaving = `
apiVersion: evenkeel.dev/v1alpha1
kind: PeakPolicy
metadata: {name: day, namespace: shaved}
spec:
  windows:
  - {name: day, timeZone: Europe/Berlin, from: "08:00", to: "18:00"}
  selection: {kinds: [Job, CronJob, Deployment, HorizontalPodAutoscaler]}
  action:
    suspend: true
    replicas: {atMostPercent: 50}
    autoscaler: {maxReplicas: 4}
  grace: {running: Stop}
`

// specs are what the owners see.
func specs(t *testing.T) map[string]any {
	t.Helper()
	client := admin(t)
	all := map[string]any{}
	add := func(kind string, meta metav1.ObjectMeta, spec any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		delete(meta.Annotations, "deployment.kubernetes.io/revision")
		all[kind+" "+meta.Name] = []any{spec, len(meta.Labels), len(meta.Annotations)}
	}
	for _, name := range []string{"workers", "scaled"} {
		deployment, err := client.AppsV1().Deployments(shaved).Get(t.Context(), name, metav1.GetOptions{})
		add("Deployment", deployment.ObjectMeta, deployment.Spec, err)
	}
	job, err := client.BatchV1().Jobs(shaved).Get(t.Context(), "report", metav1.GetOptions{})
	add("Job", job.ObjectMeta, job.Spec, err)
	cron, err := client.BatchV1().CronJobs(shaved).Get(t.Context(), "nightly", metav1.GetOptions{})
	add("CronJob", cron.ObjectMeta, cron.Spec, err)
	autoscaler, err := client.AutoscalingV2().HorizontalPodAutoscalers(shaved).Get(t.Context(), "scaled", metav1.GetOptions{})
	add("HorizontalPodAutoscaler", autoscaler.ObjectMeta, autoscaler.Spec, err)
	return all
}

// TestPeakShaver: the controllers of Kubernetes do what a policy asks for, and what they did before when it is over.
func TestPeakShaver(t *testing.T) {
	newCRDs(t)
	newBatch(t)
	before := specs(t)
	apply(t, objectOf(t, shaving))
	clock := clocktesting.NewFakeClock(atSeven)
	becomes := func(what string, want state) {
		t.Helper()
		var got state
		defer func() {
			if t.Failed() {
				t.Log(cmp.Diff(want, got, cmp.AllowUnexported(state{})))
			}
		}()
		eventually(t, what, func(ctx context.Context) (_ bool, err error) {
			clock.Step(time.Second)
			got, err = shavedState(ctx, t)
			return got == want, err
		})
	}
	outside := state{workers: 5, jobPods: 1, least: 2, most: 10, scaled: 3}
	inside := state{workers: 3, jobSuspended: true, cronSuspended: true, least: 2, most: 4, scaled: 3}
	stop := shave(t, cluster(t).RESTConfig(), clock)
	clock.SetTime(atSeven.Add(2 * time.Hour))
	becomes("the window to be entered", inside)

	stop() // and while nobody looks, the window closes
	clock.SetTime(atSeven.Add(13 * time.Hour))
	stop = shave(t, cluster(t).RESTConfig(), clock)
	becomes("the window to be left", outside)
	if diff := cmp.Diff(before, specs(t)); diff != "" {
		t.Errorf("not restored:\n%s", diff)
	}

	clock.SetTime(atSeven.Add(27 * time.Hour))
	becomes("the next window to be entered", inside)
	client, err := dynamic.NewForConfig(cluster(t).RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	policies := client.Resource(v1alpha1.GroupVersion.WithResource("peakpolicies")).Namespace(shaved)
	eventually(t, "the status", func(ctx context.Context) (bool, error) {
		clock.Step(time.Second)
		u, err := policies.Get(ctx, "day", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		var policy v1alpha1.PeakPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &policy); err != nil {
			return false, err
		}
		targets := ptr.Deref(policy.Status.Targets, v1alpha1.PeakTargets{})
		return targets == v1alpha1.PeakTargets{Selected: 5, Changed: 4} && len(policy.Status.OpenWindows) == 1, nil
	})
	if err := policies.Delete(t.Context(), "day", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	becomes("the policy's end to be seen", outside)
	stop()
	if diff := cmp.Diff(before, specs(t)); diff != "" {
		t.Errorf("not restored:\n%s", diff)
	}
}

const shaver = "evenkeel-peakshaver"

// TestPeakShaverCommand applies the manifests and runs the command with the rights in them.
func TestPeakShaverCommand(t *testing.T) {
	const namespace = "shaved-by-command"
	client := admin(t)
	apply(t, readManifests(t, filepath.Join(manifests, "overlays/peakshaver"))...)
	newCRDs(t)
	newNamespace(t, namespace)
	replicas := int32(4)
	selector := map[string]string{"app": "w"}
	create(t, client.AppsV1().Deployments(namespace).Create, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "workers"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector}, Spec: newPod("", "", "nobody", "none", "10m").Spec},
		},
	})
	create(t, client.CoreV1().ConfigMaps(namespace).Create, &v1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "holidays"}, Data: map[string]string{"days": "1999-12-31"},
	})
	apply(t, objectOf(t, `
apiVersion: evenkeel.dev/v1alpha1
kind: ClusterPeakPolicy
metadata: {name: always}
spec:
  windows:
  - {name: always, timeZone: UTC, from: "00:00", to: "24:00", holidays: {configMap: {namespace: shaved-by-command, name: holidays, key: days}}}
  selection: {kinds: [Deployment, Job], namespaces: {names: [shaved-by-command]}}
  action: {replicas: {atMost: 1}, suspend: true}
`))
	kubeconfig := writeKubeconfig(t, serviceAccount(t, client, systemSpace, shaver))
	port := freePort(t)
	cmd := peakshaver.NewCommand()
	cmd.SetArgs([]string{"--kubeconfig=" + kubeconfig, "--secure-port=" + port})
	ctx, cancel := context.WithCancel(t.Context())
	cmd.SetContext(ctx)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Execute() }()
	has := func(want int32) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			select {
			case err := <-ended:
				return false, fmt.Errorf("the command ended: %w", err)
			default:
			}
			deployment, err := client.AppsV1().Deployments(namespace).Get(ctx, "workers", metav1.GetOptions{})
			return err == nil && *deployment.Spec.Replicas == want, err
		}
	}
	eventually(t, "the replicas to be capped", has(1))
	eventually(t, "the event", func(ctx context.Context) (bool, error) {
		events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=PeakBegun"})
		return err == nil && len(events.Items) > 0, err
	})
	policies := dynamicOf(t).Resource(v1alpha1.GroupVersion.WithResource("clusterpeakpolicies"))
	eventually(t, "the status", func(ctx context.Context) (bool, error) {
		u, err := policies.Get(ctx, "always", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		changed, _, err := unstructured.NestedInt64(u.Object, "status", "targets", "changed")
		return changed == 1, err
	})
	eventually(t, "the API server to be told of Jobs", func(ctx context.Context) (bool, error) {
		told, err := dynamicOf(t).Resource(v1alpha1.GroupVersion.WithResource("peakadmissions")).List(ctx, metav1.ListOptions{})
		if err != nil || len(told.Items) != 1 {
			return false, err
		}
		rules, _, err := unstructured.NestedSlice(told.Items[0].Object, "spec", "rules")
		return len(rules) == 1, err
	})
	for path, want := range map[string]int{"/livez": http.StatusOK, "/readyz": http.StatusOK, "/metrics": http.StatusForbidden} {
		if got, body := get(t, "https://127.0.0.1:"+port+path, ""); got != want {
			t.Errorf("%s answers a stranger %d, want %d: %s", path, got, want, body)
		}
	}
	if err := policies.Delete(t.Context(), "always", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replicas to be restored", has(4))
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the command ended with %v", err)
	}
}

// TestPeakShaverLosesItsLease: a peak shaver that another has followed ends, and says why.
func TestPeakShaverLosesItsLease(t *testing.T) {
	newCRDs(t)
	newNamespace(t, "leases")
	leases := admin(t).CoordinationV1().Leases("leases")
	cmd := peakshaver.NewCommand()
	cmd.SetArgs([]string{"--kubeconfig=" + writeKubeconfig(t, cluster(t).RESTConfig()), "--secure-port=0", "--leader-elect-namespace=leases"})
	cmd.SetContext(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Execute() }()
	eventually(t, "it to lead", func(ctx context.Context) (bool, error) {
		lease, err := leases.Get(ctx, shaver, metav1.GetOptions{})
		return err == nil && ptr.Deref(lease.Spec.HolderIdentity, "") != "", nil
	})
	taken := []byte(`{"spec": {"holderIdentity": "another", "leaseDurationSeconds": 600}}`)
	if _, err := leases.Patch(t.Context(), shaver, types.MergePatchType, taken, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "another peakshaver leads") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}

func dynamicOf(t *testing.T) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(cluster(t).RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestPeakShaverAlerts: the rules can be read, and ask for metrics that there are.
func TestPeakShaverAlerts(t *testing.T) {
	registry := prometheus.NewRegistry()
	clock := clocktesting.NewFakeClock(atSeven)
	if _, err := controller.New(controller.Config{Client: dynamicOf(t), Clock: clock, Recorder: &record.FakeRecorder{}, Registerer: registry}); err != nil {
		t.Fatal(err)
	}
	descriptions := make(chan *prometheus.Desc, 100)
	registry.Describe(descriptions)
	close(descriptions)
	var known strings.Builder
	for d := range descriptions {
		known.WriteString(d.String())
	}
	rules := readObjects(t, filepath.Join(manifests, "rules/peakshaver.yaml"))[0]
	groups, _, err := unstructured.NestedSlice(rules.Object, "spec", "groups")
	if err != nil || len(groups) != 1 {
		t.Fatalf("groups %v, %v", groups, err)
	}
	alerts := 0
	for _, rule := range groups[0].(map[string]any)["rules"].([]any) {
		expression, err := parser.NewParser(parser.Options{}).ParseExpr(rule.(map[string]any)["expr"].(string))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, selectors := range parser.ExtractSelectors(expression) {
			for _, matcher := range selectors {
				if matcher.Name == "__name__" {
					alerts++
					if !strings.Contains(known.String(), `"`+matcher.Value+`"`) {
						t.Errorf("there is no metric %s", matcher.Value)
					}
				}
			}
		}
	}
	if alerts == 0 {
		t.Error("no alert asks for a metric")
	}
}
