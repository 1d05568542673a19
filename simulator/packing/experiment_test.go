package packing

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"compress/gzip"

	gocmp "github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

func nodes(t testing.TB) []*v1.Node {
	t.Helper()
	list, err := trace.ReadNodes("testdata/openb_node_list_gpu_node.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func list(t testing.TB, name string) List {
	t.Helper()
	pods, err := trace.ReadPods(filepath.Join("testdata", "openb_pod_list_"+name+".csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	l := List{Name: "openb_pod_list_" + name}
	for i := range pods {
		l.Pods = append(l.Pods, pods[i].Object)
	}
	return l
}

// published are the paper's own results of one policy on one list with one seed.
func published(t *testing.T, workload, policy string, seed int64) (allocated [Percents]float64) {
	t.Helper()
	file, err := os.Open("testdata/analysis_allo_discrete.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(unzipped).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row[0] == workload && row[1] == policy && row[3] == strconv.FormatInt(seed, 10) {
			for i := range allocated {
				if allocated[i], err = strconv.ParseFloat(row[slices.Index(rows[0], strconv.Itoa(i))], 64); err != nil {
					t.Fatal(err)
				}
			}
			return allocated
		}
	}
	t.Fatalf("nothing is published of %s on %s with seed %d", policy, workload, seed)
	return allocated
}

func run(t *testing.T, e *Experiment) []*Result {
	t.Helper()
	results, err := e.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// TestPublished repeats the published experiment with one of its seeds. While nobody is turned away, what is
// allocated is what came, so that the first columns show that the same pods came in the same order. After that
// results hang on the order of nodes too, which we do not draw as they did: single seeds differ by up to 0.4
// points, means of ten by less than 0.2 (see README.md).
func TestPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const seed = 45
	e := &Experiment{
		Nodes: nodes(t), Lists: []List{list(t, "default"), list(t, "gpuspec20")}, Tune: 1.3, Seeds: []int64{seed},
		Policies: []string{"fgd", "bestfit", "antifragmentation"},
	}
	results := run(t, e)
	for i, r := range results {
		theirs := map[string]string{"fgd": "06-FGD", "bestfit": "05-BestFit", "antifragmentation": "06-FGD"}[r.Policy]
		want := published(t, r.Workload, theirs, seed)
		if r.GPUs != 6212 {
			t.Errorf("%s: %d GPUs", r.Workload, r.GPUs)
		}
		for percent := 0; percent < 60 && strings.HasSuffix(r.Workload, "default"); percent++ { // gpuspec20 is turned away from the start
			if got := r.Allocated[percent]; math.Abs(got-want[percent]) > 0.011 {
				t.Errorf("%s, %s at %d %%: %.2f, want %.2f", r.Workload, r.Policy, percent, got, want[percent])
			}
		}
		for _, percent := range []int{90, 95, 100, 130} {
			got := r.Allocated[percent]
			if r.Policy == "antifragmentation" {
				if got < want[percent] {
					t.Errorf("%s at %d %%: %.2f, below FGD's %.2f", r.Workload, percent, got, want[percent])
				}
			} else if math.Abs(got-want[percent]) > 0.5 {
				t.Errorf("%s, %s at %d %%: %.2f, want %.2f", r.Workload, r.Policy, percent, got, want[percent])
			}
		}
		if fgd := results[i/3*3]; r.Policy == "antifragmentation" && r.Rejected["8 GPUs"] > fgd.Rejected["8 GPUs"] {
			t.Errorf("%s: the gain is on the back of whole nodes: %d turned away, by FGD %d",
				r.Workload, r.Rejected["8 GPUs"], fgd.Rejected["8 GPUs"])
		}
	}
}

// small is a cluster and a list that take a second.
func small(t *testing.T) *Experiment {
	t.Helper()
	l := list(t, "default")
	l.Pods = l.Pods[:600]
	var some []*v1.Node
	for i, n := range nodes(t) {
		if i%16 == 0 {
			some = append(some, n)
		}
	}
	return &Experiment{Nodes: some, Lists: []List{l}, Policies: []string{"fgd", "antifragmentation", "random"}, Seeds: []int64{1, 2}, Tune: 1.2}
}

func TestRepeatable(t *testing.T) {
	e := small(t)
	first := run(t, e)
	if diff := gocmp.Diff(first, run(t, e), equateNaNs); diff != "" {
		t.Errorf("the same seeds gave another result:\n%s", diff)
	}
	e.Policies, e.Seeds = []string{"antifragmentation"}, []int64{2} // alone, with two threads
	if diff := gocmp.Diff(first[3], run(t, e)[0], equateNaNs); diff != "" {
		t.Errorf("alone it gave another result:\n%s", diff)
	}
	if gocmp.Equal(first[2].Allocated, first[3].Allocated, equateNaNs) {
		t.Error("another seed gave the same result")
	}
}

var equateNaNs = gocmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })

func TestBooksBalance(t *testing.T) {
	e := small(t)
	done := 0
	e.Done = func(*Result) { done++ }
	for _, r := range run(t, e) {
		var arrived, rejected int
		for size, count := range r.Arrived {
			arrived += count
			rejected += r.Rejected[size]
			if r.Rejected[size] > count {
				t.Errorf("%s: of %d pods that want %s, %d were turned away", r.Policy, count, size, r.Rejected[size])
			}
		}
		if rejected == 0 || rejected == arrived {
			t.Errorf("%s: of %d pods %d were turned away, at 1.2 times all GPUs", r.Policy, arrived, rejected)
		}
		last := 0.0
		for percent, allocated := range r.Allocated[:118] {
			if allocated > float64(percent)+1 || allocated > 100 || allocated < last-1e-9 {
				t.Errorf("%s: %.2f %% allocated when %d %% were asked for, %.2f before", r.Policy, allocated, percent, last)
			}
			last = allocated
		}
		if !math.IsNaN(r.Allocated[130]) {
			t.Errorf("%s: something is told of 130 %%, when 120 came", r.Policy)
		}
	}
	if done != 6 {
		t.Errorf("%d runs were told of, of 6", done)
	}
}

func TestRunStops(t *testing.T) {
	e := small(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	e.Done = func(*Result) { cancel(why) }
	if _, err := e.Run(ctx); !errors.Is(err, why) {
		t.Errorf("interrupted: %v", err)
	}
	e.Policies = []string{"none"}
	if _, err := e.Run(context.Background()); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("no such policy: %v", err)
	}
}

func TestDraw(t *testing.T) {
	e := small(t)
	gpus := float64(offered(e.Nodes))
	for _, tune := range []float64{0.1, 0.5, 1, 1.3, 2} {
		s := draw(&e.Lists[0], e.Nodes, 7, tune)
		asked, seen := int64(0), map[string]bool{}
		for _, pod := range s.pods {
			asked += trace.PodGPUMilli(pod)
			if seen[string(pod.UID)] {
				t.Fatalf("tune %v: pod %s comes twice", tune, pod.UID)
			}
			seen[string(pod.UID)] = true
		}
		if got := float64(asked) / gpus; math.Abs(got-tune) > 8000/gpus {
			t.Errorf("tune %v: they ask for %.3f of the GPUs", tune, got)
		}
		if len(s.order) != len(e.Nodes) || !slices.IsSortedFunc(slices.Sorted(slices.Values(s.order)), cmp.Compare) {
			t.Errorf("tune %v: an order of %d nodes of %d", tune, len(s.order), len(e.Nodes))
		}
	}
}

func TestCSV(t *testing.T) {
	r := &Result{Workload: "w", Policy: "p", Seed: 42, Tune: 1.3, GPUs: 10}
	r.Allocated[1], r.Allocated[2] = 0.25, math.NaN()
	var out bytes.Buffer
	if err := WriteCSV(&out, []*Result{r}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.HasPrefix(lines[0], "workload,sc_policy,tune,seed,total_gpus,0,1,") || !strings.HasSuffix(lines[0], ",129,130") {
		t.Errorf("header %.60s…", lines[0])
	}
	if !strings.HasPrefix(lines[1], "w,p,1.3,42,10,0,0.25,,0") {
		t.Errorf("row %.60s…", lines[1])
	}
}

func TestCheck(t *testing.T) {
	e := small(t)
	if err := e.Check(); err != nil {
		t.Error(err)
	}
	e.Lists[0].Pods = nil
	if err := e.Check(); err == nil || !strings.Contains(err.Error(), "ask for no GPUs") {
		t.Errorf("no pods: %v", err)
	}
	e.Nodes = nil
	if err := e.Check(); err == nil || !strings.Contains(err.Error(), "have no GPUs") {
		t.Errorf("no nodes: %v", err)
	}
}

func TestDocument(t *testing.T) {
	e := small(t)
	e.Lists = append(e.Lists, List{Name: "second", Pods: e.Lists[0].Pods[:300]})
	d := Document(e, run(t, e))
	var text, page bytes.Buffer
	if err := errors.Join(d.WriteText(&text), d.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"openb_pod_list_default", "second", "antifragmentation", "8 GPUs"} {
		if !strings.Contains(text.String(), want) || !strings.Contains(page.String(), want) {
			t.Errorf("the report does not tell of %q", want)
		}
	}
}

func TestBound(t *testing.T) {
	if got := Bound(list(t, "default").Pods); got < 0.96 || got > 0.97 {
		t.Errorf("the bound of the default list is %.4f", got)
	}
	if got := Bound(nil); got != 1 {
		t.Errorf("the bound of nothing is %v", got)
	}
}
