package rules

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metric "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func ask(t testing.TB, engine *promql.Engine, from storage.Queryable, query string) promql.Vector {
	t.Helper()
	q, err := engine.NewInstantQuery(context.Background(), from, nil, query, time.Unix(540, 0))
	if err != nil {
		t.Fatalf("reading %q: %v", query, err)
	}
	defer q.Close()
	vector, err := q.Exec(context.Background()).Vector()
	if err != nil {
		t.Fatalf("asking %q: %v", query, err)
	}
	return slices.Clone(vector)
}

var tableTemplates = []string{
	`sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)`,
	`sum(rate(<<.Series>>{<<.LabelMatchers>>,code!="500"}[2m])) by (<<.GroupBy>>)`,
	`<<.Series>>{<<.LabelMatchers>>,code="200"}`,
	`max by (<<.GroupBy>>, code) (<<.Series>>{<<.LabelMatchers>>})`,
	`sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>) / on (<<.GroupBy>>) count(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)`,
	`sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>) or vector(0)`,
	`avg by (<<range .GroupBySlice>><<.>>,<<end>>code) (<<.Series>>{<<.LabelMatchers>>}) > 3`,
	`sum(<<.Series>>{namespace=~"<<index .LabelValuesByName "namespace">>",pod=~"<<index .LabelValuesByName "pod">>"}) by (<<.GroupBy>>)`,
	`sum(<<.Series>>)`,
	`quantile(0.5, <<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)`,
}

func tableWorld(r *rand.Rand) string {
	var load strings.Builder
	load.WriteString("load 15s\n")
	for _, namespace := range []string{"one", "two", "a.b"} {
		for _, pod := range []string{"x", "y", "x.y", "x-y"} {
			for _, code := range []string{"200", "500"} {
				for _, verb := range []string{"GET", "PUT"} {
					if r.IntN(3) > 0 {
						fmt.Fprintf(&load, "  m{namespace=%q,pod=%q,code=%q,verb=%q} 0+%dx40\n", namespace, pod, code, verb, r.IntN(20))
					}
				}
			}
		}
	}
	return load.String()
}

// values are what a consumer sees of an answer: custom metrics by the name of the object, where several samples
// of one are one of them at random; external metrics all of them.
func values(vector []promql.Sample, label string) map[string]float64 {
	out := map[string]float64{}
	for _, sample := range vector {
		key := sample.Metric.Get(label)
		if label == "" {
			key = sample.Metric.String()
		}
		if _, twice := out[key]; twice {
			key += " again"
		}
		out[key] = sample.F
	}
	return out
}

// TestTablesAnswerAsQueries reads random metrics of random objects with random selectors both ways.
func TestTablesAnswerAsQueries(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 0, 1_000_000)
	mapper := cluster()
	shared, read := map[string]bool{}, 0
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		stored := promqltest.LoadedStorage(t, tableWorld(r))
		for _, template := range tableTemplates {
			for _, list := range []string{"rules", "externalRules"} {
				set := Parse("rules.yaml", []byte(list+":\n- seriesQuery: m\n  resources: {template: \"<<.Resource>>\"}\n  metricsQuery: '"+template+"'\n"))
				if len(set.Faults) > 0 {
					t.Fatal(set.Faults)
				}
				namer, _ := slices.Concat(set.Custom, set.External)[0].Bind(mapper)
				for range 6 {
					request := tableRequest(r)
					table, err := namer.Table(request)
					if err != nil {
						continue
					}
					read++
					shared[table.Expr] = true
					compareTable(t, engine, stored, namer, table, request)
				}
			}
		}
	}
	if t.Logf("%d reads of %d tables", read, len(shared)); read < 1000 || len(shared) > read/10 {
		t.Errorf("%d reads took %d tables", read, len(shared))
	}
}

func tableRequest(r *rand.Rand) Request {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	selector, err := labels.Parse(pick("", "", "code=200", "code=500", "verb=GET,code=200", "verb!=GET", "verb in (GET,PUT)", "verb in (GET)", "nothing=", "!nothing",
		"code=200,code!=500", "pod=x", "namespace=one"))
	if err != nil {
		panic(err)
	}
	request := Request{Series: "m", Resource: schema.GroupResource{Resource: "pods"}, Names: []string{pick("x", "y", "x.y", "none")}, Selector: selector}
	request.Namespace = pick("one", "two", "none")
	if r.IntN(4) == 0 {
		request.Resource, request.Names, request.Namespace = namespaces, []string{request.Namespace}, ""
	}
	return request
}

func compareTable(t *testing.T, engine *promql.Engine, from storage.Queryable, namer *Namer, table *Table, request Request) {
	t.Helper()
	query, err := namer.Query(request)
	if err != nil {
		t.Fatal(err)
	}
	name, label := "", ""
	if !namer.External {
		name = request.Names[0]
		if label, err = namer.Label(request.Resource); err != nil {
			t.Fatal(err)
		}
	}
	var got []promql.Sample
	for _, sample := range ask(t, engine, from, table.Expr) {
		if table.Row(sample.Metric.Get) == table.RowFor(request.Namespace, name, request.Selector) {
			sample.Metric = metric.NewBuilder(sample.Metric).Del(table.Added...).Labels()
			got = append(got, sample)
		}
	}
	if len(got) == 0 && table.Else != "" {
		got = ask(t, engine, from, table.Else)
	}
	want := values(ask(t, engine, from, query), label)
	if !namer.External {
		want = map[string]float64{name: want[name], name + " again": want[name+" again"]}
	}
	for key, value := range values(got, label) {
		if wanted, ok := want[key]; !ok || wanted-value > 1e-9 || value-wanted > 1e-9 {
			t.Errorf("asked %+v: got %s = %v, want %v\n%s\n%s", request, key, value, wanted, query, table.Expr)
		}
		delete(want, key)
	}
	for key, value := range want {
		if value != 0 || namer.External {
			t.Errorf("asked %+v: %s = %v is missing\n%s\n%s", request, key, value, query, table.Expr)
		}
	}
}
