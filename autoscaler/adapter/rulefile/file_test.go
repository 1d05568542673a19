package rulefile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/prometheus-adapter/pkg/config"
	"sigs.k8s.io/yaml"
)

// TestYAMLIsReadTheSame compares how both read odd ways to write the same thing.
func TestYAMLIsReadTheSame(t *testing.T) {
	const rule = "- seriesQuery: up\n  metricsQuery: up\n"
	for name, text := range map[string]string{
		"nothing":                 "",
		"a comment":               "# nothing\n",
		"null":                    "rules:\n",
		"null fields":             "rules:\n" + rule + "  name:\n  resources: ~\n  seriesFilters: null\n",
		"a null text":             "rules:\n" + rule + "  name: {as: ~, matches: null}\n",
		"numbers and dates":       "rules:\n" + rule + "  name: {as: 2001-01-01, matches: 0x10}\n",
		"yes for true":            "rules:\n" + rule + "  resources: {namespaced: yes}\n",
		"off for false":           "rules:\n" + rule + "  resources: {namespaced: off}\n",
		"a word for true":         "rules:\n" + rule + "  resources: {namespaced: perhaps}\n",
		"quoted truth":            "rules:\n" + rule + "  resources: {namespaced: 'true'}\n",
		"folded":                  "rules:\n- seriesQuery: >-\n    up\n  metricsQuery: sum(up)\n    by (x)\n",
		"an alias":                "rules:\n- &a\n  seriesQuery: up\n  metricsQuery: up\n- *a\n",
		"a merge":                 "rules:\n- &a\n  seriesQuery: up\n  metricsQuery: up\n- <<: *a\n  name: {as: x}\n",
		"a list merged":           "rules:\n- &a {seriesQuery: up}\n- &b {metricsQuery: up, seriesQuery: no}\n- <<: [*a, *b]\n",
		"merged into itself":      "rules:\n- &a\n  seriesQuery: up\n  metricsQuery: up\n  <<: *a\n",
		"a typo":                  "rules:\n" + rule + "  seriesFilter: []\n",
		"a typo at the top":       "rule: []\n",
		"a field twice":           "rules:\n" + rule + "  seriesQuery: down\n",
		"a list for a text":       "rules:\n- seriesQuery: [up]\n  metricsQuery: up\n",
		"a text for a list":       "rules: up\n",
		"a text for fields":       "rules:\n" + rule + "  name: up\n",
		"a list at the top":       "- up\n",
		"a text at the top":       "up\n",
		"a second document":       "rules:\n" + rule + "---\nrules: 5\n",
		"an unfinished quotation": "rules:\n- seriesQuery: 'up\n",
		"a tab":                   "rules:\n\t- seriesQuery: up\n",
		"a window that is none":   "resourceRules: {window: soon}\n",
		"a window":                "resourceRules: {window: 1h30m}\n",
		"binary":                  "rules:\n" + rule + "  name: {as: !!binary aGVsbG8=}\n",
	} {
		t.Run(name, func(t *testing.T) {
			ours := Read("rules.yaml", []byte(text))
			theirs, err := config.FromYAML([]byte(text))
			if (err != nil) != (len(ours.Faults) > 0) {
				t.Fatalf("got faults %v, prometheus-adapter says %v", ours.Faults, err)
			}
			if err != nil {
				return
			}
			written, err := yaml.Marshal(theirs)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Read("", written).File, ours.File, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAliasesDoNotExpandWithoutBound reads a small file that stands for very many values.
func TestAliasesDoNotExpandWithoutBound(t *testing.T) {
	text := "rules:\n- &r {seriesFilters: &f [{is: a}" + strings.Repeat(", {is: a}", 2000) + "]}\n" + strings.Repeat("- *r\n", 2000)
	document := Read("rules.yaml", []byte(text))
	if len(document.Faults) != 1 || !strings.Contains(document.Faults[0].Problem, "too many values") {
		t.Errorf("got %d rules and %v", len(document.Rules), document.Faults)
	}
}

func TestFaultNamesItsPlace(t *testing.T) {
	for want, fault := range map[string]Fault{
		"f: p":                {File: "f", Problem: "p"},
		"f:3: rules[0]: p: c": {File: "f", Line: 3, Path: "rules[0]", Problem: "p", Cure: "c"},
	} {
		if got := fault.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLine(t *testing.T) {
	document := Read("f", []byte("\nrules:\n- seriesQuery: up\n  resources:\n    overrides:\n      pod: {resource: pod}\n  name: {as: x}\n"))
	for path, want := range map[string]int{
		"rules": 3, "rules[0]": 3, "rules[0].metricsQuery": 3, "rules[0].name.matches": 7, "rules[0].resources.overrides[pod].group": 6, "nothing": 2,
	} {
		if got := document.Line(path); got != want {
			t.Errorf("the line of %s: got %d, want %d", path, got, want)
		}
	}
}

// FuzzRead holds the reader to end, with faults that name their place and a cure.
func FuzzRead(f *testing.F) {
	f.Add([]byte("rules:\n- seriesQuery: '{a!=\"\"}'\n  seriesFilters: [{is: x}]\n  resources: {overrides: {a: {resource: b}}, namespaced: on}\n"))
	f.Add([]byte("rules:\n- &a\n  <<: *a\n  name: {as: !!binary x}\n- *a\n"))
	f.Add([]byte("kind: ConfigMap\ndata: {config.yaml: 'kind: ConfigMap'}\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		document := Read("f", text)
		for _, fault := range document.Faults {
			if fault.File != "f" || fault.Line < 0 || fault.Problem == "" || fault.Cure == "" {
				t.Errorf("the fault %+v does not say all", fault)
			}
		}
	})
}
