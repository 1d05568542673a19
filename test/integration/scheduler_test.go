package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/cmd/scheduler/app"
	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

// loadWatcher serves the load of nodes, in per cent, as load-watcher does.
func loadWatcher(t *testing.T, load map[string]float64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		nodes := map[string]any{}
		for name, percent := range load {
			var metrics []map[string]any
			for _, kind := range []string{"CPU", "Memory"} {
				metrics = append(metrics,
					map[string]any{"type": kind, "operator": "AVG", "value": percent},
					map[string]any{"type": kind, "operator": "STD", "value": 1})
			}
			nodes[name] = map[string]any{"metrics": metrics}
		}
		now := time.Now().Unix()
		_ = json.NewEncoder(w).Encode(map[string]any{
			"timestamp": now, "window": map[string]any{"start": now - 900, "end": now},
			"data": map[string]any{"NodeMetricsMap": nodes},
		})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// schedule runs a scheduler in this process until the test ends, and returns
// the socket on which it answers.
func schedule(t *testing.T, configuration string) string {
	t.Helper()
	socket := whySocket(t)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, app.Options{
			RESTConfig:    cluster(t).RESTConfig(),
			Configuration: []byte(configuration),
			WhySocket:     socket,
			Ready:         func() { close(ready) },
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the scheduler ended with %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("the scheduler ended with %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the scheduler is not ready after a minute")
	}
	return socket
}

// ask asks why a pod was placed where it is.
func ask(t *testing.T, socket, namespace, name string) explain.Record {
	t.Helper()
	answer, err := explain.Ask(t.Context(), []string{socket}, namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Records) == 0 {
		t.Fatal(answer.Missing(namespace, name))
	}
	return answer.Records[0]
}

// awaitUsage places small pods until the profile believes in measurements.
func awaitUsage(t *testing.T, socket, namespace, profile, pool string) {
	t.Helper()
	i := 0
	eventually(t, "profile "+profile+" to know usage", func(ctx context.Context) (bool, error) {
		name := fmt.Sprintf("probe-%s-%d", profile, i)
		i++
		createPod(t, newPod(namespace, name, profile, pool, "1m"))
		nodeOf(t, namespace, name)
		now := int64(0)
		if err := admin(t).CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
			return false, err
		}
		record := ask(t, socket, namespace, name)
		return slices.ContainsFunc(record.Candidates[0].Beliefs, func(b explain.Belief) bool { return b.AgeSeconds >= 0 }), nil
	})
}

const head = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
`

// TestProfiles: each profile does what its own arguments say, beside the others.
func TestProfiles(t *testing.T) {
	newNodes(t, "profiles", "profiles-idle", "profiles-half", "profiles-hot")
	newNamespace(t, "profiles")
	watcher := loadWatcher(t, map[string]float64{"profiles-idle": 5, "profiles-half": 40, "profiles-hot": 75})
	own := func(profile, args string) string {
		return fmt.Sprintf(`
- schedulerName: %s
  plugins: {multiPoint: {enabled: [{name: RealLoad, weight: 100}]}}
  pluginConfig: [{name: RealLoad, args: {usage: {refreshInterval: 200ms, loadWatcher: {address: "%s"}}, %s}}]`, profile, watcher, args)
	}
	theirs := func(profile, plugin, args string) string {
		return fmt.Sprintf(`
- schedulerName: %s
  plugins: {score: {enabled: [{name: %s, weight: 100}]}}
  pluginConfig:
  - name: %s
    args: {apiVersion: kubescheduler.config.k8s.io/v1, kind: %sArgs, watcherAddress: "%s", %s}`, profile, plugin, plugin, plugin, watcher, args)
	}
	socket := schedule(t, head+"profiles:"+
		own("profiles-spread", "mode: spread")+
		own("profiles-pack", "mode: pack, target: 60")+
		own("profiles-fuller", "mode: pack, target: 90, tiers: []")+
		theirs("trimaran-packing", "TargetLoadPacking", "targetUtilization: 50")+
		theirs("trimaran-fuller", "TargetLoadPacking", "targetUtilization: 85")+
		theirs("trimaran-balancing", "LoadVariationRiskBalancing", "safeVarianceMargin: 1"))

	cases := map[string]struct {
		profile, plugin, want string
	}{
		"spread":                     {"profiles-spread", "RealLoad", "profiles-idle"},
		"pack":                       {"profiles-pack", "RealLoad", "profiles-half"},
		"pack fuller":                {"profiles-fuller", "RealLoad", "profiles-hot"},
		"TargetLoadPacking":          {"trimaran-packing", "TargetLoadPacking", "profiles-half"},
		"TargetLoadPacking of 85":    {"trimaran-fuller", "TargetLoadPacking", "profiles-hot"},
		"LoadVariationRiskBalancing": {"trimaran-balancing", "LoadVariationRiskBalancing", "profiles-idle"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			awaitUsage(t, socket, "profiles", tc.profile, "profiles")
			pod := newPod("profiles", "pod-"+tc.profile, tc.profile, "profiles", "10m")
			createPod(t, pod)
			got := nodeOf(t, pod.Namespace, pod.Name)
			record := ask(t, socket, pod.Namespace, pod.Name)
			if got != tc.want {
				t.Errorf("placed on %s, want %s: %+v", got, tc.want, record)
			}
			checkRecord(t, record, got, tc.profile, tc.plugin)
		})
	}
}

// checkRecord: the record agrees with the API server, and is complete.
func checkRecord(t *testing.T, record explain.Record, node, profile, plugin string) {
	t.Helper()
	if record.Node != node || record.Profile != profile || record.Outcome != explain.Placed {
		t.Errorf("the record says %s on %s by %s, want Placed on %s by %s", record.Outcome, record.Node, record.Profile, node, profile)
	}
	best := record.Candidates[0]
	if best.Node != node {
		t.Errorf("the best candidate is %s, want %s", best.Node, node)
	}
	if !slices.ContainsFunc(best.Scores, func(s explain.Score) bool { return s.Plugin == plugin && s.Score > 0 }) {
		t.Errorf("the scores %v have none of %s", best.Scores, plugin)
	}
	cpu := slices.IndexFunc(best.Beliefs, func(b explain.Belief) bool { return b.Dimension == "cpu" })
	if cpu < 0 {
		t.Fatalf("nothing is believed of the CPU of %s: %+v", node, best)
	}
	if b := best.Beliefs[cpu]; b.Measured <= 0 || b.AgeSeconds < 0 || b.AgeSeconds > 30 || b.Capacity != 8 {
		t.Errorf("believed of the CPU of %s: %+v, want a recent measurement of 8 cores", node, b)
	}
}

// TestWhyUnschedulable: a pod that waits is explained too, and has its event.
func TestWhyUnschedulable(t *testing.T) {
	newNodes(t, "why", "why-a", "why-b")
	newNamespace(t, "why")
	socket := schedule(t, head+"profiles: [{schedulerName: why, plugins: {multiPoint: {enabled: [{name: RealLoad}]}}}]\n")
	createPod(t, newPod("why", "big", "why", "why", "9"))
	awaitEvent(t, "why", "big", "FailedScheduling")
	stdout, stderr, code := runCommand(t, "why", "why/big", "--why-socket", socket)
	if code != 0 {
		t.Fatalf("why ended with %d: %s", code, stderr)
	}
	for _, want := range []string{"Pod why/big fits no node.", "Insufficient cpu", "why-a", "why-b", "NodeResourcesFit"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("why does not say %q:\n%s", want, stdout)
		}
	}
	_, stderr, code = runCommand(t, "why", "why/nobody", "--why-socket", socket)
	if code != 1 || !strings.Contains(stderr, "why/nobody") || !strings.Contains(stderr, "schedulerName") {
		t.Errorf("about a pod that is not there why ended with %d and said %q", code, stderr)
	}
}

func awaitEvent(t *testing.T, namespace, pod, reason string) {
	t.Helper()
	selector := fields.Set{"involvedObject.name": pod, "reason": reason}.String()
	eventually(t, "event "+reason+" of pod "+pod, func(ctx context.Context) (bool, error) {
		events, err := admin(t).CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: selector})
		if err != nil {
			return false, err
		}
		return len(events.Items) > 0, nil
	})
}

// TestTwoSchedulersInOneProcess: the stock one and ours, each with its own pods.
func TestTwoSchedulersInOneProcess(t *testing.T) {
	newNodes(t, "two", "two-a", "two-b")
	newNamespace(t, "two")
	stock := strings.Replace(string(app.StockConfiguration()), "default-scheduler", "two-stock", 1)
	ours := strings.Replace(string(app.DefaultConfiguration()), "schedulerName: evenkeel\n", "schedulerName: two-ours\n", 1)
	sockets := map[string]string{"two-stock": schedule(t, stock), "two-ours": schedule(t, ours)}
	for scheduler, socket := range sockets {
		createPod(t, newPod("two", scheduler, scheduler, "two", "10m"))
		node := nodeOf(t, "two", scheduler)
		if record := ask(t, socket, "two", scheduler); record.Node != node || record.Profile != scheduler {
			t.Errorf("%s has the record %+v, want node %s", scheduler, record, node)
		}
	}
}

func TestRunFails(t *testing.T) {
	plane := cluster(t)
	taken := schedule(t, head+"profiles: [{schedulerName: taken}]\n")
	for name, tc := range map[string]struct {
		options app.Options
		want    string
	}{
		"typo":        {app.Options{RESTConfig: plane.RESTConfig(), Configuration: []byte(head + "profile: []\n")}, `unknown field "profile"`},
		"file":        {app.Options{RESTConfig: plane.RESTConfig(), ConfigFile: "/nowhere.yaml"}, "/nowhere.yaml"},
		"plugin":      {app.Options{RESTConfig: plane.RESTConfig(), Configuration: []byte(head + "profiles: [{plugins: {score: {enabled: [{name: RealLoads}]}}}]\n")}, "RealLoads"},
		"kubeconfig":  {app.Options{Configuration: []byte(head + "clientConnection: {kubeconfig: /nowhere}\n")}, "clientConnection.kubeconfig"},
		"why socket":  {app.Options{RESTConfig: plane.RESTConfig(), WhySocket: taken}, "--why-socket"},
		"usage files": {app.Options{RESTConfig: plane.RESTConfig(), Configuration: []byte(head + `profiles: [{plugins: {multiPoint: {enabled: [{name: RealLoad}]}}, pluginConfig: [{name: RealLoad, args: {usage: {prometheus: {address: "https://p", caFile: /nowhere.pem}}}}]}]`)}, "/nowhere.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := app.Run(ctx, tc.options); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one that says %q", err, tc.want)
			}
		})
	}
}

// TestCommandFails: a wrong start ends with 1 and one line that people can read.
func TestCommandFails(t *testing.T) {
	typo := writeFile(t, "typo.yaml", head+"profiles: [{pluginConfig: [{name: RealLoad, args: {target: -1}}]}]\n")
	_, stderr, code := runCommand(t, "--config", typo, "--kubeconfig", writeKubeconfig(t, cluster(t).RESTConfig()))
	if code != 1 || !strings.Contains(stderr, "Error: ") || !strings.Contains(stderr, "profiles[0].pluginConfig[0].args") || !strings.Contains(stderr, "target") {
		t.Errorf("ended with %d and said %q", code, stderr)
	}
}

// TestKilledInABurst: a scheduler killed in the middle of a burst, and the one
// that takes over, bind every pod once, or tell why it waits.
func TestKilledInABurst(t *testing.T) {
	const burst, tooMany = 200, 10
	var nodes []string
	for i := range 10 {
		nodes = append(nodes, fmt.Sprintf("killed-%d", i))
	}
	newNodes(t, "killed", nodes...)
	newNamespace(t, "killed")
	bindings := watchBindings(t, "killed")

	configuration := writeFile(t, "config.yaml", strings.NewReplacer(
		"schedulerName: evenkeel\n", "schedulerName: killed\n",
		"  resourceNamespace: kube-system\n", "  resourceNamespace: kube-system\n  leaseDuration: 5s\n  renewDeadline: 4s\n  retryPeriod: 500ms\n",
		"resourceName: evenkeel-scheduler", "resourceName: killed",
	).Replace(string(app.DefaultConfiguration())))
	args := []string{"--config", configuration, "--kubeconfig", writeKubeconfig(t, cluster(t).RESTConfig()), "--secure-port=0", "--why-socket", whySocket(t)}
	first := startScheduler(t, args...)
	// One pod to know that it is at work, so that the burst meets it running.
	createPod(t, newPod("killed", "first", "killed", "killed", "1m"))
	nodeOf(t, "killed", "first")

	// 10 nodes of 8 cores take 200 pods of 390m, 20 each, and no more.
	for i := range burst + tooMany {
		createPod(t, newPod("killed", fmt.Sprintf("pod-%03d", i), "killed", "killed", "390m"))
		if bindings.count() > burst/4 {
			first.signal(t, syscall.SIGKILL)
		}
	}
	eventually(t, "a quarter of the burst to be bound", func(context.Context) (bool, error) { return bindings.count() > burst/4, nil })
	first.signal(t, syscall.SIGKILL)
	atDeath := bindings.count()
	if atDeath >= burst {
		t.Fatalf("the scheduler was killed after the burst: %d pods were bound", atDeath)
	}
	t.Logf("killed with %d of %d pods bound", atDeath, burst+tooMany+1)

	startScheduler(t, args...) // on the same socket, which the first could not remove
	eventually(t, "the burst to be bound", func(context.Context) (bool, error) { return bindings.count() >= burst+1, nil })
	checkBurst(t, bindings, tooMany)
}

// checkBurst: pods are bound once each and fit where they are; the others say
// why they wait.
func checkBurst(t *testing.T, bindings *bindings, waiting int) {
	t.Helper()
	pods, err := admin(t).CoreV1().Pods("killed").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	requested := map[string]*resource.Quantity{}
	pending := 0
	for i := range pods.Items {
		pod := &pods.Items[i]
		node := pod.Spec.NodeName
		if node == "" {
			pending++
			awaitEvent(t, pod.Namespace, pod.Name, "FailedScheduling")
			continue
		}
		if requested[node] == nil {
			requested[node] = &resource.Quantity{}
		}
		requested[node].Add(*pod.Spec.Containers[0].Resources.Requests.Cpu())
	}
	if pending != waiting {
		t.Errorf("%d pods wait, want %d", pending, waiting)
	}
	for node, sum := range requested {
		if sum.MilliValue() > 8000 {
			t.Errorf("the pods on %s request %s of 8 cores", node, sum)
		}
	}
	if err := bindings.err(); err != nil {
		t.Error(err)
	}
}

// bindings follows which node each pod of a namespace is bound to.
type bindings struct {
	mu    sync.Mutex
	nodes map[string]string
	wrong []error
}

func watchBindings(t *testing.T, namespace string) *bindings {
	t.Helper()
	b := &bindings{nodes: map[string]string{}}
	// An informer, since the API server ends the watch of a client that is slow.
	factory := informers.NewSharedInformerFactoryWithOptions(admin(t), 0, informers.WithNamespace(namespace))
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(pod any) { b.see(pod.(*v1.Pod)) },
		UpdateFunc: func(_, pod any) { b.see(pod.(*v1.Pod)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		factory.Shutdown()
	})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return b
}

func (b *bindings) see(pod *v1.Pod) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, node := b.nodes[pod.Name], pod.Spec.NodeName
	if before != "" && before != node {
		b.wrong = append(b.wrong, fmt.Errorf("pod %s was bound to %q, and then to %q", pod.Name, before, node))
	}
	if node != "" {
		b.nodes[pod.Name] = node
	}
}

func (b *bindings) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.nodes)
}

func (b *bindings) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.wrong...)
}
