package rules

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// one binds the only rule of a file.
func one(t testing.TB, text string) *Namer {
	t.Helper()
	set := Parse("rules.yaml", []byte(text))
	rules := slices.Concat(set.Custom, set.External)
	if len(set.Faults) > 0 || len(rules) != 1 {
		t.Fatalf("got %d rules and %v", len(rules), set.Faults)
	}
	namer, faults := bound(rules[0], cluster())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return namer
}

const podRule = `
rules:
- seriesQuery: '{__name__=~"http_.*"}'
  name: {matches: "^(.*)_total$"}
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: 'sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)'
`

func TestDiscoverAndMerge(t *testing.T) {
	a, b := one(t, podRule), one(t, podRule)
	requests := Info{Name: "http_requests", Resource: pods, Namespaced: true}
	metrics := a.Discover([]Series{
		{Name: "http_requests_total", Labels: []string{"pod", "code"}},
		{Name: "http_requests_total", Labels: []string{"code"}},
		{Name: "http_requests", Labels: []string{"pod"}},
	})
	if want := map[Info]string{requests: "http_requests_total"}; !cmp.Equal(infos(metrics), want) {
		t.Errorf("got %v, want %v", infos(metrics), want)
	}
	served, conflicts := Merge(metrics, nil, b.Discover([]Series{{Name: "http_requests_total", Labels: []string{"pod"}}}))
	if len(served) != 1 || served[0].Namer != b || len(conflicts) != 1 || conflicts[0].Hidden.Namer != a || conflicts[0].Served.Namer != b {
		t.Errorf("got %v and %v, want the last rule's, and the first's in conflict", served, conflicts)
	}
	if served, conflicts := Merge(); len(served)+len(conflicts) > 0 {
		t.Errorf("of nothing came %v and %v", served, conflicts)
	}
}

func TestSeriesOf(t *testing.T) {
	got := SeriesOf(map[string]string{"__name__": "up", "pod": "x", "job": "y"})
	if want := (Series{Name: "up", Labels: []string{"job", "pod"}}); !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestQueryFails(t *testing.T) {
	greater, err := labels.Parse("code>5")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		rule    string
		request Request
		want    string
	}{
		"no names":        {podRule, Request{Resource: pods}, "no object"},
		"a comparison":    {podRule, Request{Resource: pods, Names: []string{"x"}, Selector: greater}, "by size"},
		"selects nothing": {podRule, Request{Resource: pods, Names: []string{"x"}, Selector: labels.Nothing()}, "nothing"},
		"not its resource": {
			podRule, Request{Resource: schema.GroupResource{Resource: "nodes"}, Names: []string{"x"}}, "label of nodes in rules[0]",
		},
		"an empty query": {strings.Replace(podRule, "'sum", "'<<if .LabelMatchers>><<else>>x<<end>>'\n# ", 1), Request{Resource: pods, Names: []string{"x"}}, "empty query"},
	} {
		t.Run(name, func(t *testing.T) {
			namer := one(t, test.rule)
			if got, err := namer.Query(test.request); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, %v, want an error with %q", got, err, test.want)
			}
			test.request.Names = nil // which tables do not look at
			if table, err := namer.Table(test.request); err == nil && name != "no names" {
				t.Errorf("got the table %+v, want an error", table)
			}
		})
	}
}

// TestTemplatesThatLook refuses tables where the text of a query may depend on values.
func TestTemplatesThatLook(t *testing.T) {
	for template, opaque := range map[string]bool{
		`x{<<.LabelMatchers>>}`:                                            false,
		`x{a="<<index .LabelValuesByName "a">>"}`:                          false,
		`<<range .GroupBySlice>><<.>><<end>>`:                              false,
		`<<range $i, $l := .GroupBySlice>><<if $i>>,<<end>><<$l>><<end>>`:  false,
		`<<with .GroupBy>><<.>><<end>>`:                                    false,
		`<<if .Series>>x<<else>>y<<end>>`:                                  false,
		`<<printf "%s" .Series>>`:                                          false,
		`<<if .LabelMatchers>>x<<end>>`:                                    true,
		`<<if eq (index .LabelValuesByName "namespace") "a">>x<<end>>`:     true,
		`<<range .LabelValuesByName>><<.>><<end>>`:                         true,
		`<<range $k, $v := .LabelValuesByName>><<$v>><<end>>`:              true,
		`<<with .LabelMatchers>><<.>><<end>>`:                              true,
		`<<$x := .LabelMatchers>><<$x>>`:                                   true,
		`<<len .LabelMatchers>>`:                                           true,
		`<<.LabelMatchers | printf "%q">>`:                                 true,
		`<<index .LabelValuesByName .Series>>`:                             true,
		`<<.LabelValuesByName>>`:                                           true,
		`<<.>>`:                                                            true,
		`<<$>>`:                                                            true,
		`<<range .GroupBySlice>><<$.LabelMatchers>><<end>>`:                true,
		`<<range .GroupBySlice>>x<<else>><<.LabelMatchers>><<end>>`:        true,
		`<<define "a">><<.>><<end>><<template "a" .LabelMatchers>>`:        true,
		`<<with .GroupBy>><<template "a" $>><<end>><<define "a">>x<<end>>`: true,
	} {
		text := strings.Replace(podRule, `'sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)'`, fmt.Sprintf("'%s'", template), 1)
		if namer := one(t, text); (namer.opaque != nil) != opaque {
			t.Errorf("%s: got %v, want a reason: %v", template, namer.opaque, opaque)
		}
	}
}

// TestShapesShareTables counts the tables of reads that differ as HPAs of one kind do.
func TestShapesShareTables(t *testing.T) {
	namer := one(t, podRule)
	tables := map[string][]string{}
	for _, selector := range []string{"code=200", "code=500", "verb=GET,code=200", "code!=500", ""} {
		for _, inNamespace := range []string{"one", "two"} {
			parsed, err := labels.Parse(selector)
			if err != nil {
				t.Fatal(err)
			}
			table, err := namer.Table(Request{Series: "http_requests_total", Resource: pods, Namespace: inNamespace, Selector: parsed})
			if err != nil {
				t.Fatal(err)
			}
			tables[table.Expr] = table.Keys()
		}
	}
	want := map[string][]string{
		`sum by (code, namespace, pod) (rate(http_requests_total{code!="",namespace!="",pod!=""}[2m]))`:                {"code", "namespace", "pod"},
		`sum by (code, namespace, pod, verb) (rate(http_requests_total{code!="",namespace!="",pod!="",verb!=""}[2m]))`: {"code", "verb", "namespace", "pod"},
		`sum by (namespace, pod) (rate(http_requests_total{code!="500",namespace!="",pod!=""}[2m]))`:                   {"namespace", "pod"},
		`sum by (namespace, pod) (rate(http_requests_total{namespace!="",pod!=""}[2m]))`:                               {"namespace", "pod"},
	}
	if diff := cmp.Diff(want, tables); diff != "" {
		t.Error(diff)
	}
}

// TestValuesThatAreMoreThanOne has selectors of which a table would hold more, or less, than they ask for.
func TestValuesThatAreMoreThanOne(t *testing.T) {
	for name, template := range map[string]string{
		"a value as a regular expression": `sum(x{code=~"<<index .LabelValuesByName "code">>",<<.LabelMatchers>>}) by (<<.GroupBy>>)`,
		"a value for a part":              `sum(x{path=~"/<<index .LabelValuesByName "code">>/.*",<<.LabelMatchers>>}) by (<<.GroupBy>>)`,
	} {
		namer := one(t, strings.Replace(podRule, `sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)`, template, 1))
		table, err := namer.Table(Request{Series: "x", Resource: pods, Namespace: "one", Selector: labels.SelectorFromSet(labels.Set{"code": "a.b"})})
		if err == nil {
			t.Errorf("%s: got the table %s", name, table.Expr)
		}
	}
	twice, err := labels.Parse("code=200,code=500")
	if err != nil {
		t.Fatal(err)
	}
	if table, err := one(t, podRule).Table(Request{Series: "x", Resource: pods, Namespace: "one", Selector: twice}); err == nil {
		t.Errorf("one label asked for twice: got the table %s", table.Expr)
	}
}

// TestPlaceholdersAreFound has a rule that contains what would stand for a value.
func TestPlaceholdersAreFound(t *testing.T) {
	namer := one(t, strings.Replace(podRule, "{<<.Label", `{a!="value-0-",b!="value-1--",<<.Label`, 1))
	table, err := namer.Table(Request{Series: "x", Resource: pods, Namespace: "one"})
	if err != nil || table.Expr != `sum by (namespace, pod) (rate(x{a!="value-0-",b!="value-1--",namespace!="",pod!=""}[2m]))` {
		t.Errorf("got %+v, %v", table, err)
	}
}

func TestReadmeExample(t *testing.T) {
	content, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(content), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	set := Parse("README.md", []byte(example))
	if len(set.Faults)+len(set.Notices) > 0 || len(set.Custom) != 1 || len(set.External) != 1 {
		t.Errorf("the example has %d and %d rules, %v %v", len(set.Custom), len(set.External), set.Faults, set.Notices)
	}
	for _, rule := range slices.Concat(set.Custom, set.External) {
		if _, faults := rule.Bind(cluster()); len(faults) > 0 {
			t.Error(faults)
		}
	}
}
