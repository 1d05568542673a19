package arch

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// emptyNames say nothing about what a package holds.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "core", "base", "shared"}

func namesSaySomething(t *tree) []finding {
	var found []finding
	for _, dir := range t.dirs() {
		if slices.Contains(emptyNames, path.Base(dir)) {
			found = append(found, finding{dir, "the name says nothing"})
		}
	}
	t.each(func(f *file) {
		if name := strings.TrimSuffix(f.syntax.Name.Name, "_test"); slices.Contains(emptyNames, name) {
			found = append(found, finding{f.path, "the package name says nothing"})
		}
	})
	return found
}

func treeIsShallow(t *tree) []finding {
	var found []finding
	for _, dir := range t.dirs() {
		if depth := strings.Count(dir, "/") + 1; depth > 3 {
			found = append(found, finding{dir, fmt.Sprintf("lies %d deep", depth)})
		}
	}
	return found
}

// packagesAreDocumented asks for one comment a package, of a paragraph at least a sentence long.
func packagesAreDocumented(t *tree) []finding {
	documents := map[string]int{}
	t.each(func(f *file) {
		if f.syntax.Doc != nil && len(f.syntax.Doc.Text()) > 40 {
			documents[f.dir]++
		}
	})
	var found []finding
	for _, dir := range t.dirs() {
		switch documents[dir] {
		case 1:
		case 0:
			found = append(found, finding{dir, "the package has no documentation"})
		default:
			found = append(found, finding{dir, "the package is documented in more than one file"})
		}
	}
	return found
}

func nothingRegistersItself(t *tree) []finding {
	var found []finding
	t.each(func(f *file) {
		for _, declaration := range f.syntax.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if ok && function.Recv == nil && function.Name.Name == "init" && top(f.dir) != "api" {
				found = append(found, finding{t.at(function), "has an init function"})
			}
		}
		for _, spec := range f.syntax.Imports {
			imported := importPath(spec)
			if spec.Name == nil || spec.Name.Name != "_" || imported == "embed" {
				continue
			}
			if within(imported, modulePath) || !within(f.dir, "cmd", "test") {
				found = append(found, finding{t.at(spec), "imports " + imported + " for its side effects"})
			}
		}
	})
	return found
}

// A call has one right place. No names stand for importing the package at all.
type call struct {
	pkg   string
	names []string
	// allowed answers whether the file is that place.
	allowed func(*file) bool
	instead string
}

var wallClock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func inPrograms(f *file) bool { return within(f.dir, "cmd", "test") || f.test }

// maySleep: a sleep in a test is harmless inside a synctest bubble, where time is virtual.
func maySleep(f *file) bool {
	return !strings.HasSuffix(f.path, "_test.go") || slices.Contains(f.imports(), "testing/synctest")
}

var calls = []call{
	{pkg: "os", names: []string{"Exit"}, allowed: inPrograms, instead: "return an error to cmd"},
	{pkg: "log", allowed: inPrograms, instead: "log through klog.FromContext"},
	{pkg: "flag", allowed: inPrograms, instead: "take a config struct; cmd has the flags"},
	{pkg: "github.com/spf13/pflag", allowed: inPrograms, instead: "take a config struct; cmd has the flags"},
	{pkg: "github.com/spf13/cobra", allowed: inPrograms, instead: "take a config struct; cmd has the commands"},
	{pkg: "os/signal", allowed: inPrograms, instead: "take a context; cmd listens to signals"},
	{pkg: "time", names: wallClock, allowed: inPrograms, instead: "take a k8s.io/utils/clock"},
	{pkg: "time", names: []string{"Sleep"}, allowed: maySleep, instead: "wait for an event, or use testing/synctest"},
	{pkg: "math/rand", allowed: func(*file) bool { return false }, instead: "use math/rand/v2 with a seeded source"},
}

func callsAreInPlace(t *tree) []finding {
	var found []finding
	t.each(func(f *file) {
		for _, c := range calls {
			if !c.allowed(f) {
				found = append(found, c.findIn(t, f)...)
			}
		}
	})
	return found
}

func (c call) findIn(t *tree, f *file) []finding {
	var found []finding
	if c.names == nil {
		if slices.Contains(f.imports(), c.pkg) {
			found = append(found, finding{f.path, "imports " + c.pkg + "; " + c.instead})
		}
		return found
	}
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if ok && slices.Contains(c.names, selector.Sel.Name) && f.packageOf(selector) == c.pkg {
			found = append(found, finding{t.at(node), "uses " + c.pkg + "." + selector.Sel.Name + "; " + c.instead})
		}
		return true
	})
	return found
}
