package arch

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors, from the lowest: an import goes down only.
var floors = [][]string{
	{"api", "manifests"},
	{"internal"},
	{"plugins", "autoscaler", "descheduler", "netdp", "logging"},
	{"simulator"},
	{"cmd", "test"},
}

// upstreamUsers may import the internals of Kubernetes, which promise no compatibility.
var upstreamUsers = []string{"cmd/scheduler", "internal/controlplane", "simulator", "test"}

const upstream = "k8s.io/kubernetes"

func floorOf(dir string) int {
	return slices.IndexFunc(floors, func(folders []string) bool { return slices.Contains(folders, top(dir)) })
}

// unit is the folder that a package belongs to: plugins/realload for plugins/realload/state. api and
// simulator are one unit each.
func unit(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	if parts[0] == "api" || parts[0] == "simulator" || len(parts) == 1 {
		return parts[0]
	}
	return parts[0] + "/" + parts[1]
}

// wrongWay says what is wrong with one package importing another, "" when nothing is.
func wrongWay(from, to string) string {
	switch {
	case unit(from) == unit(to) || to == top(from):
		return ""
	case floorOf(from) < 0:
		return top(from) + " is on no floor"
	case floorOf(to) < 0:
		return top(to) + " is on no floor"
	case floorOf(to) > floorOf(from):
		return "goes up"
	case top(to) == top(from):
		return "reaches into another unit of " + top(from)
	case floorOf(to) == floorOf(from):
		return "reaches into a sibling on the same floor"
	}
	return ""
}

func importsGoDown(t *tree) []finding {
	var found []finding
	t.each(func(f *file) {
		for _, imported := range f.imports() {
			to, ours := strings.CutPrefix(imported, modulePath+"/")
			if !ours {
				continue
			}
			if wrong := wrongWay(f.dir, to); wrong != "" {
				found = append(found, finding{f.path + " -> " + to, wrong})
			}
		}
	})
	return found
}

func upstreamStaysBelow(t *tree) []finding {
	var found []finding
	t.each(func(f *file) {
		// Plugins run inside kube-scheduler and the autoscaler beside kube-controller-manager: their tests compare with these.
		compares := within(f.dir, "plugins", "autoscaler") && f.test
		if within(f.dir, upstreamUsers...) || compares {
			return
		}
		for _, imported := range f.imports() {
			if within(imported, upstream) {
				found = append(found, finding{f.path + " -> " + imported, "imports the internals of Kubernetes"})
			}
		}
	})
	return found
}

// TestPluginsStandOnTheFramework follows the imports all the way down, other modules' too, which the source
// of this module alone does not show.
func TestPluginsStandOnTheFramework(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-e", "-f", "{{.ImportPath}}", "./plugins/...")
	list.Dir = root
	output, err := list.Output()
	if err != nil {
		t.Fatalf("listing what plugins depend on: %v", err)
	}
	dependencies := strings.Fields(string(output))
	if !slices.Contains(dependencies, "k8s.io/kube-scheduler/framework") {
		t.Errorf("no plugin depends on k8s.io/kube-scheduler/framework: the list must be wrong")
	}
	for _, dependency := range dependencies {
		if within(dependency, upstream) {
			t.Errorf("plugins depend on %s; find the way with: go mod why %s. "+
				"Move what needs it to cmd/scheduler", dependency, dependency)
		}
	}
}

func TestWrongWay(t *testing.T) {
	for name, test := range map[string]struct {
		from, to string
		wrong    bool
	}{
		"plugin to internal":                  {"plugins/realload", "internal/usage", false},
		"plugin to its own subpackage":        {"plugins/realload", "plugins/realload/score", false},
		"plugin to another plugin":            {"plugins/realload", "plugins/reservation", true},
		"plugin to the autoscaler":            {"plugins/realload", "autoscaler/adapter", true},
		"internal to plugin":                  {"internal/usage", "plugins/realload", true},
		"internal to another noun":            {"internal/usage", "internal/frag", true},
		"internal to api":                     {"internal/usage", "api/v1alpha1", false},
		"simulator to plugin":                 {"simulator", "plugins/realload", false},
		"simulator within itself":             {"simulator/report", "simulator/trace", false},
		"plugin to simulator":                 {"plugins/realload", "simulator", true},
		"policy to the loop it is called by":  {"descheduler/hotspot", "descheduler", false},
		"policy to another policy":            {"descheduler/hotspot", "descheduler/defrag", true},
		"command to simulator":                {"cmd/evenkeel", "simulator", false},
		"command to another command":          {"cmd/evenkeel", "cmd/scheduler/app", true},
		"test to command":                     {"test/integration", "cmd/scheduler/app", true},
		"a folder that is on no floor":        {"pkg/things", "internal/usage", true},
		"importing something that is nowhere": {"cmd/evenkeel", "pkg/things", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wrongWay(test.from, test.to); (got != "") != test.wrong {
				t.Errorf("wrongWay(%q, %q) = %q, want something wrong: %v", test.from, test.to, got, test.wrong)
			}
		})
	}
}
