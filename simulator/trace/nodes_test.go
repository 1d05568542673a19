package trace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustFail checks that an error says what is wanted.
func mustFail(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v\nwant %q", err, want)
	}
}

const nodeHeader = "sn,cpu_milli,memory_mib,gpu,model\n"

func nodeOf(name string, labels map[string]string, list v1.ResourceList) *v1.Node {
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status: v1.NodeStatus{Capacity: list, Allocatable: list,
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}}},
	}
}

func TestReadNodesFromCSV(t *testing.T) {
	amounts := func(gpus string) v1.ResourceList {
		list := v1.ResourceList{"cpu": resource.MustParse("64"), "memory": resource.MustParse("256Gi"), "pods": resource.MustParse("1000")}
		if gpus != "" {
			list["nvidia.com/gpu"] = resource.MustParse(gpus)
			list["evenkeel.dev/gpu-milli"] = resource.MustParse(gpus + "000")
		}
		return list
	}
	tests := map[string]struct {
		content string
		want    *v1.Node
	}{
		"without GPU": {nodeHeader + "a,64000,262144,0,\n", nodeOf("a", map[string]string{v1.LabelHostname: "a"}, amounts(""))},
		"with GPUs": {nodeHeader + "a,64000,262144,2,P100\n",
			nodeOf("a", map[string]string{v1.LabelHostname: "a", "nvidia.com/gpu.product": "P100"}, amounts("2"))},
		"of an unknown model": {nodeHeader + "a,64000,262144,2,\n", nodeOf("a", map[string]string{v1.LabelHostname: "a"}, amounts("2"))},
		"in another order": {"model,gpu,rack,sn,memory_mib,cpu_milli\nP100,2,r1,a,262144,64000\n",
			nodeOf("a", map[string]string{v1.LabelHostname: "a", "nvidia.com/gpu.product": "P100"}, amounts("2"))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadNodes(write(t, "nodes.csv", test.content))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]*v1.Node{test.want}, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReadNodesFromFiles(t *testing.T) {
	tests := map[string]struct {
		path string
		want []string
	}{
		"csv":     {"testdata/nodes.csv", []string{"openb-node-0000", "openb-node-0001", "openb-node-0123"}},
		"kubectl": {"testdata/cluster.yaml", []string{"worker-a", "worker-b"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			nodes, err := ReadNodes(test.path)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, node := range nodes[:len(test.want)] {
				names = append(names, node.Name)
			}
			if diff := cmp.Diff(test.want, names); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReadNodesRefuses(t *testing.T) {
	tests := map[string]struct {
		file, content, want string
	}{
		"nothing":           {"nodes.csv", "", "nodes.csv: the file is empty"},
		"a header alone":    {"nodes.csv", nodeHeader, "nodes.csv: no node below the header"},
		"a missing column":  {"nodes.csv", "sn,cpu_milli,memory_mib,model\n", "nodes.csv:1: field gpu: the header lacks this column"},
		"no name":           {"nodes.csv", nodeHeader + ",1,1,0,\n", `nodes.csv:2: field sn: "" cannot be a name: `},
		"no node's name":    {"nodes.csv", nodeHeader + "Node_1,1,1,0,\n", `nodes.csv:2: field sn: "Node_1" cannot be a name: a lowercase RFC 1123`},
		"a long name":       {"nodes.csv", nodeHeader + strings.Repeat("a", 64) + ",1,1,0,\n", "nodes.csv:2: field sn: "},
		"a name twice":      {"nodes.csv", nodeHeader + "a,1,1,0,\nb,1,1,0,\na,1,1,0,\n", `nodes.csv:4: field sn: "a" is on line 2 already`},
		"negative CPU":      {"nodes.csv", nodeHeader + "a,-1,1,0,\n", `nodes.csv:2: field cpu_milli: "-1" is not a whole number`},
		"CPU not a number":  {"nodes.csv", nodeHeader + "a,NaN,1,0,\n", `nodes.csv:2: field cpu_milli: "NaN"`},
		"memory overflows":  {"nodes.csv", nodeHeader + "a,1,9223372036854775807,0,\n", "nodes.csv:2: field memory_mib: "},
		"too many GPUs":     {"nodes.csv", nodeHeader + "a,1,1,70000,\n", "nodes.csv:2: field gpu: "},
		"no model's name":   {"nodes.csv", nodeHeader + "a,1,1,1,Tesla V100\n", `nodes.csv:2: field model: "Tesla V100" cannot be a label's value`},
		"pods, not nodes":   {"pods.yaml", "kind: Pod\nmetadata: {name: a}\n", "pods.yaml: no object of kind Node in it"},
		"broken YAML":       {"nodes.yaml", "kind: [\n", "nodes.yaml:"},
		"an infinite value": {"nodes.csv", nodeHeader + "a,1,Inf,0,\n", `nodes.csv:2: field memory_mib: "Inf"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ReadNodes(write(t, test.file, test.content))
			mustFail(t, err, test.want)
		})
	}
	_, err := ReadNodes("testdata/gone.csv")
	mustFail(t, err, "reading testdata/gone.csv: no such file")
}

func FuzzNodes(f *testing.F) {
	for _, seed := range []string{nodeHeader + "a,64000,262144,2,P100\n", nodeHeader + "a,0,0,0,\n", nodeHeader + "a,1000000000,1099511627776,65536,X\n", "sn\n", "\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		nodes, err := parseNodes(strings.NewReader(content), "f")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "reading f:") {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		if err := (&Workload{Nodes: nodes}).Validate(); err != nil {
			t.Error(err)
		}
		for _, node := range nodes {
			if NodeGPUMilli(node) < 0 || node.Status.Allocatable.Memory().Sign() < 0 {
				t.Errorf("node %v", node.Status.Allocatable)
			}
		}
	})
}
