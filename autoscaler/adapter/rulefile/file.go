// Package rulefile reads prometheus-adapter's rules file (v0.12.0, its pkg/config) strictly, and remembers
// where each field is.
package rulefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"
	yaml "go.yaml.in/yaml/v3"
)

// File has the fields of a rules file, as they are spelt.
type File struct {
	Rules         []DiscoveryRule `yaml:"rules"`
	ExternalRules []DiscoveryRule `yaml:"externalRules"`
	ResourceRules *ResourceRules  `yaml:"resourceRules"`
}

// DiscoveryRule says which series make which metrics.
type DiscoveryRule struct {
	SeriesQuery   string         `yaml:"seriesQuery"`
	SeriesFilters []SeriesFilter `yaml:"seriesFilters"`
	Resources     Resources      `yaml:"resources"`
	Name          Name           `yaml:"name"`
	MetricsQuery  string         `yaml:"metricsQuery"`
}

// SeriesFilter keeps or drops series by the name of their metric.
type SeriesFilter struct {
	Is    string `yaml:"is"`
	IsNot string `yaml:"isNot"`
}

// Resources says which labels name objects.
type Resources struct {
	Template   string                   `yaml:"template"`
	Overrides  map[string]GroupResource `yaml:"overrides"`
	Namespaced *bool                    `yaml:"namespaced"`
}

// GroupResource is a resource in the singular or the plural.
type GroupResource struct {
	Group    string `yaml:"group"`
	Resource string `yaml:"resource"`
}

// Name says what a metric is called.
type Name struct {
	Matches string `yaml:"matches"`
	As      string `yaml:"as"`
}

// ResourceRules are for metrics.k8s.io.
type ResourceRules struct {
	CPU    ResourceRule `yaml:"cpu"`
	Memory ResourceRule `yaml:"memory"`
	Window string       `yaml:"window"`
}

// ResourceRule is for one of CPU and memory.
type ResourceRule struct {
	ContainerQuery string    `yaml:"containerQuery"`
	NodeQuery      string    `yaml:"nodeQuery"`
	Resources      Resources `yaml:"resources"`
	ContainerLabel string    `yaml:"containerLabel"`
}

// Document is a file that was read.
type Document struct {
	Name string
	File
	// Faults are what is wrong, in no order; what they are about is missing from File.
	Faults []Fault
	// More says that there is a second document, which was not read.
	More bool

	lines map[string]int
}

// Read reads a rules file, or a ConfigMap that holds one. The name is for messages. What is wrong is among the
// faults.
func Read(name string, data []byte) *Document {
	d := &decoder{file: name, lines: map[string]int{}}
	document := &Document{Name: name, lines: d.lines}
	var node yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	err := decoder.Decode(&node)
	switch {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err, data)
	default:
		d.document(node.Content[0], &document.File, true)
		document.More = !errors.Is(decoder.Decode(&node), io.EOF)
	}
	document.Faults = d.faults
	return document
}

// Line returns the line of a field, or of the nearest field around it.
func (d *Document) Line(path string) int { return lineOf(d.lines, path) }

// Fault makes a fault of a field.
func (d *Document) Fault(path, problem, cure string) Fault {
	return Fault{File: d.Name, Line: d.Line(path), Path: path, Problem: problem, Cure: cure}
}

// document reads what holds rules, or, where it may be, a ConfigMap.
func (d *decoder) document(node *yaml.Node, into *File, wrapped bool) {
	top := entriesOf(node)
	if kind, ok := top["kind"]; ok && kind.Value == "ConfigMap" && wrapped {
		d.configMap(node, top["data"], into)
		return
	}
	if rules, ok := top["rules"]; ok && rules.Kind == yaml.MappingNode {
		d.fault(rules, "rules", "holds fields rather than a list", "if these are the values of the Helm chart, "+
			"give the ConfigMap that it makes of them instead: helm template prometheus-community/prometheus-adapter "+
			"--show-only templates/configmap.yaml -f VALUES")
		return
	}
	d.decode(node, reflect.ValueOf(into).Elem(), "")
	if r := into.ResourceRules; r != nil && r.Window != "" {
		if _, err := model.ParseDuration(r.Window); err != nil {
			const path = "resourceRules.window"
			d.faults = append(d.faults, Fault{d.file, lineOf(d.lines, path), path, fmt.Sprintf("%q is no duration", r.Window), "write one such as 5m"})
		}
	}
}

// entriesOf are the fields of a node, none where it has none.
func entriesOf(node *yaml.Node) map[string]*yaml.Node {
	entries := map[string]*yaml.Node{}
	if node != nil && node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			entries[node.Content[i].Value] = node.Content[i+1]
		}
	}
	return entries
}

// configMap reads the rules file that a ConfigMap holds: under config.yaml, as prometheus-adapter's manifests
// and chart have it, or under the only key.
func (d *decoder) configMap(document, data *yaml.Node, into *File) {
	entries := entriesOf(data)
	key := "config.yaml"
	if len(entries) == 1 {
		key = slices.Collect(maps.Keys(entries))[0]
	}
	text, ok := entries[key]
	if !ok || text.Kind != yaml.ScalarNode {
		d.fault(document, "data", "is a ConfigMap without a config.yaml", "keep the rules under data, in config.yaml")
		return
	}
	if text.Style&yaml.LiteralStyle != 0 {
		d.shift = text.Line
	} else {
		d.folded = text.Line
	}
	var inner yaml.Node
	if err := yaml.Unmarshal([]byte(text.Value), &inner); err != nil {
		d.syntax(err, []byte(text.Value))
		return
	}
	if len(inner.Content) > 0 {
		d.document(inner.Content[0], into, false)
	}
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax turns an error of the YAML parser, which hides all rules, into a fault.
func (d *decoder) syntax(err error, text []byte) {
	f := Fault{
		File: d.file, Line: d.folded, Problem: err.Error(),
		Cure: "mend the YAML; PromQL with double quotes is best put in single quotes, or after a bar and a line break",
	}
	if parts := yamlError.FindStringSubmatch(err.Error()); parts != nil {
		f.Problem = "is not YAML: " + parts[2]
		if line, err := strconv.Atoi(parts[1]); err == nil && d.folded == 0 {
			f.Line = brokenLine(text, line) + d.shift
		}
	}
	d.faults = append(d.faults, f)
}

// maxBroken bounds the files in which the very line is looked for, by their bytes: each line is a try.
const maxBroken = 1 << 16

// brokenLine is the line after the longest stretch from the beginning that is YAML: the parser tells where the
// list or the fields began that it could not finish.
func brokenLine(text []byte, told int) int {
	if len(text) > maxBroken {
		return told
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for end := len(lines) - 1; end >= told; end-- {
		var ignored yaml.Node
		if yaml.Unmarshal(bytes.Join(lines[:end], nil), &ignored) == nil {
			return end + 1
		}
	}
	return told
}
