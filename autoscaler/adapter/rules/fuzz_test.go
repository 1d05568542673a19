package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/prometheus-adapter/pkg/config"
	"sigs.k8s.io/prometheus-adapter/pkg/naming"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rulefile"
)

// FuzzParse holds what it takes for sound rules to be whole.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"sample-config.yaml", "chart-default.yaml", "quirks.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set := Parse("f", text)
		for _, rule := range slices.Concat(set.Custom, set.External) {
			if rule.Line() == 0 || rule.Path == "" || rule.query == nil || rule.matches == nil {
				t.Errorf("the rule %+v is not whole", rule)
			}
		}
	})
}

// FuzzName compares the name of a series, and the resource of a label, with prometheus-adapter's.
func FuzzName(f *testing.F) {
	f.Add("^(.*)_total$", "${1}_rate", "kube_<<.Resource>>", "http_requests_total", "kube_pod")
	f.Add("(?P<a>x)|y", "$a$$", "<<.Group>>_<<.Resource>>", "y", "apps_deployment")
	f.Add("", "", "<<", "x", "pod")
	mapper := cluster()
	f.Fuzz(func(t *testing.T, matches, as, template, series, label string) {
		source := config.DiscoveryRule{SeriesQuery: "up", MetricsQuery: "up"}
		source.Name.Matches, source.Name.As, source.Resources.Template = matches, as, template
		namers, err := naming.NamersFromConfig([]config.DiscoveryRule{source}, mapper)
		set := &Set{}
		rules := set.compile(&rulefile.Document{}, []rulefile.DiscoveryRule{{
			SeriesQuery: "up", MetricsQuery: "up", Name: rulefile.Name{Matches: matches, As: as}, Resources: rulefile.Resources{Template: template},
		}}, "rules", false)
		if (err != nil) != (len(rules) == 0) {
			t.Fatalf("got %v, prometheus-adapter says %v", set.Faults, err)
		}
		if err != nil {
			return
		}
		namer, _ := rules[0].Bind(mapper)
		pair{namer, namers[0]}.compare(t, []Series{{Name: series, Labels: []string{label}}}, nil)
	})
}

// FuzzSelector compares the PromQL of any selector and template with prometheus-adapter's, and holds tables to
// be made of sound parts.
func FuzzSelector(f *testing.F) {
	f.Add(`sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)`, "a=b,c!=d,e in (f,g),!h,i", "web-0", "one")
	f.Add(`<<index .LabelValuesByName "a">>`, "a in (x)", "a|b", "")
	f.Add(`<<range .GroupBySlice>><<.>><<end>>`, "a notin (x,y)", "", "two")
	mapper := cluster()
	digits := regexp.MustCompile(`%[^a-z]*[0-9]{4}`)
	f.Fuzz(func(t *testing.T, template, selector, name, inNamespace string) {
		parsed, err := labels.Parse(selector)
		if err != nil || digits.MatchString(template) || strings.Contains(template, "printf") && len(template) > 200 {
			return // a wide format is slow, and is as slow for both
		}
		resources := config.ResourceMapping{Template: "<<.Resource>>"}
		namers, err := naming.NamersFromConfig([]config.DiscoveryRule{{SeriesQuery: "up", MetricsQuery: template, Resources: resources}}, mapper)
		rules := new(Set).compile(&rulefile.Document{}, []rulefile.DiscoveryRule{{
			SeriesQuery: "up", MetricsQuery: template, Resources: rulefile.Resources{Template: resources.Template},
		}}, "rules", false)
		if len(rules) == 0 {
			return // refused more strictly: see TestRandomRulesMakeTheSame
		}
		if err != nil {
			t.Fatalf("prometheus-adapter refuses %q: %v", template, err)
		}
		namer, _ := rules[0].Bind(mapper)
		request := Request{Series: "up", Resource: schema.GroupResource{Resource: "pods"}, Namespace: inNamespace, Names: []string{name}, Selector: parsed}
		pair{namer, namers[0]}.compare(t, nil, []Request{request})
		if table, err := namer.Table(request); err == nil {
			row := table.RowFor(inNamespace, name, parsed)
			if table.Expr == "" || strings.Count(row, "\xff") < len(table.Keys()) {
				t.Errorf("%q and %q make the table %+v with the row %q", template, selector, table, row)
			}
		}
	})
}
