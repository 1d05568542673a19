package partition

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// in writes N and P for the matchers of namespace and pod.
func in(query string) string {
	return strings.NewReplacer("LM", `namespace="`+namespaceHere+`",pod="`+podHere+`"`, "NS", namespaceHere, "POD", podHere).Replace(query)
}

func TestOf(t *testing.T) {
	for name, test := range map[string]struct {
		query, lookup string
		want          Widened
		refused       string // part of why
	}{
		"a selector": {query: `a{LM}`, want: Widened{Expr: `a{namespace!="",pod!=""}`}},
		"grouped": {
			query: `sum by (pod) (rate(a{LM,code="5"}[2m]))`, lookup: "pod",
			want: Widened{Expr: `sum by (namespace, pod) (rate(a{code="5",namespace!="",pod!=""}[2m]))`, Added: []string{"namespace"}},
		},
		"not grouped": {
			query: `sum(a{LM})`,
			want:  Widened{Expr: `sum by (namespace, pod) (a{namespace!="",pod!=""})`, Added: []string{"namespace", "pod"}},
		},
		"not grouped, looked up":         {query: `sum(a{LM})`, lookup: "pod", refused: "has the label pod"},
		"looked up by what is not there": {query: `sum by (code) (a{LM})`, lookup: "name", refused: "has the label name"},
		"without": {
			query: `sum without (pod, code) (a{LM})`,
			want:  Widened{Expr: `sum without (code) (a{namespace!="",pod!=""})`, Added: []string{"pod"}},
		},
		"a quantile of a histogram": {
			query: `histogram_quantile(0.9, sum by (le, pod) (rate(a_bucket{LM}[5m])))`, lookup: "pod",
			want: Widened{Expr: `histogram_quantile(0.9, sum by (namespace, pod, le) (rate(a_bucket{namespace!="",pod!=""}[5m])))`, Added: []string{"namespace"}},
		},
		"a ratio": {
			query: `sum by (pod) (a{LM}) / sum by (pod) (b{LM})`, lookup: "pod",
			want: Widened{Expr: `sum by (namespace, pod) (a{namespace!="",pod!=""}) / sum by (namespace, pod) (b{namespace!="",pod!=""})`, Added: []string{"namespace"}},
		},
		"a ratio on a label": {
			query: `sum by (pod) (a{LM}) / on (pod) sum by (pod) (b{LM})`, lookup: "pod",
			want: Widened{Expr: `sum by (namespace, pod) (a{namespace!="",pod!=""}) / on (namespace, pod) sum by (namespace, pod) (b{namespace!="",pod!=""})`, Added: []string{"namespace"}},
		},
		"the same for all":        {query: `sum by (pod) (a)`, want: Widened{Expr: `sum by (pod) (a)`, Constant: true}},
		"else a constant":         {query: `sum(a{LM}) or vector(0)`, want: Widened{Expr: `sum by (namespace, pod) (a{namespace!="",pod!=""})`, Added: []string{"namespace", "pod"}, Else: "vector(0)"}},
		"else what nobody finds":  {query: `sum by (pod) (a{LM}) or vector(0)`, lookup: "pod", want: Widened{Expr: `sum by (namespace, pod) (a{namespace!="",pod!=""})`, Added: []string{"namespace"}}},
		"else what may be hidden": {query: `sum by (pod) (a{LM}) or vector(0)`, refused: "not known from the answer for all"},
		"else another's":          {query: `sum by (pod) (a{LM}) or sum by (pod) (b)`, lookup: "pod", refused: "not known from the answer for all"},
		"a key copied": {
			query: `sum by (pod, code) (a{LM}) / on (pod) group_left (namespace) sum by (pod) (b{LM})`, lookup: "pod",
			want: Widened{
				Expr: `sum by (namespace, pod, code) (a{namespace!="",pod!=""}) / on (namespace, pod) group_left (namespace) ` +
					`sum by (namespace, pod) (b{namespace!="",pod!=""})`,
				Added: []string{"namespace"},
			},
		},
		"over time": {
			query: `max_over_time(sum by (pod) (a{LM})[5m:1m])`, lookup: "pod",
			want: Widened{Expr: `max_over_time(sum by (namespace, pod) (a{namespace!="",pod!=""})[5m:1m])`, Added: []string{"namespace"}},
		},
		"modifiers": {query: `a{LM} offset 5m @ 100`, want: Widened{Expr: `a{namespace!="",pod!=""} @ 100.000 offset 5m`}},

		"the largest":                 {query: `topk(1, a{LM})`, refused: "topk"},
		"absence":                     {query: `absent(a{LM})`, refused: "absent()"},
		"a number of a vector":        {query: `scalar(a{LM})`, refused: "scalar()"},
		"a label replaced":            {query: `label_replace(a{LM}, "pod", "$1", "x", "(.*)")`, refused: "label_replace()"},
		"a value of the parameter":    {query: `quantile(scalar(a{LM}), a{LM})`, refused: "parameter of quantile"},
		"several metrics":             {query: `rate({__name__=~"a|b",LM}[1m])`, refused: "more than one metric"},
		"some of the labels":          {query: `a{pod="POD"}`, refused: `not for ["namespace"]`},
		"another label":               {query: `a{LM,instance="POD"}`, refused: "elsewhere"},
		"a part of a value":           {query: `a{LM,instance=~"POD-.*"}`, refused: "elsewhere"},
		"not equal":                   {query: `a{namespace="NS",pod!="POD"}`, refused: "not an equality"},
		"one side the same for all":   {query: `sum by (pod) (a{LM}) / sum by (pod) (b)`, refused: "one side of"},
		"sides with different labels": {query: `sum by (pod) (a{LM}) / sum by (namespace, pod) (b{LM})`, refused: "different labels"},
		"sides that may collide":      {query: `a{LM} / on (pod) b{LM}`, refused: "several samples"},
		"the one side may collide":    {query: `a{LM} / on (pod) group_left () b{LM}`, refused: "several samples"},
		"a label copied over another": {query: `a{LM} / on (pod) group_left (code) sum by (namespace, pod) (b{LM})`, refused: "may hide one"},
		"metrics that follow another": {query: `rate((a{LM} or b{LM})[5m:1m])`, refused: "collide in the subquery"},
		"no PromQL":                   {query: `sum(`, refused: "parsing"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Of(in(test.query), podKeys, test.lookup)
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("got %+v, %v, want an error with %q", got, err, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.Transformer("list", func(s []string) string { return strings.Join(s, ",") })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	if _, err := Of(`a{x="1-"}`, []Key{{Label: "x", Placeholder: "1-"}, {Label: "x", Placeholder: "2-"}}, ""); err == nil {
		t.Error("two values of one label are not refused")
	}
	if _, err := Of(`a{x=~"1-"}`, []Key{{Label: "x", Placeholder: "1-"}}, ""); err == nil {
		t.Error("a regular expression is not refused where the key allows none")
	}
	if _, err := Of(`histogram_quantile(0.5, a{le="1-"})`, []Key{{Label: "le", Placeholder: "1-"}}, ""); err == nil {
		t.Error("a quantile over the label that is looked up is not refused")
	}
	// Names that match each other must be kept apart by what is matched.
	const both = `sum by (pod, code) (a{namespace="N-",pod=~"P-"}) and on (code) sum by (pod, code) (b{namespace="N-",pod=~"P-"})`
	keys := []Key{{Label: "namespace", Placeholder: "N-"}, {Label: "pod", Placeholder: "P-", Regexp: true}}
	if _, err := Of(both, keys, "pod"); err == nil {
		t.Error("matching samples of different pods is not refused")
	}
}

// FuzzOf holds it to end, and to make PromQL that parses again and has no placeholder.
func FuzzOf(f *testing.F) {
	for _, query := range []string{`sum by (pod) (rate(a{LM}[2m]))`, `a{LM} / on (pod) group_left (x) b{LM} or vector(0)`, `max_over_time((a{LM})[5m:1m] @ end())`, `-{LM}`, `sum(`} {
		f.Add(in(query), "pod")
	}
	f.Fuzz(func(t *testing.T, query, lookup string) {
		w, err := Of(query, podKeys, lookup)
		if err != nil {
			return
		}
		again, err := Of(w.Expr, podKeys, "")
		if err != nil || !again.Constant {
			t.Errorf("%q was widened to %q, which is %+v, %v", query, w.Expr, again, err)
		}
	})
}
