package rulefile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// maxNodes bounds the values that a file may expand to: aliases of aliases grow without bound.
const maxNodes = 200_000

// decoder reads YAML nodes into structs by their yaml tags. It goes on after a fault, so that one typo hides
// no other, and remembers where each field is.
type decoder struct {
	file   string
	shift  int // lines before the first of this document
	folded int // where lines of the document are not lines of the file: the line to name instead
	lines  map[string]int
	faults []Fault
	nodes  int
}

func (d *decoder) line(node *yaml.Node) int {
	if d.folded > 0 {
		return d.folded
	}
	return node.Line + d.shift
}

// lineOf returns the line of a field, or of the nearest field around it.
func lineOf(lines map[string]int, path string) int {
	for {
		if line, ok := lines[path]; ok || path == "" {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

func (d *decoder) fault(node *yaml.Node, path, problem, cure string) {
	d.faults = append(d.faults, Fault{File: d.file, Line: d.line(node), Path: path, Problem: problem, Cure: cure})
}

// decode reads a node into a value; what does not fit becomes a fault and leaves the value as it is.
func (d *decoder) decode(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if d.exhausted(node, path) {
		return
	}
	d.lines[path] = d.line(node)
	if node.Tag == "!!null" {
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.decode(node, into.Elem(), path)
	case reflect.Struct, reflect.Map:
		if d.expect(node, yaml.MappingNode, path, "fields, as in name: {matches: ...}") {
			d.mapping(node, into, path)
		}
	case reflect.Slice:
		if d.expect(node, yaml.SequenceNode, path, "a list, each item after a dash") {
			d.list(node, into, path)
		}
	default:
		d.scalar(node, into, path)
	}
}

func (d *decoder) exhausted(node *yaml.Node, path string) bool {
	d.nodes++
	if d.nodes == maxNodes {
		d.fault(node, path, "the file expands to too many values", "write out what the aliases stand for")
	}
	return d.nodes >= maxNodes
}

var kinds = map[yaml.Kind]string{yaml.MappingNode: "fields", yaml.SequenceNode: "a list", yaml.ScalarNode: "a text"}

func (d *decoder) expect(node *yaml.Node, kind yaml.Kind, path, want string) bool {
	if node.Kind != kind {
		d.fault(node, path, "is "+kinds[node.Kind], "write "+want)
		return false
	}
	return true
}

func (d *decoder) scalar(node *yaml.Node, into reflect.Value, path string) {
	if into.Kind() == reflect.Bool {
		var value bool
		if !d.expect(node, yaml.ScalarNode, path, "true or false") {
			return
		}
		if err := node.Decode(&value); err != nil {
			d.fault(node, path, fmt.Sprintf("is %q", node.Value), "write true or false")
			return
		}
		into.SetBool(value)
		return
	}
	if !d.expect(node, yaml.ScalarNode, path, "a text, in single quotes") {
		return
	}
	if node.Tag == "!!binary" {
		var value string
		if err := node.Decode(&value); err != nil {
			d.fault(node, path, "is not base64", "write it as a text, in single quotes")
		}
		into.SetString(value)
		return
	}
	// What looks like a number, a date or a Boolean is meant as it is written.
	into.SetString(node.Value)
}

func (d *decoder) list(node *yaml.Node, into reflect.Value, path string) {
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		d.decode(item, list.Index(i), path+"["+strconv.Itoa(i)+"]")
	}
	into.Set(list)
}

func (d *decoder) mapping(node *yaml.Node, into reflect.Value, path string) {
	if into.Kind() == reflect.Map {
		into.Set(reflect.MakeMap(into.Type()))
	}
	entries := d.entries(node, path, nil)
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		value := entries[key]
		if into.Kind() == reflect.Map {
			element := reflect.New(into.Type().Elem()).Elem()
			d.decode(value, element, path+"["+key+"]")
			into.SetMapIndex(reflect.ValueOf(key), element)
			continue
		}
		field, known := fieldOf(into, key)
		if !known {
			d.fault(value, join(path, key), "is no field here", "it may be one of "+strings.Join(fieldNames(into.Type()), ", "))
			continue
		}
		d.decode(value, field, join(path, key))
	}
}

// entries are the fields of a mapping, its own and those that it merges in.
func (d *decoder) entries(node *yaml.Node, path string, merging []*yaml.Node) map[string]*yaml.Node {
	own, merged := map[string]*yaml.Node{}, map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Tag == "!!merge" {
			d.merge(value, path, append(merging, node), merged)
			continue
		}
		if own[key.Value] != nil {
			d.fault(key, join(path, key.Value), "is given twice", "keep one of them")
		}
		own[key.Value] = value
	}
	maps.Copy(merged, own)
	return merged
}

// merge collects what "<<: *alias" brings in.
func (d *decoder) merge(node *yaml.Node, path string, merging []*yaml.Node, into map[string]*yaml.Node) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case slices.Contains(merging, node):
		d.fault(node, path, "is merged into itself", "take the alias out of what it stands for")
	case node.Kind == yaml.SequenceNode:
		for _, item := range node.Content {
			d.merge(item, path, append(merging, node), into)
		}
	case node.Kind == yaml.MappingNode:
		for key, value := range d.entries(node, path, merging) {
			if _, earlier := into[key]; !earlier {
				into[key] = value
			}
		}
	default:
		d.fault(node, path, "merges what has no fields", "merge an alias of fields")
	}
}

func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}

func fieldOf(into reflect.Value, name string) (reflect.Value, bool) {
	for i := range into.NumField() {
		if into.Type().Field(i).Tag.Get("yaml") == name {
			return into.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func fieldNames(of reflect.Type) []string {
	var names []string
	for i := range of.NumField() {
		names = append(names, of.Field(i).Tag.Get("yaml"))
	}
	return names
}
