package rules

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
	"strings"

	"github.com/prometheus/common/model"
	yaml "go.yaml.in/yaml/v3"
)

// Parse reads a rules file, or a ConfigMap that holds one. The name is for messages. It returns a Set in any
// case, with what is wrong among its faults.
func Parse(name string, data []byte) *Set {
	d := &decoder{file: name, lines: map[string]int{}}
	set := &Set{}
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	err := documents.Decode(&document)
	switch {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err, data)
	default:
		d.document(document.Content[0], set)
		if err := documents.Decode(&document); !errors.Is(err, io.EOF) {
			set.Notices = append(set.Notices, Fault{
				File: name, Problem: "holds more than one document", Cure: "only the first is read, as by prometheus-adapter",
			})
		}
	}
	set.Faults = d.faults
	sortFaults(set.Faults)
	sortFaults(set.Notices)
	return set
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

func (d *decoder) document(node *yaml.Node, set *Set) {
	top := map[string]*yaml.Node{}
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			top[node.Content[i].Value] = node.Content[i+1]
		}
	}
	if kind, ok := top["kind"]; ok && kind.Value == "ConfigMap" {
		d.configMap(node, top["data"], set)
		return
	}
	if rules, ok := top["rules"]; ok && rules.Kind == yaml.MappingNode {
		d.fault(rules, "rules", "holds fields rather than a list", "if these are the values of the Helm chart, "+
			"give the ConfigMap that it makes of them instead: helm template prometheus-community/prometheus-adapter "+
			"--show-only templates/configmap.yaml -f VALUES")
		return
	}
	var source file
	d.decode(node, reflect.ValueOf(&source).Elem(), "")
	set.Custom = d.compileAll(source.Rules, "rules", false, set)
	set.External = d.compileAll(source.ExternalRules, "externalRules", true, set)
	if source.ResourceRules != nil {
		d.resourceRules(source.ResourceRules, set)
	}
}

// configMap reads the rules file that a ConfigMap holds: under config.yaml, as prometheus-adapter's manifests
// and chart have it, or under the only key.
func (d *decoder) configMap(document, data *yaml.Node, set *Set) {
	entries := map[string]*yaml.Node{}
	if data != nil && data.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(data.Content); i += 2 {
			entries[data.Content[i].Value] = data.Content[i+1]
		}
	}
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
		d.shift += text.Line
	} else {
		d.folded = d.line(text)
	}
	var inner yaml.Node
	if err := yaml.Unmarshal([]byte(text.Value), &inner); err != nil {
		d.syntax(err, []byte(text.Value))
		return
	}
	if len(inner.Content) > 0 {
		d.document(inner.Content[0], set)
	}
}

// resourceRules says that cpu and memory are served by metrics-server.
func (d *decoder) resourceRules(source *resourceRules, set *Set) {
	if _, err := model.ParseDuration(source.Window); source.Window != "" && err != nil {
		d.faults = append(d.faults, Fault{
			File: d.file, Line: lineOf(d.lines, "resourceRules.window"), Path: "resourceRules.window",
			Problem: fmt.Sprintf("%q is no duration", source.Window), Cure: "write one such as 5m",
		})
	}
	set.Notices = append(set.Notices, Fault{
		File: d.file, Line: lineOf(d.lines, "resourceRules"), Path: "resourceRules",
		Problem: "metrics.k8s.io is not served here", Cure: "use metrics-server for CPU and memory",
	})
}

// compileAll returns the sound rules of a list.
func (d *decoder) compileAll(sources []discoveryRule, list string, external bool, set *Set) []*Rule {
	var sound []*Rule
	for i, source := range sources {
		path := list + "[" + strconv.Itoa(i) + "]"
		c := &compiler{decoder: d, path: path, set: set}
		rule := c.compile(source, external)
		if !slices.ContainsFunc(d.faults, func(f Fault) bool { return strings.HasPrefix(f.Path+".", path+".") }) {
			sound = append(sound, rule)
		}
	}
	return sound
}
