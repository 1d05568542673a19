package plan

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

const text = `
rules:
- seriesQuery: 'http_requests_total{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)
- seriesQuery: 'load{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: topk(1, <<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: 'fixed{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: sum(other{<<.LabelMatchers>>}) by (<<.GroupBy>>)
externalRules:
- seriesQuery: 'queue_depth{queue!=""}'
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
`

// reads makes one read of each rule, in their order.
func reads(t *testing.T) []*Read {
	t.Helper()
	set := rules.Parse("rules.yaml", []byte(text))
	if len(set.Faults) > 0 {
		t.Fatal(set.Faults)
	}
	var all []*Read
	for _, rule := range set.All() {
		namer, faults := rule.Bind(rules.BuiltIn())
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		name, _, _ := strings.Cut(rule.Match(), "{")
		for _, m := range namer.Discover([]rules.Series{rules.SeriesOf(map[string]string{
			"__name__": name, "namespace": "shop", "pod": "web-0", "queue": "mail",
		})}) {
			if m.Resource != (schema.GroupResource{Resource: "namespaces"}) {
				all = append(all, &Read{Metric: m, Namespace: "shop", Selector: labels.Everything()})
			}
		}
	}
	if len(all) != 4 {
		t.Fatalf("%d metrics", len(all))
	}
	return all
}

func TestAlone(t *testing.T) {
	all := reads(t)
	for i, tc := range []struct {
		names     []string
		expr, row string // the row of a sample whose labels are their own values
	}{
		{[]string{"web-0", "web-1"}, `sum(rate(http_requests_total{namespace="shop",pod=~"web-0|web-1"}[1m])) by (pod)`, "pod"},
		{[]string{"web-0"}, `topk(1, load{namespace="shop",pod="web-0"}) by (pod)`, "pod"},
		{[]string{"web-0"}, `sum(other{namespace="shop",pod="web-0"}) by (pod)`, "pod"},
		{nil, `sum(queue_depth{queue="mail"}) by ()`, ""},
	} {
		if all[i].Metric.Resource.Resource == "" {
			all[i].Selector = labels.SelectorFromSet(labels.Set{"queue": "mail"})
		}
		query, err := all[i].Alone(tc.names...)
		if err != nil {
			t.Fatal(err)
		}
		if query.Expr != tc.expr || query.Row(func(label string) string { return label }) != tc.row {
			t.Errorf("%s, of rows by %q, want %s by %q", query.Expr, query.Row(func(label string) string { return label }), tc.expr, tc.row)
		}
	}
	all[0].Selector = labels.Nothing()
	if _, err := all[0].Alone("web-0"); err == nil {
		t.Error("a selector that selects nothing has a query")
	}
}

func TestPlans(t *testing.T) {
	all := reads(t)
	var plans Plans
	for i, want := range []struct{ table, times bool }{{true, true}, {false, false}, {true, false}, {true, true}} {
		p := plans.Of(all[i])
		if (p.Table != nil) != want.table || (p.Query.Times != "") != want.times {
			t.Errorf("%s: a table: %t, its times: %q", all[i].Metric.Name, p.Table != nil, p.Query.Times)
		}
		if p.Table != nil && (p.Query.Expr != p.Table.Expr || p.Query.Row == nil) {
			t.Errorf("%s: the query is %s, the table's %s", all[i].Metric.Name, p.Query.Expr, p.Table.Expr)
		}
	}
}

// TestPlansAreShared: by reads that differ in nothing but values, and by no others.
func TestPlansAreShared(t *testing.T) {
	first := reads(t)[0]
	parse := func(selector string) labels.Selector {
		s, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	shared := map[string]string{} // selectors by what they share
	for group, selectors := range map[string][]string{
		"all": {"", ""}, "an equality": {"verb=get", "verb=put", "verb in (get)"}, "of another label": {"code=200", "code=500"}, "of both": {"code=200,verb=get", "verb=put,code=1"},
		"no equality": {"verb!=get"}, "another": {"verb!=put"}, "several": {"verb in (get,put)"}, "there": {"verb"}, "nothing": {"verb="},
	} {
		for _, s := range selectors {
			shared[s] = group
		}
	}
	var plans Plans
	for a, groupA := range shared {
		for b, groupB := range shared {
			one, other := *first, *first
			one.Selector, other.Selector, other.Namespace = parse(a), parse(b), "elsewhere"
			if same := plans.Of(&one) == plans.Of(&other); same != (groupA == groupB) {
				t.Errorf("%q and %q share a plan: %t", a, b, same)
			}
		}
	}
	root := *first
	root.Namespace = ""
	if plans.Of(&root) == plans.Of(first) {
		t.Error("objects of no namespace share a plan with those of one")
	}
	if again := reads(t)[0]; plans.Of(again) == plans.Of(first) {
		t.Error("other rules share a plan")
	}
}

// TestPlansAreBounded: selectors are what a caller makes up.
func TestPlansAreBounded(t *testing.T) {
	var plans Plans
	one := *reads(t)[1] // the cheapest to plan
	for i := range most + 100 {
		selector, err := labels.Parse(fmt.Sprintf("verb!=v%d", i))
		if err != nil {
			t.Fatal(err)
		}
		one.Selector = selector
		plans.Of(&one)
	}
	if n := len(plans.namer[one.Metric.Namer]); n > most+1 {
		t.Errorf("%d plans are remembered", n)
	}
}
