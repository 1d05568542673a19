package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// metricLibraries declare metrics with a struct called …Opts.
var metricLibraries = []string{
	"github.com/prometheus/client_golang/prometheus",
	"k8s.io/component-base/metrics",
}

// samples give one sample in the text format for each kind of metric, as promlint reads it.
var samples = map[string]string{
	"counter":   "%[1]s 0\n",
	"gauge":     "%[1]s 0\n",
	"histogram": "%[1]s_bucket{le=\"+Inf\"} 0\n%[1]s_sum 0\n%[1]s_count 0\n",
	"summary":   "%[1]s_sum 0\n%[1]s_count 0\n",
	"untyped":   "%[1]s 0\n",
}

// metricsAreNamedWell finds declarations in the source, so that a metric which no test happens to expose is
// linted too.
func metricsAreNamedWell(t *tree) []finding {
	constants := constantsOf(t)
	var found []finding
	t.each(func(f *file) {
		if f.test {
			return
		}
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			m, ok := f.metricAt(node, constants[f.dir])
			if ok {
				for _, problem := range m.problems() {
					found = append(found, finding{t.at(node), problem})
				}
			}
			return true
		})
	})
	return found
}

type metric struct {
	kind, name, help string
}

func (m metric) problems() []string {
	if m.name == "" || m.help == "" {
		return []string{"the name or help of a metric cannot be read: write them as constants"}
	}
	if !strings.HasPrefix(m.name, "evenkeel_") {
		return []string{m.name + " does not begin with evenkeel_"}
	}
	help := strings.ReplaceAll(m.help, "\n", " ")
	text := fmt.Sprintf("# HELP %[1]s %[2]s\n# TYPE %[1]s %[3]s\n", m.name, help, m.kind) +
		fmt.Sprintf(samples[m.kind], m.name)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		return []string{fmt.Sprintf("linting %s: %v", m.name, err)}
	}
	var all []string
	for _, problem := range problems {
		all = append(all, problem.Metric+": "+problem.Text)
	}
	return all
}

// metricAt reads prometheus.CounterOpts{…} and its like, and prometheus.NewDesc(name, help, …).
func (f *file) metricAt(node ast.Node, constants map[string]ast.Expr) (metric, bool) {
	switch node := node.(type) {
	case *ast.CompositeLit:
		selector, ok := node.Type.(*ast.SelectorExpr)
		if !ok || !slices.Contains(metricLibraries, f.packageOf(selector)) {
			return metric{}, false
		}
		kind := strings.ToLower(strings.TrimSuffix(selector.Sel.Name, "Opts"))
		if _, ok := samples[kind]; !ok || !strings.HasSuffix(selector.Sel.Name, "Opts") {
			return metric{}, false
		}
		fields := fieldsOf(node, constants)
		name := []string{fields["Namespace"], fields["Subsystem"], fields["Name"]}
		name = slices.DeleteFunc(name, func(part string) bool { return part == "" })
		return metric{kind, strings.Join(name, "_"), fields["Help"]}, true
	case *ast.CallExpr:
		selector, ok := node.Fun.(*ast.SelectorExpr)
		if !ok || selector.Sel.Name != "NewDesc" || len(node.Args) < 2 ||
			!slices.Contains(metricLibraries, f.packageOf(selector)) {
			return metric{}, false
		}
		return metric{"untyped", textOf(node.Args[0], constants), textOf(node.Args[1], constants)}, true
	}
	return metric{}, false
}

func fieldsOf(literal *ast.CompositeLit, constants map[string]ast.Expr) map[string]string {
	fields := map[string]string{}
	for _, element := range literal.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if key, ok := pair.Key.(*ast.Ident); ok {
			fields[key.Name] = textOf(pair.Value, constants)
		}
	}
	return fields
}

// textOf evaluates literals, constants of the same package and their sums; "" for anything else.
func textOf(expression ast.Expr, constants map[string]ast.Expr) string {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text
		}
	case *ast.Ident:
		if value, ok := constants[e.Name]; ok {
			return textOf(value, constants)
		}
	case *ast.BinaryExpr:
		left, right := textOf(e.X, constants), textOf(e.Y, constants)
		if e.Op == token.ADD && left != "" && right != "" {
			return left + right
		}
	}
	return ""
}

// constantsOf gathers the constants of each package by folder.
func constantsOf(t *tree) map[string]map[string]ast.Expr {
	all := map[string]map[string]ast.Expr{}
	t.each(func(f *file) {
		if all[f.dir] == nil {
			all[f.dir] = map[string]ast.Expr{}
		}
		maps.Copy(all[f.dir], constantsIn(f))
	})
	return all
}

func constantsIn(f *file) map[string]ast.Expr {
	constants := map[string]ast.Expr{}
	for _, declaration := range f.syntax.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.CONST {
			continue
		}
		for _, spec := range general.Specs {
			values, ok := spec.(*ast.ValueSpec)
			if !ok || len(values.Names) != len(values.Values) {
				continue
			}
			for i, name := range values.Names {
				constants[name.Name] = values.Values[i]
			}
		}
	}
	return constants
}
