package trace

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	podHeader = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n"
	lifeHead  = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time\n"
)

func podOf(requests, limits v1.ResourceList, affinity *v1.Affinity) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "default", UID: "default/a"},
		Spec: v1.PodSpec{
			Containers: []v1.Container{{Name: "app", Resources: v1.ResourceRequirements{Requests: requests, Limits: limits}}},
			Affinity:   affinity,
		},
	}
}

func amounts(pairs ...string) v1.ResourceList {
	var list v1.ResourceList
	for i := 0; i < len(pairs); i += 2 {
		if list == nil {
			list = v1.ResourceList{}
		}
		list[v1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

func onModels(models ...string) *v1.Affinity {
	return &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
		NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{
			{Key: "nvidia.com/gpu.product", Operator: v1.NodeSelectorOpIn, Values: models},
		}}},
	}}}
}

func TestReadPodsFromCSV(t *testing.T) {
	const gpu, milli = "nvidia.com/gpu", "evenkeel.dev/gpu-milli"
	tests := map[string]struct {
		content string
		want    Pod
	}{
		"without GPU":       {podHeader + "a,1500,2048,0,0\n", Pod{Object: podOf(amounts("cpu", "1500m", "memory", "2Gi"), nil, nil)}},
		"an explicit zero":  {podHeader + "a,0,0,0,0\n", Pod{Object: podOf(amounts("cpu", "0", "memory", "0"), nil, nil)}},
		"a share of a GPU":  {podHeader + "a,1000,1024,1,460\n", Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi", milli, "460"), amounts(milli, "460"), nil)}},
		"a GPU":             {podHeader + "a,1000,1024,1,1000\n", Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi", gpu, "1"), amounts(gpu, "1"), nil)}},
		"GPUs":              {podHeader + "a,1000,1024,8,1000\n", Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi", gpu, "8"), amounts(gpu, "8"), nil)}},
		"of one model":      {lifeHead + "a,1000,1024,1,1000,T4,,\n", Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi", gpu, "1"), amounts(gpu, "1"), onModels("T4"))}},
		"of several models": {lifeHead + "a,1000,1024,1,5,T4|G2,,\n", Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi", milli, "5"), amounts(milli, "5"), onModels("T4", "G2"))}},
		"comes and goes": {lifeHead + "a,1000,1024,0,0,,10,25.5\n",
			Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi"), nil, nil), Arrival: 10 * time.Second, Departure: 25500 * time.Millisecond}},
		"comes and stays": {lifeHead + "a,1000,1024,0,0,,10,\n", Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi"), nil, nil), Arrival: 10 * time.Second}},
		"goes at once": {lifeHead + "a,1000,1024,0,0,,10,10\n",
			Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi"), nil, nil), Arrival: 10 * time.Second, Departure: 10 * time.Second}},
		"is never seen": {lifeHead + "a,1000,1024,0,0,,0,0\n", Pod{Object: podOf(amounts("cpu", "1", "memory", "1Gi"), nil, nil), Departure: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadPods(write(t, "pods.csv", test.content))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Pod{test.want}, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReadPodsRefuses(t *testing.T) {
	tests := map[string]struct {
		file, content, want string
	}{
		"nothing":              {"pods.csv", "", "pods.csv: the file is empty"},
		"a header alone":       {"pods.csv", podHeader, "pods.csv: no pod below the header"},
		"a missing column":     {"pods.csv", "name,cpu_milli,memory_mib,num_gpu\n", "pods.csv:1: field gpu_milli: the header lacks this column"},
		"a name twice":         {"pods.csv", podHeader + "a,1,1,0,0\na,1,1,0,0\n", `pods.csv:3: field name: "a" is on line 2 already`},
		"no pod's name":        {"pods.csv", podHeader + "a/b,1,1,0,0\n", `pods.csv:2: field name: "a/b" cannot be a name`},
		"negative CPU":         {"pods.csv", podHeader + "a,-1,1,0,0\n", `pods.csv:2: field cpu_milli: "-1"`},
		"no memory":            {"pods.csv", podHeader + "a,1,,0,0\n", `pods.csv:2: field memory_mib: ""`},
		"an overflow":          {"pods.csv", podHeader + "a,99999999999999999999,1,0,0\n", "pods.csv:2: field cpu_milli: "},
		"infinite":             {"pods.csv", podHeader + "a,1,+Inf,0,0\n", "pods.csv:2: field memory_mib: "},
		"a share of none":      {"pods.csv", podHeader + "a,1,1,0,500\n", "pods.csv:2: field gpu_milli: 500 without a GPU: num_gpu must be 1"},
		"none of a GPU":        {"pods.csv", podHeader + "a,1,1,1,0\n", "pods.csv:2: field gpu_milli: 0 is not within 1..1000, thousandths of one GPU"},
		"more than a GPU":      {"pods.csv", podHeader + "a,1,1,1,1200\n", "pods.csv:2: field gpu_milli: 1200 is not within 1..1000"},
		"shares of several":    {"pods.csv", podHeader + "a,1,1,2,500\n", "pods.csv:2: field gpu_milli: 500 of each of 2 GPUs: a share is of one GPU, so it must be 1000"},
		"a model without GPU":  {"pods.csv", lifeHead + "a,1,1,0,0,T4,,\n", `pods.csv:2: field gpu_spec: "T4" without a GPU`},
		"an empty model":       {"pods.csv", lifeHead + "a,1,1,1,1000,T4|,,\n", `pods.csv:2: field gpu_spec: "T4|" has no valid model in "": write models joined by '|'`},
		"models with a space":  {"pods.csv", lifeHead + "a,1,1,1,1000,T4 G2,,\n", `pods.csv:2: field gpu_spec: "T4 G2" has no valid model`},
		"gone before it came":  {"pods.csv", lifeHead + "a,1,1,0,0,,20,10\n", "pods.csv:2: field deletion_time: 10 is before creation_time 20"},
		"an infinite time":     {"pods.csv", lifeHead + "a,1,1,0,0,,Inf,\n", `pods.csv:2: field creation_time: "Inf" is not a number`},
		"a time since 1970":    {"pods.csv", lifeHead + "a,1,1,0,0,,1700000000,\n", "pods.csv:2: field creation_time: "},
		"nodes, not pods":      {"nodes.yaml", "kind: Node\nmetadata: {name: a}\nstatus: {capacity: {cpu: 1}}\n", "nodes.yaml: no object of kind Pod in it"},
		"a broken line":        {"pods.csv", podHeader + "a,1,1,0,0\nb,1\n", "pods.csv:3: 2 fields, but the header has 5"},
		"a negative in a list": {"pods.yaml", "kind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - resources: {requests: {cpu: -1}}\n", "pods.yaml:5: spec.containers[0]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ReadPods(write(t, test.file, test.content))
			mustFail(t, err, test.want)
		})
	}
}

func TestReadPodsFromAnExcerptOfOpenb(t *testing.T) {
	pods, err := ReadPods("testdata/pods.csv")
	if err != nil {
		t.Fatal(err)
	}
	last := pods[len(pods)-1]
	if len(pods) != 26 || last.Object.Name != "openb-pod-0053" || last.Arrival != 9993753*time.Second {
		t.Errorf("%d pods, the last is %s at %v", len(pods), last.Object.Name, last.Arrival)
	}
	if diff := cmp.Diff([]string{"V100M16", "V100M32"}, gpuModels(last.Object)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReadPodsFromKubectl(t *testing.T) {
	pods, err := ReadPods("testdata/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type seen struct{ UID, Node, Scheduler string }
	var got []seen
	for _, pod := range pods {
		got = append(got, seen{string(pod.Object.UID), pod.Object.Spec.NodeName, pod.Object.Spec.SchedulerName})
	}
	if diff := cmp.Diff([]seen{{"shop/web", "worker-a", ""}, {"shop/waiting", "", ""}}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestPodsOfOneShapeShareTheirParts(t *testing.T) {
	pods, err := ReadPods(write(t, "pods.csv", lifeHead+"a,1,1,1,5,T4,,\nb,1,1,1,5,T4,,\nc,2,1,1,5,T4,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := pods[0].Object.Spec, pods[1].Object.Spec, pods[2].Object.Spec
	if &a.Containers[0] != &b.Containers[0] || a.Affinity != b.Affinity {
		t.Error("two pods of one shape have parts of their own")
	}
	if &a.Containers[0] == &c.Containers[0] {
		t.Error("two pods of different shapes have one container")
	}
}

// manyPods is a list of n pods in 150 shapes.
func manyPods(n int) string {
	var list strings.Builder
	list.WriteString(lifeHead)
	for i := range n {
		fmt.Fprintf(&list, "pod-%05d,%d,16384,1,460,T4|G2,%d,%d\n", i, 1000+i%150*100, i*10, i*10+5000)
	}
	return list.String()
}

func TestReadPodsPacked(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte(manyPods(100))); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	pods, err := ReadPods(write(t, "pods.csv.gz", packed.String()))
	if err != nil || len(pods) != 100 {
		t.Errorf("%d pods, %v", len(pods), err)
	}
	_, err = ReadPods(write(t, "pods.csv.gz", packed.String()[:packed.Len()-8]))
	mustFail(t, err, "pods.csv.gz: the gzip file is cut off, copy it again")
}

func FuzzPods(f *testing.F) {
	for _, seed := range []string{manyPods(3), podHeader + "a,0,0,0,0\n", lifeHead + "a,1,1,1,1000,T4|G2,0,0\n", "name\n", "\"", podHeader + "a,1,1,65536,1000\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		pods, err := parsePods(strings.NewReader(content), "f")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "reading f:") {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		if err := (&Workload{Pods: pods}).Validate(); err != nil {
			t.Error(err)
		}
		for _, pod := range pods {
			if pod.Departure != 0 && pod.Departure < pod.Arrival || pod.Arrival < 0 || PodGPUMilli(pod.Object) < 0 {
				t.Errorf("pod %s lives from %v to %v", pod.Object.Name, pod.Arrival, pod.Departure)
			}
		}
	})
}

func BenchmarkReadPods(b *testing.B) {
	path := filepath.Join(b.TempDir(), "pods.csv")
	if err := os.WriteFile(path, []byte(manyPods(8000)), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadPods(path); err != nil {
			b.Fatal(err)
		}
	}
}
