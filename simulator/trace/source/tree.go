package source

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Tree is a YAML document that knows the lines of its fields.
type Tree struct {
	file string
	root *yaml.Node
}

// ParseTree parses a single document.
func ParseTree(content []byte, file string) (*Tree, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0:
		return nil, fmt.Errorf("reading %s: nothing in it", file)
	case err != nil:
		return nil, fmt.Errorf("reading %s:%d: %w", file, ErrorLine(err), err)
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: there is a second document: one a file", file)
	}
	return &Tree{file: file, root: document.Content[0]}, nil
}

// Decode decodes into a struct with JSON names. Each unknown or repeated field and each value that does not fit is told.
func (t *Tree) Decode(into any) error {
	if err := t.Locate(misfits(reflect.TypeOf(into), t.root, nil)); err != nil {
		return err
	}
	if err := decode(t.root, into); err != nil {
		return fmt.Errorf("reading %s: %w", t.file, err)
	}
	return nil
}

// Locate makes one error of all, each with the file and the line of its field. It is nil if there are none.
func (t *Tree) Locate(problems field.ErrorList) error {
	var errs []error
	for _, problem := range problems {
		errs = append(errs, fmt.Errorf("reading %s:%d: %w", t.file, lineOf(t.root, problem.Field), problem))
	}
	return errors.Join(errs...)
}

func decode(node *yaml.Node, into any) error {
	var value any
	if err := node.Decode(&value); err != nil {
		return err
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// misfits compares a document with the type that it shall become. Types that decode themselves, such as quantities, are
// tried one by one, for they do not know what field they are in.
func misfits(t reflect.Type, node *yaml.Node, path *field.Path) field.ErrorList {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	decodesItself := reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
	switch {
	case t.Kind() == reflect.Struct && !decodesItself:
		return misfitsOfFields(t, node, path)
	case t.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		var errs field.ErrorList
		for i, item := range node.Content {
			errs = append(errs, misfits(t.Elem(), item, path.Index(i))...)
		}
		return errs
	}
	if err := decode(node, reflect.New(t).Interface()); err != nil {
		return field.ErrorList{field.Invalid(path, node.Value, err.Error())}
	}
	return nil
}

func misfitsOfFields(t reflect.Type, node *yaml.Node, path *field.Path) field.ErrorList {
	if node.Kind != yaml.MappingNode {
		return field.ErrorList{field.TypeInvalid(path, node.Value, "must be an object with fields")}
	}
	known, seen := map[string]reflect.Type{}, map[string]bool{}
	fieldsOf(t, known)
	var errs field.ErrorList
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i].Value
		at := child(path, name)
		inner, ok := known[name]
		switch {
		case !ok:
			names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
			errs = append(errs, field.Invalid(at, name, "no such field; fields here: "+names))
		case seen[name]:
			errs = append(errs, field.Duplicate(at, name))
		default:
			errs = append(errs, misfits(inner, node.Content[i+1], at)...)
		}
		seen[name] = true
	}
	return errs
}

func child(path *field.Path, name string) *field.Path {
	if path == nil {
		return field.NewPath(name)
	}
	return path.Child(name)
}

// fieldsOf adds the types of a struct's fields by their JSON names.
func fieldsOf(t reflect.Type, known map[string]reflect.Type) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && !f.Anonymous && name != "-" {
			known[cmp.Or(name, f.Name)] = f.Type
		}
	}
}

var (
	segments  = regexp.MustCompile(`\[[^]]*]|[^.[]+`)
	errorLine = regexp.MustCompile(`\bline (\d+)`)
)

// Line is the line of a field ("items[3].spec") in a YAML or JSON document, or of the nearest above it that is there.
func Line(document []byte, path string) int {
	var root yaml.Node
	if yaml.Unmarshal(document, &root) != nil || len(root.Content) == 0 {
		return 1
	}
	return lineOf(root.Content[0], path)
}

// ErrorLine is the line that a YAML error names; 1 if it names none.
func ErrorLine(err error) int {
	if found := errorLine.FindStringSubmatch(err.Error()); found != nil {
		if line, err := strconv.Atoi(found[1]); err == nil {
			return max(line, 1)
		}
	}
	return 1
}

func lineOf(node *yaml.Node, path string) int {
	line := node.Line
	for _, segment := range segments.FindAllString(path, -1) {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		name := strings.Trim(segment, "[]")
		index, err := strconv.Atoi(name)
		switch {
		case node.Kind == yaml.SequenceNode && err == nil && index >= 0 && index < len(node.Content):
			node = node.Content[index]
			line = node.Line
		case node.Kind == yaml.MappingNode:
			key, value := entry(node, name)
			if key == nil {
				return line
			}
			line, node = key.Line, value
		default:
			return line
		}
	}
	return line
}

// entry finds a key of a mapping and its value; nil if it is not there.
func entry(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}
