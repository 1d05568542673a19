package manifest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	node = "kind: Node\nmetadata: {name: a}\nstatus:\n  allocatable: {cpu: 4, memory: 8Gi}\n"
	pod  = "kind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n  - name: app\n    resources: {requests: {cpu: 250m}}\n"
)

// list makes a list of documents.
func list(kind string, documents ...string) string {
	text := "apiVersion: v1\nkind: " + kind + "\nitems:\n"
	for _, document := range documents {
		text += "- " + strings.ReplaceAll(strings.TrimSpace(document), "\n", "\n  ") + "\n"
	}
	return text
}

func jsonOf(t *testing.T, text string) string {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(value, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	return string(indented)
}

func namesOf(found *Objects) []string {
	names := []string{}
	for _, node := range found.Nodes {
		names = append(names, "node "+node.Name)
	}
	for _, pod := range found.Pods {
		names = append(names, "pod "+pod.Namespace+"/"+pod.Name)
	}
	return names
}

func TestParse(t *testing.T) {
	both := []string{"node a", "pod shop/p"}
	withoutKind := strings.NewReplacer("kind: Node\n", "").Replace(node)
	tests := map[string]struct {
		content string
		want    []string
	}{
		"one object":           {node, []string{"node a"}},
		"documents":            {node + "---\n" + pod, both},
		"empty documents":      {"---\n" + node + "---\n---\n# nothing\n---\n" + pod + "---\n", both},
		"a mark with a remark": {node + "--- # the pods\n" + pod, both},
		"dashes that part not": {"kind: Node\nmetadata: {name: a, annotations: {x: \"\n  ----\"}}\nstatus: {capacity: {cpu: 1}}\n", []string{"node a"}},
		"a list":               {list("List", node, pod), both},
		"a list as JSON":       {jsonOf(t, list("List", node, pod)), both},
		"an object as JSON":    {jsonOf(t, pod), []string{"pod shop/p"}},
		"the API's list":       {list("NodeList", withoutKind), []string{"node a"}},
		"an empty list":        {"kind: List\nitems: []\n", []string{}},
		"other kinds":          {list("List", "kind: Service\nmetadata: {name: a}\n", node), []string{"node a"}},
		"finished pods":        {pod + "status: {phase: Succeeded}\n---\n" + strings.Replace(pod, "name: p", "name: q", 1) + "status: {phase: Failed}\n", []string{}},
		"one name, two kinds":  {node + "---\nkind: Pod\nmetadata: {name: a}\n", []string{"node a", "pod /a"}},
		"fields of tomorrow":   {node + "spec: {futureField: {a: 1}}\n", []string{"node a"}},
		"other line ends":      {strings.ReplaceAll(node+"---\n"+pod, "\n", "\r\n"), both},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := Parse(strings.NewReader(test.content), "f.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, namesOf(found)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestParseKeepsWhatCounts(t *testing.T) {
	text := strings.Replace(node, "{name: a}", "{name: a, labels: {zone: x}, managedFields: [{manager: kubelet}]}", 1) + "  capacity: {cpu: 5}\n"
	found, err := Parse(strings.NewReader(text+"---\n"+pod), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n := found.Nodes[0]
	if n.Labels["zone"] != "x" || n.ManagedFields != nil || n.Status.Allocatable.Cpu().Value() != 4 {
		t.Errorf("the node is %v", n)
	}
	if got := found.Pods[0].Spec.Containers[0].Resources.Requests.Cpu().MilliValue(); got != 250 {
		t.Errorf("the pod requests %d", got)
	}
}

func TestParseTakesCapacityForAllocatable(t *testing.T) {
	found, err := Parse(strings.NewReader(strings.Replace(node, "allocatable", "capacity", 1)), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := found.Nodes[0].Status.Allocatable.Cpu().Value(); got != 4 {
		t.Errorf("got %d CPUs, want 4", got)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct {
		content string
		want    string
	}{
		"broken YAML":           {"kind: Node\nmetadata: {\n", "reading f.yaml:"},
		"broken YAML further":   {node + "---\na: b\n c: d\n", "reading f.yaml:7: "},
		"broken JSON":           {"{\n\"kind\": \"Node\",\n}", "reading f.yaml:3: invalid character '}'"},
		"cut JSON":              {"{\n\"kind\": \"Node\"", "reading f.yaml:2: unexpected end of JSON input"},
		"a plain list":          {"- a\n", "reading f.yaml:1: "},
		"no name":               {"kind: Node\nmetadata: {}\n", "reading f.yaml:2: metadata.name: Required value: each Node has one"},
		"no name in a list":     {list("List", node, "kind: Pod\nmetadata:\n  labels: {}\n"), "reading f.yaml:9: items[1].metadata.name: Required value: each Pod has one"},
		"a name twice":          {node + "---\n" + node, `reading f.yaml:7: metadata.name: Duplicate value: "/a"`},
		"a name twice in lists": {list("List", pod, pod), `items[1].metadata.name: Duplicate value: "shop/p"`},
		"a negative request":    {strings.Replace(pod, "250m", "-1", 1), `reading f.yaml:6: spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must not be negative`},
		"too much of it":        {strings.Replace(pod, "250m", "1e12", 1), "reading f.yaml:6: spec.containers[0].resources.requests[cpu]"},
		"too many GPUs":         {strings.Replace(pod, "cpu: 250m", "nvidia.com/gpu: 1e12", 1), "requests[nvidia.com/gpu]: Invalid value"},
		"a negative node":       {strings.Replace(node, "8Gi", "-8Gi", 1), `reading f.yaml:4: status.allocatable[memory]: Invalid value: "-8Gi"`},
		"a node of nothing":     {"kind: Node\nmetadata: {name: a}\n", "status.allocatable: Required value: node a offers nothing: save it with its status"},
		"no quantity":           {strings.Replace(pod, "250m", "lots", 1), `this Pod does not decode: quantities must match`},
		"another type":          {strings.Replace(pod, "spec:\n", "spec:\n  nodeName: [a]\n", 1), "this Pod does not decode: json: cannot unmarshal array"},
		"an item that is none":  {"kind: List\nitems:\n- text\n", `reading f.yaml:3: items[0]: Invalid value: "": must be an object`},
		"an item as JSON":       {jsonOf(t, list("List", strings.Replace(pod, "250m", "-1", 1))), "items[0].spec.containers[0].resources.requests[cpu]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := Parse(strings.NewReader(test.content), "f.yaml")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, want %q", found, err, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		node, pod, node + "---\n" + pod, list("List", node, pod), list("NodeList", node), `{"kind":"Pod","metadata":{"name":"a"}}`,
		"kind: List\nitems: [null, 1, {}]", "\n---", "{", "a: &a [*a]", "kind: Node\nmetadata: {name: a}\nstatus: {capacity: {cpu: 1e99999}}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		found, err := Parse(strings.NewReader(content), "f")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "reading f:") {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		for _, name := range namesOf(found) {
			if strings.HasSuffix(name, " ") || strings.HasSuffix(name, "/") {
				t.Errorf("a name is missing: %q", name)
			}
		}
	})
}
