package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	head  = "apiVersion: evenkeel.dev/v1alpha1\nkind: Scenario\n"
	nodes = "nodes:\n- file: nodes.csv\n"
)

func TestParse(t *testing.T) {
	tests := map[string]string{
		"the least":           nodes,
		"a pool":              "nodes:\n- pool: {name: a, count: 1, cpu: 1, memory: 1Gi}\n",
		"a snapshot alone":    "snapshot: {file: cluster.yaml}\n",
		"pods":                nodes + "pods:\n- {file: pods.csv, repeat: 3, prefix: x-}\n",
		"scale":               nodes + "demand: {scale: 0.5}\n",
		"tune":                nodes + "demand: {tune: 1.3}\n",
		"usage":               nodes + "usage: {file: use, format: bitbrains, scale: 2}\n",
		"arrivals at once":    nodes + "arrivals: {every: 0s}\n",
		"arrivals by chance":  nodes + "arrivals: {poisson: 10s, order: shuffled, stay: true}\n",
		"loss of a node":      nodes + "events:\n- {at: 1h, kind: NodeLoss, node: a}\n",
		"drain of nodes":      nodes + "events:\n- {at: 1h, kind: Drain, nodes: [a, b]}\n",
		"drain of a pool":     nodes + "events:\n- {at: 1h, kind: Drain, pool: p, count: 2}\n",
		"burst of a file":     nodes + "events:\n- {at: 1h, kind: Burst, pods: {file: pods.csv}}\n",
		"burst of a template": nodes + "events:\n- {at: 1h, kind: Burst, count: 5, pods: {template: {name: b, cpu: 1, gpuMilli: 999, life: 1h}}}\n",
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(head+content), "s.yaml"); err != nil {
				t.Error(err)
			}
		})
	}
}

// change is a scenario with one line of it written otherwise.
func change(from, to string) string {
	const all = head + `duration: 24h
nodes:
- file: nodes.csv
- pool:
    name: g2
    count: 4
    cpu: 96
    memory: 384Gi
    gpu: 8
    model: G2
    labels: {zone: a}
    price: 12.5
pods:
- file: pods.csv
  repeat: 2
demand:
  tune: 1.3
usage:
  file: use.csv
  format: csv
  scale: 1
arrivals:
  order: shuffled
  poisson: 10s
events:
- at: 1h
  kind: NodeLoss
  node: a
- at: 2h
  kind: Burst
  count: 20
  pods:
    template:
      name: burst
      cpu: 500m
      memory: 1Gi
      gpuMilli: 250
      models: [G2]
      life: 1h
`
	if !strings.Contains(all, from) {
		return "the scenario has no " + from
	}
	return strings.Replace(all, from, to, 1)
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct {
		from, to string
		want     string
	}{
		"another version":       {"v1alpha1", "v2", `s.yaml:1: apiVersion: Invalid value: "evenkeel.dev/v2": must be evenkeel.dev/v1alpha1`},
		"another kind":          {"kind: Scenario", "kind: Story", `s.yaml:2: kind: Invalid value: "Story": must be Scenario`},
		"a typo":                {"count: 4", "cout: 4", `s.yaml:8: nodes[1].pool.cout: Invalid value: "cout": no such field; fields here: count, cpu, gpu`},
		"a negative duration":   {"24h", "-1h", `s.yaml:3: duration: Invalid value: "-1h0m0s": must be within 0..10 years`},
		"an endless duration":   {"24h", "100000h", "s.yaml:3: duration: "},
		"a duration in words":   {"24h", "a day", `s.yaml:3: duration: Invalid value: "a day"`},
		"no file of nodes":      {"file: nodes.csv", "file: ''", "s.yaml:5: nodes[0]: Invalid value: \"\": must have either file or pool"},
		"file and pool":         {"- pool:", "- file: x\n  pool:", "s.yaml:6: nodes[1]: Invalid value: \"x\": must have either file or pool"},
		"no name":               {"name: g2", "name: ''", "s.yaml:7: nodes[1].pool.name: Invalid value: \"\": must be a name"},
		"no name for a node":    {"name: g2", "name: G_2", "s.yaml:7: nodes[1].pool.name: "},
		"an endless name":       {"name: g2", "name: " + strings.Repeat("a", 64), "s.yaml:7: nodes[1].pool.name: "},
		"no count":              {"count: 4", "count: 0", "s.yaml:8: nodes[1].pool.count: Invalid value: 0: must be within 1..100000"},
		"an endless count":      {"count: 4", "count: 100001", "s.yaml:8: nodes[1].pool.count: "},
		"negative CPU":          {"cpu: 96", "cpu: -1", `s.yaml:9: nodes[1].pool.cpu: Invalid value: "-1": must not be negative`},
		"no CPU":                {"cpu: 96", "cpu: lots", `s.yaml:9: nodes[1].pool.cpu: Invalid value: "lots"`},
		"too much memory":       {"384Gi", "4096Pi", "s.yaml:10: nodes[1].pool.memory: "},
		"negative GPUs":         {"gpu: 8", "gpu: -8", "s.yaml:11: nodes[1].pool.gpu: Invalid value: -8: must be within"},
		"a fraction of a GPU":   {"gpu: 8", "gpu: 0.5", "s.yaml:11: nodes[1].pool.gpu: "},
		"no label's value":      {"model: G2", "model: a b", "s.yaml:12: nodes[1].pool.model: Invalid value: \"a b\": must be a label's value"},
		"no label":              {"{zone: a}", "{zone: a b}", "s.yaml:13: nodes[1].pool.labels[zone]: Invalid value: \"a b\": must be a label"},
		"a number as label":     {"{zone: a}", "{zone: 1}", "s.yaml:13: nodes[1].pool.labels: "},
		"a negative price":      {"12.5", "-1", "s.yaml:14: nodes[1].pool.price: Invalid value: -1: must not be negative"},
		"an infinite price":     {"12.5", ".inf", "s.yaml:14: nodes[1].pool.price: "},
		"no file of pods":       {"file: pods.csv", "file: ''", "s.yaml:16: pods[0].file: Invalid value: \"\": must name a file of pods"},
		"negative repeats":      {"repeat: 2", "repeat: -1", "s.yaml:17: pods[0].repeat: Invalid value: -1: must be within 0..100000"},
		"no prefix of a name":   {"repeat: 2", "prefix: Day_", `s.yaml:17: pods[0].prefix: Invalid value: "Day_": must begin a name`},
		"no demand":             {"tune: 1.3", "tune: 0", "s.yaml:19: demand.tune: Invalid value: 0: must be more than 0"},
		"negative demand":       {"tune: 1.3", "scale: -1", "s.yaml:19: demand.scale: Invalid value: -1: "},
		"demand not a number":   {"tune: 1.3", "tune: .nan", "s.yaml:19: demand.tune: "},
		"too much demand":       {"tune: 1.3", "tune: 1001", "s.yaml:19: demand.tune: "},
		"two demands":           {"tune: 1.3", "tune: 1\n  scale: 1", "s.yaml:18: demand: Invalid value: \"scale, tune\": must have one of them"},
		"no file of usage":      {"file: use.csv", "file: ''", "s.yaml:21: usage.file: "},
		"another format":        {"format: csv", "format: excel", `s.yaml:22: usage.format: Invalid value: "excel": must be planetlab, bitbrains or csv`},
		"no use":                {"scale: 1", "scale: 0", "s.yaml:23: usage.scale: "},
		"another order":         {"order: shuffled", "order: random", `s.yaml:25: arrivals.order: Invalid value: "random": must be trace or shuffled`},
		"a negative rate":       {"poisson: 10s", "poisson: -1s", `s.yaml:26: arrivals.poisson: Invalid value: "-1s": must be`},
		"negative gaps":         {"poisson: 10s", "every: -1s", `s.yaml:26: arrivals.every: `},
		"two rates":             {"poisson: 10s", "poisson: 10s\n  every: 1s", `s.yaml:24: arrivals: Invalid value: "every, poisson": must have one`},
		"an event before":       {"at: 1h", "at: -1h", "s.yaml:28: events[0].at: "},
		"another event":         {"kind: NodeLoss", "kind: Flood", `s.yaml:29: events[0].kind: Invalid value: "Flood": must be NodeLoss, Drain or Burst`},
		"of nothing":            {"  node: a\n", "", "s.yaml:28: events[0]: Invalid value: \"NodeLoss\": must have exactly one of node, nodes and pool"},
		"of two things":         {"node: a", "node: a\n  nodes: [b]", "s.yaml:28: events[0]: "},
		"a pool without count":  {"node: a", "pool: a", "s.yaml:28: events[0].count: Invalid value: 0: must be given with pool, and only then"},
		"a node with count":     {"node: a", "node: a\n  count: 2", "s.yaml:31: events[0].count: Invalid value: 2: "},
		"a loss of pods":        {"node: a", "node: a\n  pods: {file: x}", "s.yaml:31: events[0].pods: Invalid value: \"\": must be left to Burst"},
		"a burst of nodes":      {"kind: Burst", "kind: Burst\n  node: a", "s.yaml:31: events[1]: Invalid value: \"Burst\": must not name nodes"},
		"a negative count":      {"count: 20", "count: -1", "s.yaml:33: events[1].count: Invalid value: -1"},
		"a template, no count":  {"count: 20", "count: 0", "s.yaml:33: events[1].count: Invalid value: 0: must say how many"},
		"file and template":     {"    template:", "    file: x\n    template:", "s.yaml:34: events[1].pods: Invalid value: \"x\": must have either file or template"},
		"no name of a pod":      {"name: burst", "name: Burst", "s.yaml:36: events[1].pods.template.name: "},
		"a negative request":    {"500m", "-500m", "s.yaml:37: events[1].pods.template.cpu: "},
		"negative memory":       {"1Gi", "-1Gi", "s.yaml:38: events[1].pods.template.memory: "},
		"a whole GPU in shares": {"gpuMilli: 250", "gpuMilli: 1000", "s.yaml:39: events[1].pods.template.gpuMilli: Invalid value: 1000: must be within 1..999; use gpu for whole ones"},
		"GPUs and a share":      {"gpuMilli: 250", "gpuMilli: 250\n      gpu: 1", "s.yaml:39: events[1].pods.template.gpuMilli: Invalid value: 250: must not be given with gpu"},
		"negative whole GPUs":   {"gpuMilli: 250", "gpu: -1", "s.yaml:39: events[1].pods.template.gpu: "},
		"a model of no name":    {"[G2]", "['']", "s.yaml:40: events[1].pods.template.models[0]: Invalid value: \"\": must not be empty"},
		"no model's name":       {"[G2]", "[G2, 'a|b']", "s.yaml:40: events[1].pods.template.models[1]: Invalid value: \"a|b\": must be a label's value"},
		"a negative life":       {"life: 1h", "life: -1h", "s.yaml:41: events[1].pods.template.life: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(change(test.from, test.to)), "s.yaml")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %q", err, test.want)
			}
		})
	}
}

func TestParseRefusesWhatLacks(t *testing.T) {
	tests := map[string]struct {
		content, want string
	}{
		"no nodes at all":       {head, "s.yaml:1: nodes: Invalid value: \"\": there must be nodes or a snapshot"},
		"a snapshot of no file": {head + "snapshot: {}\n", "s.yaml:3: snapshot.file: "},
		"a burst of no pods":    {head + nodes + "events:\n- {at: 1h, kind: Burst}\n", "s.yaml:6: events[0].pods: Invalid value: \"\": must have file or template"},
		"nothing":               {"", "reading s.yaml: nothing in it"},
		"all that is wrong":     {"kind: Scenario\nduration: -1h\n", "s.yaml:2: duration: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.content), "s.yaml")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %q", err, test.want)
			}
		})
	}
}

func TestRead(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "s.yaml")
	if err := os.WriteFile(path, []byte(head+"duration: 2h\n"+nodes), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Duration.Duration != 2*time.Hour || s.Path() != path {
		t.Errorf("%s lasts %v", s.Path(), s.Duration)
	}
	if got, want := s.Beside("x/nodes.csv"), filepath.Join(folder, "x", "nodes.csv"); got != want {
		t.Errorf("a file beside it is %s, want %s", got, want)
	}
	if got := s.Beside(path); got != path {
		t.Errorf("an absolute path became %s", got)
	}
	err = s.Wrong(field.NewPath("nodes").Index(0).Child("file"), "nodes.csv", os.ErrNotExist)
	if want := path + `:5: nodes[0].file: Invalid value: "nodes.csv": file does not exist`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, content := range map[string]string{"large": strings.Repeat("# a story\n", maxBytes/9), "empty": ""} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.yaml")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path+": the file is ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{change("count: 4", "count: 5"), head + nodes, head + "nodes: [{pool: {}}]", "nodes: &n [*n]", "events: [{pods: {template: {}}}]", "{"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := Parse(content, "f")
		if err != nil && !strings.HasPrefix(err.Error(), "reading f:") {
			t.Errorf("an error without its place: %v", err)
		}
		if err == nil && len(s.Nodes) == 0 && s.Snapshot == nil {
			t.Error("no nodes, but no error")
		}
	})
}
