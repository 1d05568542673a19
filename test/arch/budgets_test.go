package arch

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
)

const (
	maxFileLines     = 700
	maxFunctionLines = 80
	maxMainLines     = 60
	maxPackageLines  = 1200
	maxMethods       = 5
)

// lengthsAreBounded leaves out the functions of tests, whose tables are long and whose reading is not.
func lengthsAreBounded(t *tree) []finding {
	var found []finding
	packages := map[string]int{}
	over := func(place, what string, lines, limit int) {
		if lines > limit {
			found = append(found, finding{place, fmt.Sprintf("%s has %d lines, at most %d", what, lines, limit)})
		}
	}
	t.each(func(f *file) {
		over(f.path, "the file", f.lines, maxFileLines)
		if top(f.dir) == "cmd" && path.Base(f.path) == "main.go" {
			over(f.path, "main.go", f.lines, maxMainLines)
		}
		if f.test {
			return
		}
		packages[f.dir] += f.lines
		for _, function := range functions(f) {
			over(t.at(function), "the function "+function.Name.Name, t.span(function), maxFunctionLines)
		}
	})
	for _, dir := range t.dirs() {
		over(dir, "the package", packages[dir], maxPackageLines)
	}
	return found
}

func functions(f *file) []*ast.FuncDecl {
	var list []*ast.FuncDecl
	for _, declaration := range f.syntax.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok {
			list = append(list, function)
		}
	}
	return list
}

func interfacesAreSmall(t *tree) []finding {
	var found []finding
	t.each(func(f *file) {
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			declared, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if it, ok := declared.Type.(*ast.InterfaceType); ok && it.Methods.NumFields() > maxMethods {
				found = append(found, finding{t.at(node), fmt.Sprintf("the interface %s has %d methods, at most %d",
					declared.Name.Name, it.Methods.NumFields(), maxMethods)})
			}
			return true
		})
	})
	return found
}

// measures are the figures of the whole tree.
type measures struct {
	files, functions []int
	code, tests      map[string]int // lines by top folder
}

func measure(t *tree) measures {
	m := measures{code: map[string]int{}, tests: map[string]int{}}
	t.each(func(f *file) {
		if f.test {
			m.tests[top(f.dir)] += f.lines
			return
		}
		m.code[top(f.dir)] += f.lines
		m.files = append(m.files, f.lines)
		for _, function := range functions(f) {
			m.functions = append(m.functions, max(1, t.span(function)-2)) // without its head and closing brace
		}
	})
	slices.Sort(m.files)
	slices.Sort(m.functions)
	return m
}

// quantile of a sorted list; zero for an empty one.
func quantile(sorted []int, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))])
}

func (m measures) ratio(folders ...string) float64 {
	code, tests := 0, 0
	for folder := range m.code {
		if len(folders) == 0 || slices.Contains(folders, folder) {
			code += m.code[folder]
			tests += m.tests[folder]
		}
	}
	if len(folders) == 0 {
		tests += m.tests["test"]
	}
	if code == 0 {
		return 0
	}
	return float64(tests) / float64(code)
}

// biggest is the share of the longest top folder in all lines, tests included.
func (m measures) biggest() (folder string, share float64) {
	all, most := 0, 0
	for _, name := range slices.Concat(floors...) {
		lines := m.code[name] + m.tests[name]
		all += lines
		if lines > most {
			folder, most = name, lines
		}
	}
	if all == 0 {
		return "", 0
	}
	return folder, float64(most) / float64(all)
}

// A budget holds for the tree as a whole. Those that a young tree cannot keep yet are reported only.
type budget struct {
	name       string
	value      float64
	limit      float64
	atLeast    bool // the limit is a floor rather than a ceiling
	reportOnly bool
}

func budgetsOf(t *tree) []budget {
	m := measure(t)
	folder, share := m.biggest()
	return []budget{
		{name: "lines a file, median", value: quantile(m.files, 0.5), limit: 130},
		{name: "lines a file, p90", value: quantile(m.files, 0.9), limit: 400},
		{name: "lines a function, median", value: quantile(m.functions, 0.5), limit: 9},
		{name: "lines a function, p90", value: quantile(m.functions, 0.9), limit: 35},
		{name: "test to code, overall", value: m.ratio(), limit: 1.5, atLeast: true, reportOnly: true},
		{name: "test to code, plugins", value: m.ratio("plugins"), limit: 2, atLeast: true, reportOnly: true},
		{name: "share of the biggest top folder, " + folder, value: share, limit: 0.3, reportOnly: true},
	}
}

func (b budget) kept() bool {
	if b.atLeast {
		return b.value >= b.limit
	}
	return b.value <= b.limit
}

func (b budget) String() string {
	direction := "at most"
	if b.atLeast {
		direction = "at least"
	}
	return fmt.Sprintf("%s: %.2f, %s %.2f", b.name, b.value, direction, b.limit)
}

func budgetsAreKept(t *tree) []finding {
	var found []finding
	for _, b := range budgetsOf(t) {
		if !b.reportOnly && !b.kept() {
			found = append(found, finding{"the tree", b.String()})
		}
	}
	return found
}
