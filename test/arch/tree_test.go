package arch

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const modulePath = "github.com/evenkeel/evenkeel"

// tree is the source of the module: parsed, not type-checked, whatever its build constraints.
type tree struct {
	fsys  fs.FS
	fset  *token.FileSet
	files []*file
}

type file struct {
	path      string // slash-separated, from the module's root
	dir       string
	test      bool // *_test.go, or anything under test/
	generated bool
	lines     int
	syntax    *ast.File
}

// finding is one breach of a rule. The place is a file, a directory or "from -> to".
type finding struct {
	place, what string
}

func readTree(fsys fs.FS) (*tree, error) {
	t := &tree{fsys: fsys, fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(fsys, name)
		case path.Ext(name) == ".go":
			return t.add(name)
		}
		return nil
	})
	if err == nil && len(t.files) == 0 {
		err = errors.New("no Go files found")
	}
	return t, err
}

// enter keeps out of what is not this module's source: hidden folders, build output, test data and modules
// of their own.
func enter(fsys fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	if base := path.Base(dir); strings.HasPrefix(base, ".") || base == "testdata" || dir == "bin" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (t *tree) add(name string) error {
	source, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parsing: %w", err)
	}
	t.files = append(t.files, &file{
		path:      name,
		dir:       path.Dir(name),
		test:      strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "test/"),
		generated: ast.IsGenerated(syntax),
		lines:     bytes.Count(source, []byte("\n")),
		syntax:    syntax,
	})
	return nil
}

// dirs lists every folder that holds Go files, in order.
func (t *tree) dirs() []string {
	var dirs []string
	for _, f := range t.files {
		dirs = append(dirs, f.dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// each calls visit for every written (not generated) file.
func (t *tree) each(visit func(*file)) {
	for _, f := range t.files {
		if !f.generated {
			visit(f)
		}
	}
}

// at names the line of a node for a finding.
func (t *tree) at(node ast.Node) string {
	position := t.fset.Position(node.Pos())
	return fmt.Sprintf("%s:%d", position.Filename, position.Line)
}

// span is the number of lines from a node's first to its last.
func (t *tree) span(node ast.Node) int {
	return t.fset.Position(node.End()).Line - t.fset.Position(node.Pos()).Line + 1
}

// imports lists the import paths of a file.
func (f *file) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		paths = append(paths, importPath(spec))
	}
	return paths
}

func importPath(spec *ast.ImportSpec) string {
	unquoted, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value
	}
	return unquoted
}

// packageOf answers which import path a selector such as time.Now is taken from, "" when its left side is
// not an import of the file.
func (f *file) packageOf(selector *ast.SelectorExpr) string {
	left, ok := selector.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range f.syntax.Imports {
		imported := importPath(spec)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == left.Name {
			return imported
		}
	}
	return ""
}

// within answers whether a path is one of these folders or lies under one.
func within(name string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return name == folder || strings.HasPrefix(name, folder+"/")
	})
}

// top is the first element of a path.
func top(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first
}
