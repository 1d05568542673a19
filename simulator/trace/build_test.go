package trace

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/simulator/trace/spec"
	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

const scenarioHead = "apiVersion: evenkeel.dev/v1alpha1\nkind: Scenario\n"

// scenario parses one whose files are beside this test.
func scenario(t *testing.T, content string) *Scenario {
	t.Helper()
	parsed, err := spec.Parse([]byte(scenarioHead+content), "s.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return &Scenario{Scenario: parsed}
}

func play(t *testing.T, content string, seed int64) *Workload {
	t.Helper()
	w, err := scenario(t, content).Workload(seed)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// example is the scenario of the README.
func example(t *testing.T) *Scenario {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```yaml\n")
	content, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the README has no example")
	}
	parsed, err := spec.Parse([]byte(content), "README.md")
	if err != nil {
		t.Fatal(err)
	}
	return &Scenario{Scenario: parsed}
}

// summary is what tells two workloads apart.
func summary(w *Workload) []string {
	lines := []string{fmt.Sprint(w.Duration)}
	for _, node := range w.Nodes {
		lines = append(lines, node.Name)
	}
	for _, pod := range w.Pods {
		line := fmt.Sprint(pod.Object.UID, pod.Arrival, pod.Departure)
		if pod.Curve != nil {
			line += fmt.Sprint(pod.Curve.At(0), pod.Curve.At(time.Hour))
		}
		lines = append(lines, line)
	}
	return append(lines, fmt.Sprint(w.Events))
}

func TestTheExampleOfTheReadmePlays(t *testing.T) {
	w, err := example(t).Workload(1)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(w.Nodes); got != 12+4+2 {
		t.Errorf("%d nodes", got)
	}
	if w.Duration != 24*time.Hour || len(w.Events) != 3 || w.Events[2].Pods != 20 {
		t.Errorf("it lasts %v with events %v", w.Duration, w.Events)
	}
	if !slices.IsSortedFunc(w.Pods, func(a, b Pod) int { return int(a.Arrival - b.Arrival) }) {
		t.Error("pods are out of order")
	}
	for _, pod := range w.Pods {
		if pod.Curve == nil {
			t.Errorf("%s has no curve", pod.Object.Name)
		}
	}
	if got := w.Warnings(); got != nil {
		t.Errorf("warnings %q", got)
	}
}

func TestTheSameSeedGivesTheSameWorkload(t *testing.T) {
	var all [][]string
	for _, seed := range []int64{7, 7, 8} {
		w, err := example(t).Workload(seed)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, summary(w))
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Errorf("one seed, two workloads: -first +second\n%s", diff)
	}
	if cmp.Equal(all[0], all[2]) {
		t.Error("another seed gives the same workload")
	}
}

func TestReadScenario(t *testing.T) {
	path := write(t, "s.yaml", scenarioHead+"nodes: [{pool: {name: a, count: 2, cpu: 1, memory: 1Gi}}]\n")
	s, err := ReadScenario(path)
	if err != nil {
		t.Fatal(err)
	}
	if w, err := s.Workload(1); err != nil || len(w.Nodes) != 2 {
		t.Errorf("%v, %v", w, err)
	}
	_, err = ReadScenario(write(t, "s.yaml", scenarioHead+"notes: []\n"))
	mustFail(t, err, "s.yaml:3: notes: Invalid value")
}

func TestPools(t *testing.T) {
	w := play(t, `nodes:
- pool:
    name: g2
    count: 2
    cpu: 1500m
    memory: 1Gi
    gpu: 8
    model: G2
    labels: {zone: a}
    taints: [{key: gpu, effect: NoSchedule}]
    price: 12.5
- pool: {name: cheap, count: 1, cpu: 1, memory: 1Gi}
`, 1)
	node := w.Nodes[1]
	labels := map[string]string{
		"kubernetes.io/hostname": "g2-1", "zone": "a", "nvidia.com/gpu.product": "G2", "evenkeel.dev/pool": "g2",
	}
	if diff := cmp.Diff(labels, node.Labels); diff != "" {
		t.Errorf("labels: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"evenkeel.dev/price": "12.5"}, node.Annotations); diff != "" {
		t.Errorf("annotations: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]v1.Taint{{Key: "gpu", Effect: v1.TaintEffectNoSchedule}}, node.Spec.Taints); diff != "" {
		t.Errorf("taints: -want +got\n%s", diff)
	}
	want := amounts("cpu", "1500m", "memory", "1Gi", "pods", "1000", "nvidia.com/gpu", "8", "evenkeel.dev/gpu-milli", "8000")
	if diff := cmp.Diff(want, node.Status.Allocatable, cmp.Comparer(func(a, b resource.Quantity) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("allocatable: -want +got\n%s", diff)
	}
	if cheap := w.Nodes[2]; cheap.Annotations != nil || cheap.Name != "cheap-0" {
		t.Errorf("the pool without price has %v", cheap)
	}
}

const oneNode = "nodes: [{pool: {name: a, count: 3, cpu: 64, memory: 1Ti, gpu: 8, model: T4}}]\n"

func TestScenarioPods(t *testing.T) {
	tests := map[string]struct {
		content string
		count   int
		first   string
	}{
		"a list":              {"pods: [{file: testdata/pods.csv}]\n", 26, "openb-pod-0000"},
		"a list, again":       {"pods: [{file: testdata/pods.csv, repeat: 3}]\n", 78, "openb-pod-0000"},
		"a list twice":        {"pods: [{file: testdata/pods.csv}, {file: testdata/pods.csv, prefix: b-}]\n", 52, "openb-pod-0000"},
		"its beginning":       {"duration: 500000s\npods: [{file: testdata/pods.csv}]\n", 2, "openb-pod-0000"},
		"scaled":              {"demand: {scale: 1.5}\npods: [{file: testdata/pods.csv}]\n", 39, "openb-pod-0000"},
		"a snapshot":          {"snapshot: {file: testdata/cluster.yaml}\n", 2, "web"},
		"a snapshot and more": {"snapshot: {file: testdata/cluster.yaml}\ndemand: {scale: 2}\npods: [{file: testdata/pods.csv}]\n", 54, "web"},
		"none":                {"", 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := play(t, oneNode+test.content, 1)
			if len(w.Pods) != test.count {
				t.Fatalf("%d pods, want %d", len(w.Pods), test.count)
			}
			if test.count > 0 && w.Pods[0].Object.Name != test.first {
				t.Errorf("the first is %s, want %s", w.Pods[0].Object.Name, test.first)
			}
		})
	}
}

func TestSnapshotsKeepRunning(t *testing.T) {
	w := play(t, "snapshot: {file: testdata/cluster.yaml}\narrivals: {every: 1h, stay: true}\npods: [{file: testdata/pods.csv}]\n", 1)
	web := w.Pods[0]
	if web.Object.Spec.NodeName != "worker-a" || web.Arrival != 0 {
		t.Errorf("%s runs on %q from %v on", web.Object.Name, web.Object.Spec.NodeName, web.Arrival)
	}
	if last := w.Pods[len(w.Pods)-1]; last.Arrival != 25*time.Hour || last.Departure != 0 {
		t.Errorf("the last listed pod lives from %v to %v", last.Arrival, last.Departure)
	}
}

func TestListedPodsAreYetToBeScheduled(t *testing.T) {
	w := play(t, oneNode+"pods: [{file: testdata/cluster.yaml, prefix: old-}]\n", 1)
	web := w.Pods[0].Object
	if web.Name != "old-web" || web.UID != "shop/old-web" || web.Spec.NodeName != "" || web.Status.Phase != "" {
		t.Errorf("%s runs on %q as %q", web.UID, web.Spec.NodeName, web.Status.Phase)
	}
}

func TestTunedScenario(t *testing.T) {
	w := play(t, oneNode+"demand: {tune: 1.3}\npods: [{file: testdata/pods.csv}]\n", 1)
	var demand int64
	for _, pod := range w.Pods {
		demand += PodGPUMilli(pod.Object)
	}
	if demand < 31_200 || demand > 39_200 {
		t.Errorf("they ask for %d of 24000", demand)
	}
}

func TestScenarioUsage(t *testing.T) {
	w := play(t, "snapshot: {file: testdata/cluster.yaml}\nusage: {file: testdata/usage.csv, format: csv, scale: 2}\n", 1)
	web := w.Pods[0].Curve
	got := []int64{web.At(0), web.At(300 * time.Second), web.At(600 * time.Second), web.At(900 * time.Second)}
	if diff := cmp.Diff([]int64{1000, 3000, 500, 1000}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if without := play(t, "snapshot: {file: testdata/cluster.yaml}\n", 1).Pods[0].Curve; without != nil {
		t.Errorf("without usage there is a curve %v", without)
	}
}

func TestJoinLeavesPodsAsTheyAre(t *testing.T) {
	pods := podsOf(0, 0)
	if got := Join(pods, nil, 1, 1); len(got) != 2 || got[0].Curve != nil {
		t.Errorf("without series: %v", got)
	}
	series := []usage.Series{{Name: "a", Step: time.Minute, Values: []float32{0.5}}}
	if got := Join(pods, series, 1, 1)[1].Curve.At(0); got != 500 {
		t.Errorf("half of a core is %d", got)
	}
	if pods[0].Curve != nil {
		t.Error("the pods given have a curve")
	}
	read, err := ReadUsage("testdata/usage.csv", usage.CSV)
	if err != nil || len(read) != 2 {
		t.Errorf("%d series, %v", len(read), err)
	}
}

func TestWorkloadRefuses(t *testing.T) {
	const pods = "pods: [{file: testdata/pods.csv}]\n"
	tests := map[string]struct {
		content, want string
	}{
		"no file of nodes":    {"nodes:\n- file: gone.csv\n", `s.yaml:4: nodes[0].file: Invalid value: "gone.csv": reading gone.csv: no such file`},
		"pods for nodes":      {"nodes:\n- file: testdata/pods.csv\n", "s.yaml:4: nodes[0].file: Invalid value: \"testdata/pods.csv\": reading testdata/pods.csv:1: field sn: "},
		"no snapshot":         {"snapshot:\n  file: gone.yaml\n", `s.yaml:4: snapshot.file: Invalid value: "gone.yaml": reading gone.yaml: `},
		"a broken snapshot":   {"snapshot: {file: testdata/README.md}\n", "s.yaml:3: snapshot.file: "},
		"no file of pods":     {oneNode + "pods:\n- file: gone.csv\n", "s.yaml:5: pods[0].file: "},
		"too many pods":       {oneNode + "pods:\n- file: testdata/pods.csv\n  repeat: 90000\n", "s.yaml:6: pods[0].repeat: Invalid value: 90000: more than 2000000 pods or ten years: repeat less"},
		"too long":            {oneNode + "pods:\n- file: testdata/pods.csv\n  repeat: 90\n", "s.yaml:6: pods[0].repeat: "},
		"no GPU to tune":      {"nodes: [{pool: {name: a, count: 1, cpu: 1, memory: 1Gi}}]\n" + pods + "demand:\n  tune: 1\n", "s.yaml:6: demand.tune: Invalid value: 1: tuning demand: the nodes offer 0"},
		"no file of usage":    {oneNode + pods + "usage: {file: gone, format: planetlab}\n", "s.yaml:5: usage.file: "},
		"pods twice":          {oneNode + "pods: [{file: testdata/pods.csv}, {file: testdata/pods.csv}]\n", `joining what s.yaml names: pod "default/openb-pod-0000" comes twice: names must differ, give one of the lists a prefix`},
		"nodes twice":         {"nodes: [{file: testdata/nodes.csv}, {file: testdata/nodes.csv}]\n", `joining what s.yaml names: node "openb-node-0000" comes twice`},
		"an event of no node": {oneNode + "events:\n- {at: 1h, kind: Drain, node: b-0}\n", `s.yaml:5: events[0]: Invalid value: "Drain": there is no node "b-0"`},
		"an event of no pool": {oneNode + "events:\n- {at: 1h, kind: Drain, pool: b, count: 1}\n", `s.yaml:5: events[0]: Invalid value: "Drain": pool "b" has 0 nodes left, not 1: lower the count`},
		"a pool lost twice":   {oneNode + "events:\n- {at: 1h, kind: Drain, pool: a, count: 2}\n- {at: 2h, kind: NodeLoss, pool: a, count: 2}\n", `s.yaml:6: events[1]: Invalid value: "NodeLoss": pool "a" has 1 nodes left, not 2`},
		"no pods to burst":    {oneNode + "events:\n- at: 1h\n  kind: Burst\n  pods: {file: gone.csv}\n", `s.yaml:7: events[0].pods: Invalid value: "Burst": reading gone.csv: `},
		"two bursts, a name":  {oneNode + "events: [X, X]\n", `pod "default/b-0" comes twice`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := scenario(t, strings.ReplaceAll(test.content, "X", "{at: 1h, kind: Burst, count: 1, pods: {template: {name: b}}}")).Workload(1)
			mustFail(t, err, test.want)
		})
	}
}
