package arch

import (
	"strings"
	"testing/fstest"
)

// exception lets one place break one rule. The place is matched as path.Match does, without line numbers.
type exception struct {
	rule, place, reason string
}

var exceptions = []exception{
	{
		rule: "imports go down", place: "cmd/evenkeel/*/*.go -> cmd/*/app",
		reason: "the all-in-one binary runs the other commands in its process",
	},
	{
		rule: "imports go down", place: "test/*/*.go -> cmd/*/*",
		reason: "tests start the commands as a user would, and read their answers",
	},
	{
		rule: "imports go down", place: "test/bench/*/*.go -> cmd/*/app",
		reason: "what is measured is the configuration that a command runs with by default",
	},
	{
		rule: "calls are in place", place: "internal/controlplane/*.go",
		reason: "the components of Kubernetes take their options as flags, and run on the wall clock",
	},
	{
		rule: "calls are in place", place: "simulator/packing/sequence.go",
		reason: "the published experiment draws its pods with math/rand, and a seed must draw the same ones",
	},
}

var rules = []rule{
	{
		name: "imports go down", find: importsGoDown,
		cure: "meet through API objects or through a noun in internal/ that both import; " +
			"the floors are in floors_test.go",
		breaks: sources("internal/usage/a.go", `import "github.com/evenkeel/evenkeel/plugins/realload"`),
		keeps:  sources("plugins/realload/a.go", `import "github.com/evenkeel/evenkeel/internal/usage"`),
	},
	{
		name: "upstream stays below", find: upstreamStaysBelow,
		cure:   "use k8s.io/kube-scheduler/framework and other published modules, or move it to cmd/scheduler",
		breaks: sources("plugins/realload/a.go", `import "k8s.io/kubernetes/pkg/scheduler"`),
		keeps:  sources("plugins/realload/a_test.go", `import "k8s.io/kubernetes/pkg/scheduler"`),
	},
	{
		name: "names say something", find: namesSaySomething,
		cure:   "name it after the noun it holds",
		breaks: fstest.MapFS{"internal/strings/a.go": {Data: []byte("package util\n")}},
		keeps:  sources("internal/usage/a.go", ``),
	},
	{
		name: "the tree is shallow", find: treeIsShallow,
		cure:   "three folders deep is enough: lift the package up",
		breaks: sources("internal/usage/prometheus/query/a.go", ``),
		keeps:  sources("internal/usage/prometheus/a.go", ``),
	},
	{
		name: "packages are documented", find: packagesAreDocumented,
		cure:   "say in one package comment what it is for",
		breaks: sources("internal/usage/a.go", ``),
		keeps: fstest.MapFS{"internal/usage/a.go": {Data: []byte(
			"// Package usage is what is known about the load of nodes and pods.\npackage usage\n")}},
	},
	{
		name: "nothing registers itself", find: nothingRegistersItself,
		cure:   "let cmd list it explicitly",
		breaks: sources("internal/usage/a.go", `func init() {}`),
		keeps:  sources("api/v1alpha1/a.go", `func init() {}`),
	},
	{
		name: "calls are in place", find: callsAreInPlace,
		cure:   "follow what the finding says",
		breaks: sources("internal/usage/a.go", "import \"time\"\nvar start = time.Now()"),
		keeps:  sources("cmd/scheduler/a.go", "import \"time\"\nvar start = time.Now()"),
	},
	{
		name: "lengths are bounded", find: lengthsAreBounded,
		cure:   "split it where the subject changes",
		breaks: sources("internal/usage/a.go", "func long() {\n"+strings.Repeat("\n", maxFunctionLines)+"}"),
		keeps:  sources("internal/usage/a_test.go", "func long() {\n"+strings.Repeat("\n", maxFunctionLines)+"}"),
	},
	{
		name: "interfaces are small", find: interfacesAreSmall,
		cure:   "declare what the consumer calls, no more",
		breaks: sources("internal/usage/a.go", "type wide interface { A(); B(); C(); D(); E(); F() }"),
		keeps:  sources("internal/usage/a.go", "type narrow interface { A(); B() }"),
	},
	{
		name: "budgets are kept", find: budgetsAreKept,
		cure:   "split the longest; list them with: wc -l $(git ls-files '*.go') | sort -n | tail",
		breaks: sources("internal/usage/a.go", strings.Repeat("\n", 131)),
		keeps:  sources("internal/usage/a.go", ``),
	},
	{
		name: "metrics are named well", find: metricsAreNamedWell,
		cure: "evenkeel_<subsystem>_<what>_<unit>, _total for counters, and a help text",
		breaks: sources("internal/usage/a.go", "import \"github.com/prometheus/client_golang/prometheus\"\n"+
			`var o = prometheus.CounterOpts{Name: "evenkeel_reads", Help: "Reads."}`),
		keeps: sources("internal/usage/a.go", "import \"github.com/prometheus/client_golang/prometheus\"\n"+
			"const prefix = \"evenkeel_usage_\"\n"+
			`var o = prometheus.CounterOpts{Name: prefix + "reads_total", Help: "Reads."}`),
	},
	{
		name: "units have READMEs", find: unitsHaveReadmes,
		cure:   "write it first: what it does, then what an operator sets and sees",
		breaks: sources("internal/usage/a.go", ``),
		keeps: fstest.MapFS{
			"internal/usage/prometheus/a.go": {Data: []byte("package prometheus\n")},
			"internal/usage/README.md":       {Data: []byte("# usage\n\nWhat is known.\n")},
		},
	},
	{
		name: "manifests parse", find: manifestsParse,
		cure: "mend the YAML",
		breaks: fstest.MapFS{
			"a.go":                     {Data: []byte("package a\n")},
			"manifests/base/role.yaml": {Data: []byte("apiVersion: v1\nkind: Role\n---\nkind: Role\n")},
		},
		keeps: fstest.MapFS{
			"a.go":                     {Data: []byte("package a\n")},
			"manifests/base/role.yaml": {Data: []byte("---\napiVersion: v1\nkind: Role\n")},
		},
	},
}

// sources is a tree of one file, its package named after its folder.
func sources(name, body string) fstest.MapFS {
	parts := strings.Split(name, "/")
	return fstest.MapFS{name: {Data: []byte("package " + parts[len(parts)-2] + "\n" + body + "\n")}}
}
