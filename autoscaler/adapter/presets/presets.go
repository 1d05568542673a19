// Package presets has rules for common exporters by name, so that nobody needs to write PromQL for them. A
// preset is written in the terms of a rules file and compiled by the same code.
package presets

import (
	_ "embed" // presets.yaml is part of the program
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

//go:embed presets.yaml
var source []byte

// Preset is a rule with parameters.
type Preset struct {
	Name string `json:"name"`
	// Summary says what the metric is, and by which labels it may be selected.
	Summary string `json:"summary"`
	// Exporter writes the series; Source is where its metrics are documented.
	Exporter string `json:"exporter"`
	Source   string `json:"source"`
	Unit     string `json:"unit"`
	// External metrics belong to no object.
	External bool `json:"external,omitempty"`
	// Parameters holds the defaults. A parameter that has none cannot be given.
	Parameters Parameters `json:"parameters"`

	Rule map[string]any `json:"rule"`
}

// Parameters are what can be said of a preset.
type Parameters struct {
	// Metric is the name in the API.
	Metric string `json:"metric,omitempty"`
	// Window is what rates are taken over: at least two scrape intervals, better four.
	Window metav1.Duration `json:"window,omitzero"`
	// Quantile is between 0 and 1.
	Quantile float64 `json:"quantile,omitempty"`
	// Series is the metric in Prometheus, of a histogram without _bucket.
	Series string `json:"series,omitempty"`
}

// Args choose a preset.
type Args struct {
	// Name is the preset's.
	Name string `json:"name"`
	Parameters
	// Match narrows the series by labels that are to have these values, for what no selector of an HPA can say:
	// it takes no slash and no colon.
	Match map[string]string `json:"match,omitempty"`
	// Labels says what labels are called here: exported_namespace for namespace where Prometheus does not honour
	// the exporter's labels.
	Labels map[string]string `json:"labels,omitempty"`
}

// All returns the presets in a fixed order.
func All() []Preset {
	var all []Preset
	if err := yaml.UnmarshalStrict(source, &all); err != nil {
		panic(err) // a test reads it
	}
	return all
}

// Lookup returns a preset by its name.
func Lookup(name string) (Preset, bool) {
	all := All()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

// Default fills in what is not said. It does nothing where there is no such preset.
func (a *Args) Default() {
	preset, _ := Lookup(a.Name)
	defaults := preset.Parameters
	if a.Metric == "" {
		a.Metric = defaults.Metric
	}
	if a.Window.Duration == 0 {
		a.Window = defaults.Window
	}
	if a.Quantile == 0 {
		a.Quantile = defaults.Quantile
	}
	if a.Series == "" {
		a.Series = defaults.Series
	}
}

// Validate returns what is wrong with arguments, defaulted or not.
func (a *Args) Validate(path *field.Path) field.ErrorList {
	preset, ok := Lookup(a.Name)
	if !ok {
		var names []string
		for _, p := range All() {
			names = append(names, p.Name)
		}
		return field.ErrorList{field.NotSupported(path.Child("name"), a.Name, names)}
	}
	errs := a.validateKnown(path, preset.Parameters)
	for name, metric := range map[string]string{"metric": a.Metric, "series": a.Series} {
		if metric != "" && !model.LegacyValidation.IsValidMetricName(metric) {
			errs = append(errs, field.Invalid(path.Child(name), metric, "must be a name of letters, digits, underscores and colons"))
		}
	}
	if a.Window.Duration < 0 || a.Window.Duration%time.Millisecond != 0 {
		errs = append(errs, field.Invalid(path.Child("window"), a.Window, "must be a positive number of milliseconds"))
	}
	if !(a.Quantile >= 0 && a.Quantile < 1) {
		errs = append(errs, field.Invalid(path.Child("quantile"), a.Quantile, "must be above 0 and below 1"))
	}
	return append(errs, a.validateLabels(path, preset)...)
}

// validateKnown refuses parameters that the preset does not have.
func (a *Args) validateKnown(path *field.Path, known Parameters) field.ErrorList {
	var errs field.ErrorList
	for _, parameter := range []struct {
		name         string
		given, known bool
	}{
		{"window", a.Window.Duration != 0, known.Window.Duration != 0},
		{"quantile", a.Quantile != 0, known.Quantile != 0},
		{"series", a.Series != "", known.Series != ""},
	} {
		if parameter.given && !parameter.known {
			errs = append(errs, field.Forbidden(path.Child(parameter.name), "is not a parameter of "+a.Name))
		}
	}
	return errs
}

func (a *Args) validateLabels(path *field.Path, preset Preset) field.ErrorList {
	var errs field.ErrorList
	for label, value := range a.Match {
		if !model.LegacyValidation.IsValidLabelName(label) {
			errs = append(errs, field.Invalid(path.Child("match"), label, "must be the name of a label"))
		}
		if strings.Contains(value, "<<") {
			errs = append(errs, field.Invalid(path.Child("match").Key(label), value, "must not contain <<, by which rules begin what they fill in"))
		}
	}
	known := preset.labels()
	for label, here := range a.Labels {
		if !slices.Contains(known, label) {
			errs = append(errs, field.NotSupported(path.Child("labels"), label, known))
		}
		if !model.LegacyValidation.IsValidLabelName(here) {
			errs = append(errs, field.Invalid(path.Child("labels").Key(label), here, "must be the name of a label"))
		}
	}
	return errs
}

var (
	labelParameter = regexp.MustCompile(`\$\{label:(\w+)\}`)
	parameter      = regexp.MustCompile(`\$\{[\w:]+\}`)
)

// labels returns the labels that may be called otherwise, sorted.
func (p *Preset) labels() []string {
	text, _ := yaml.Marshal(p.Rule)
	var names []string
	for _, match := range labelParameter.FindAllStringSubmatch(string(text), -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Compile makes rules of presets, with the valid arguments given. What is wrong all the same is among the
// faults, which name the preset as the file.
func Compile(list []Args) *rules.Set {
	all := &rules.Set{}
	for _, args := range list {
		set, err := args.compile()
		if err != nil {
			all.Faults = append(all.Faults, rules.Fault{File: "preset " + args.Name, Problem: err.Error(), Cure: "choose one of those that there are"})
			continue
		}
		all.Custom = append(all.Custom, set.Custom...)
		all.External = append(all.External, set.External...)
		all.Faults = append(all.Faults, set.Faults...)
		all.Notices = append(all.Notices, set.Notices...)
	}
	return all
}

func (a Args) compile() (*rules.Set, error) {
	preset, ok := Lookup(a.Name)
	if !ok {
		return nil, fmt.Errorf("there is no preset %q", a.Name)
	}
	a.Default()
	list := "rules"
	if preset.External {
		list = "externalRules"
	}
	rule := a.fillAll(preset.Rule)
	rule["name"] = map[string]any{"as": a.Metric}
	text, err := yaml.Marshal(map[string]any{list: []any{rule}})
	if err != nil {
		return nil, fmt.Errorf("writing the rule: %w", err)
	}
	return rules.Parse("preset "+a.Name, text), nil
}

// fillAll puts the parameters into every text of a rule.
func (a *Args) fillAll(rule map[string]any) map[string]any {
	filled := map[string]any{}
	for key, value := range rule {
		switch v := value.(type) {
		case string:
			value = a.fill(v)
		case map[string]any:
			value = a.fillAll(v)
		}
		filled[a.fill(key)] = value
	}
	return filled
}

func (a *Args) fill(text string) string { return parameter.ReplaceAllStringFunc(text, a.value) }

func (a *Args) value(reference string) string {
	switch name := strings.Trim(reference, "${}"); name {
	case "window":
		return model.Duration(a.Window.Duration).String()
	case "quantile":
		return strconv.FormatFloat(a.Quantile, 'f', -1, 64)
	case "series":
		return a.Series
	case "match":
		return a.matchers()
	default:
		label := strings.TrimPrefix(name, "label:")
		if here, ok := a.Labels[label]; ok {
			return here
		}
		return label
	}
}

func (a *Args) matchers() string {
	var text strings.Builder
	for _, label := range slices.Sorted(maps.Keys(a.Match)) {
		text.WriteString("," + label + "=" + strconv.Quote(a.Match[label]))
	}
	return text.String()
}
