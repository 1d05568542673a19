package app

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const openb = "../../../simulator/packing/testdata/openb_"

// run runs the command as a user would.
func run(ctx context.Context, args ...string) (out string, err error) {
	var stdout, stderr bytes.Buffer
	cmd := NewCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	err = cmd.ExecuteContext(ctx)
	return stdout.String(), err
}

// write makes a file of lines.
func write(t *testing.T, name string, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func smallNodes(t *testing.T) string {
	return write(t, "nodes.csv", "sn,cpu_milli,memory_mib,gpu,model", "a,96000,393216,8,G2", "b,96000,393216,8,G2", "c,104000,524288,2,T4")
}

func smallPods(t *testing.T) string {
	lines := []string{"name,cpu_milli,memory_mib,num_gpu,gpu_milli"}
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("p%d,4000,8192,1,%d", i, []int{1000, 500, 250}[i%3]))
	}
	return write(t, "pods.csv", lines...)
}

func usageFile(t *testing.T) string {
	lines := make([]string, 10)
	for i := range lines {
		values := make([]string, 288)
		for j := range values {
			values[j] = fmt.Sprint((i*7 + j) % 90)
		}
		lines[i] = strings.Join(values, ",")
	}
	return write(t, "usage.csv", lines...)
}

func TestPacking(t *testing.T) {
	dir := t.TempDir()
	out, page := filepath.Join(dir, "r.csv"), filepath.Join(dir, "r.html")
	text, err := run(context.Background(), "packing", "--nodes", smallNodes(t), "--pods", smallPods(t),
		"--policies", "fgd,antifragmentation", "--seeds", "1-2,5", "--out", out, "--html", page)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, row := range rows {
		got = append(got, row[:5])
	}
	want := [][]string{
		{"workload", "sc_policy", "tune", "seed", "total_gpus"},
		{"pods", "fgd", "1.3", "1", "18"}, {"pods", "fgd", "1.3", "2", "18"}, {"pods", "fgd", "1.3", "5", "18"},
		{"pods", "antifragmentation", "1.3", "1", "18"}, {"pods", "antifragmentation", "1.3", "2", "18"}, {"pods", "antifragmentation", "1.3", "5", "18"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("antifragmentation")) || !strings.Contains(text, "antifragmentation") {
		t.Errorf("the report: %v\n%s", err, text)
	}
}

func TestLoad(t *testing.T) {
	out := filepath.Join(t.TempDir(), "r.json")
	_, err := run(context.Background(), "load", "--nodes", smallNodes(t), "--pods", smallPods(t), "--usage", usageFile(t), "--usage-format", "planetlab",
		"--policies", "stock,realload", "--seeds", "1,2", "--scrape", "5m", "--duration", "6h", "--out", out)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var results []map[string]any
	if err := json.Unmarshal(content, &results); err != nil || len(results) != 4 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for _, name := range []string{
		"policy", "seed", "hotNodeMinutes", "p99NodeUtilisation", "maxNodeUtilisation", "oracleViolations", "usableCPUShare", "podsPending",
	} {
		if _, ok := results[3][name]; !ok {
			t.Errorf("a result has no %s", name)
		}
	}
	if results[3]["policy"] != "realload" || results[3]["seed"] != 2.0 {
		t.Errorf("the last result is of %v, %v", results[3]["policy"], results[3]["seed"])
	}
}

func TestScenario(t *testing.T) {
	scenario := write(t, "scenario.yaml",
		"apiVersion: evenkeel.dev/v1alpha1", "kind: Scenario", "duration: 3h",
		"nodes: [{pool: {name: a, count: 3, cpu: 32, memory: 128Gi}}]",
		"pods: [{file: "+write(t, "pods.csv", "name,cpu_milli,memory_mib,num_gpu,gpu_milli", "p,4000,8192,0,0", "q,4000,8192,0,0")+"}]",
		"usage: {file: "+usageFile(t)+", format: planetlab}",
		"events: [{at: 1h, kind: NodeLoss, pool: a, count: 1}]")
	text, err := run(context.Background(), "load", "--scenario", scenario, "--policies", "stock", "--scrape", "5m")
	if err != nil || !strings.Contains(text, "stock") || !strings.Contains(text, scenario) {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestCapacity(t *testing.T) {
	out := filepath.Join(t.TempDir(), "plan.json")
	text, err := run(context.Background(), "capacity", "--workload", smallPods(t), "--shape", "a=cpu:64,memory:256Gi,gpu:8",
		"--seeds", "2", "--out", out)
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		Nodes    map[string]int
		Binding  string
		OneFewer map[string]struct{ Seeds int }
	}
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Nodes["a"] != 3 || plan.Binding != "nvidia.com/gpu" || plan.OneFewer["a"].Seeds == 0 || !strings.Contains(text, "GPU binds") {
		t.Errorf("the plan is %+v\n%s", plan, text) // 17.5 GPUs in all
	}
	if _, err := run(context.Background(), "capacity", "--workload", smallPods(t), "--shape", "a=cpu:64,memory:256Gi,gpu:8",
		"--slo", "pending=0,p99cpu<=0.9", "--usage", usageFile(t), "--usage-format", "planetlab", "--seeds", "1"); err != nil {
		t.Errorf("by usage: %v", err)
	}
}

func TestDiff(t *testing.T) {
	config := write(t, "config.yaml", "apiVersion: kubescheduler.config.k8s.io/v1", "kind: KubeSchedulerConfiguration")
	text, err := run(context.Background(), "diff", "--nodes", smallNodes(t), "--pods", smallPods(t), config, config)
	if err != nil || !strings.Contains(text, "0 end up elsewhere") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestDiffOfACluster reads a cluster that has one node and no pods.
func TestDiffOfACluster(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s: a cluster is only read", r.Method, r.URL)
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/nodes"):
			fmt.Fprint(w, `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"n"},"status":{"allocatable":{"cpu":"4","memory":"8Gi","pods":"9"}}}]}`)
		default:
			fmt.Fprint(w, `{"kind":"PodList","apiVersion":"v1","items":[]}`)
		}
	}))
	defer server.Close()
	kubeconfig := write(t, "kubeconfig", "apiVersion: v1", "kind: Config", "current-context: c",
		"clusters: [{name: c, cluster: {server: '"+server.URL+"'}}]", "contexts: [{name: c, context: {cluster: c}}]")
	config := write(t, "config.yaml", "apiVersion: kubescheduler.config.k8s.io/v1", "kind: KubeSchedulerConfiguration")
	text, err := run(context.Background(), "diff", "--kubeconfig", kubeconfig, config, config)
	if err != nil || !strings.Contains(text, "Of 0 pods, 0 end up elsewhere") {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestBadFlags(t *testing.T) {
	nodes, pods := smallNodes(t), smallPods(t)
	empty := write(t, "empty.csv")
	scenario := write(t, "scenario.yaml", "apiVersion: evenkeel.dev/v1alpha1", "kind: Scenario", "nodse: []")
	for reason, tc := range map[string]struct {
		args string
		want string
	}{
		"no nodes":              {"packing --pods " + pods, `"nodes" not set`},
		"no such file":          {"packing --nodes nowhere.csv --pods " + pods, "--nodes: "},
		"an empty file":         {"packing --nodes " + nodes + " --pods " + empty, "--pods: "},
		"no such policy":        {"packing --nodes " + nodes + " --pods " + pods + " --policies best", `--policies: there is no "best"`},
		"no seed":               {"packing --nodes " + nodes + " --pods " + pods + " --seeds x", `"x" is no seed`},
		"seeds backwards":       {"packing --nodes " + nodes + " --pods " + pods + " --seeds 5-1", "no range"},
		"too many seeds":        {"packing --nodes " + nodes + " --pods " + pods + " --seeds 1-99999999999", "no range"},
		"tune of nothing":       {"packing --nodes " + nodes + " --pods " + pods + " --tune 0", "--tune 0"},
		"load of nothing":       {"load", "--nodes: without --scenario"},
		"both":                  {"load --scenario a --nodes b", "give one or the others"},
		"a typo in a scenario":  {"load --scenario " + scenario, "nodse"},
		"another format":        {"load --nodes " + nodes + " --pods " + pods + " --usage u --usage-format xls", `there is no "xls"`},
		"no such load policy":   {"load --nodes " + nodes + " --pods " + pods + " --usage " + usageFile(t) + " --usage-format planetlab --policies best", "best"},
		"a bad shape":           {"capacity --workload " + pods + " --shape a", "--shape: "},
		"a shape twice":         {"capacity --workload " + pods + " --shape a=cpu:1,memory:1Gi --shape a=cpu:1,memory:1Gi", "given twice"},
		"what never fits":       {"capacity --workload " + pods + " --shape a=cpu:1,memory:1Gi", "can never run"},
		"bad objectives":        {"capacity --workload " + pods + " --shape a=cpu:1,memory:1Gi --slo p1=2", "--slo: "},
		"usage, but of nothing": {"capacity --workload " + pods + " --shape a=cpu:64,memory:256Gi,gpu:8 --slo p99cpu<=1", "give --usage"},
		"no seeds":              {"capacity --workload " + pods + " --shape a=cpu:64,memory:256Gi,gpu:8 --seeds 0", "--seeds 0"},
		"no cluster":            {"diff --kubeconfig nowhere.yaml a.yaml b.yaml", "--kubeconfig: "},
		"neither":               {"diff a.yaml b.yaml", "at least one of the flags"},
		"one configuration":     {"diff --nodes " + nodes + " --pods " + pods + " a.yaml", "accepts 2 arg"},
	} {
		if _, err := run(context.Background(), strings.Fields(tc.args)...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", reason, err, tc.want)
		}
	}
}

// TestInterrupt leaves the report of another time as it was.
func TestInterrupt(t *testing.T) {
	out := write(t, "r.csv", "of another time")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := run(ctx, "packing", "--nodes", openb+"node_list_gpu_node.csv.gz", "--pods", openb+"pod_list_default.csv.gz", "--out", out)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if content, err := os.ReadFile(out); err != nil || string(content) != "of another time\n" {
		t.Errorf("the file has %q, %v", content, err)
	}
}
