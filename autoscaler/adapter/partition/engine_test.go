package partition

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
)

const (
	namespaceHere = "placeholder-namespace"
	podHere       = "placeholder-pod"
)

var podKeys = []Key{{Label: "namespace", Placeholder: namespaceHere, Regexp: true}, {Label: "pod", Placeholder: podHere, Regexp: true}}

// world has counters a and b, histogram c and gauge d of a few pods, some of them missing, of two namespaces with
// the same pod names, and total, which is of no pod.
func world(r *rand.Rand) string {
	var load strings.Builder
	load.WriteString("load 15s\n  total 0+7x40\n  total{code=\"200\"} 0+3x40\n")
	for _, namespace := range []string{"one", "two"} {
		for _, pod := range []string{"x", "y", "z.1", "zz1"} {
			for _, metric := range []string{"a", "b", "d"} {
				for _, code := range []string{"200", "500"} {
					if r.IntN(4) > 0 {
						fmt.Fprintf(&load, "  %s{namespace=%q,pod=%q,code=%q} %d+%dx%d %d+%dx20\n",
							metric, namespace, pod, code, r.IntN(50), r.IntN(9), 3+r.IntN(20), r.IntN(5), r.IntN(9))
					}
				}
			}
			for i, le := range []string{"0.1", "1", "+Inf"} {
				fmt.Fprintf(&load, "  c_bucket{namespace=%q,pod=%q,le=%q} 0+%dx40\n", namespace, pod, le, (i+1)*(1+r.IntN(3)))
			}
		}
	}
	// Series that no object owns must not disturb: without a pod, and without either.
	load.WriteString("  a{namespace=\"one\",code=\"200\"} 0+100x40\n  a{code=\"200\"} 0+1000x40\n")
	return load.String()
}

type answer map[string]float64

func ask(t testing.TB, engine *promql.Engine, from storage.Queryable, query string) (promql.Vector, error) {
	t.Helper()
	q, err := engine.NewInstantQuery(context.Background(), from, nil, query, time.Unix(540, 0))
	if err != nil {
		t.Fatalf("reading %q: %v", query, err)
	}
	defer q.Close()
	result := q.Exec(context.Background())
	if result.Err != nil {
		return nil, result.Err
	}
	vector, err := result.Vector()
	return append(promql.Vector(nil), vector...), err
}

// row is what an answer about all says of one object, labelled as the answer about that object alone would be.
func row(w Widened, keys []Key, values []string, lookup string, vector promql.Vector) answer {
	out := answer{}
	for _, sample := range vector {
		match := lookup == "" || sample.Metric.Get(lookup) == values[1]
		for i, key := range keys {
			match = match && (w.Constant || sample.Metric.Get(key.Label) == values[i])
		}
		if match {
			out[labels.NewBuilder(sample.Metric).Del(w.Added...).Labels().String()] = sample.F
		}
	}
	return out
}

func asked(query string, keys []Key, values []string) string {
	for i, key := range keys {
		query = strings.ReplaceAll(query, key.Placeholder, values[i])
	}
	return query
}

func (a answer) equal(b answer) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		other, ok := b[name]
		if !ok || math.Abs(v-other) > 1e-9*max(1, math.Abs(v)) || math.IsNaN(v) != math.IsNaN(other) {
			return false
		}
	}
	return true
}

// disagreement compares one query about all with one for each object.
func disagreement(t testing.TB, engine *promql.Engine, from storage.Queryable, query, lookup string, w Widened) string {
	t.Helper()
	all, err := ask(t, engine, from, w.Expr)
	if err != nil {
		return fmt.Sprintf("the query about all fails: %v", err)
	}
	names := []string{"x", "y", "zz1", "none"}
	if lookup != "" {
		names = append(names, "z.1") // as a regular expression it matches zz1 too
	}
	for _, namespace := range []string{"one", "two", "none"} {
		for _, pod := range names {
			values := []string{namespace, pod}
			single, err := ask(t, engine, from, asked(query, podKeys, values))
			if err != nil {
				return fmt.Sprintf("of %q: fails alone: %v", values, err)
			}
			want, got := row(Widened{Constant: true}, podKeys, values, lookup, single), row(w, podKeys, values, lookup, all)
			if len(got) == 0 && w.Else != "" {
				rest, err := ask(t, engine, from, w.Else)
				if err != nil {
					return err.Error()
				}
				got = row(Widened{Constant: true}, podKeys, values, lookup, rest)
			}
			if !got.equal(want) {
				return fmt.Sprintf("of %q: got %v, want %v", values, got, want)
			}
		}
	}
	return ""
}

// grammar writes random queries, most of which make sense.
type grammar struct{ *rand.Rand }

func (g grammar) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g grammar) matchers() string {
	return `namespace="` + namespaceHere + `",` + g.pick(`pod="`, `pod="`, `pod=~"`) + podHere + `"` + g.pick("", "", `,code!="500"`, `,pod!="y"`)
}

func (g grammar) selector() string {
	return g.pick("a", "b", "d", "c_bucket") + "{" + g.matchers() + "}"
}

func (g grammar) grouping() string {
	return g.pick("", " by (pod)", " by (pod)", " by (namespace,pod)", " by (pod,code)", " by (pod,le)", " without (code)", " without (pod)", " by (code)", " by ()")
}

func (g grammar) matching() string {
	return g.pick("", "", "", " on (pod)", " on (pod,code)", " on (namespace,pod)", " ignoring (code)", " on (pod) group_left ()",
		" on (pod) group_right (code)", " on (pod) group_left (namespace)", " on (pod,code) group_left (pod)", " ignoring (code) group_left ()", " on (code)", " ignoring (pod)")
}

func (g grammar) constant() string {
	return g.pick("2", "scalar(sum(total))", "0.5", "time()")
}

func (g grammar) vector(depth int) string {
	if depth == 0 {
		return g.pick(g.selector(), "rate("+g.selector()+"[2m])", "max_over_time("+g.selector()+"[1m])", "sum"+g.grouping()+" (rate("+g.selector()+"[1m]))")
	}
	inner := g.vector(depth - 1)
	switch g.IntN(13) {
	case 0, 1, 2, 3:
		return g.pick("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar") + g.grouping() + "(" + inner + ")"
	case 4:
		return g.pick("quantile(0.4, ", "topk(1, ", "count_values(\"v\", ") + inner + ")"
	case 5:
		return g.pick("abs", "ceil", "sqrt", "-", "timestamp", "absent", "scalar", "sort") + "(" + inner + ")"
	case 6:
		return "max_over_time((" + inner + ")[1m:15s])"
	case 7:
		return "histogram_quantile(0.9, sum by (le,pod) (rate(c_bucket{" + g.matchers() + "}[2m])))"
	case 8:
		return "(" + inner + ") " + g.pick("+", "/", ">", "> bool") + " " + g.constant()
	case 9:
		return "(" + inner + ") " + g.pick("or", "and", "unless") + g.pick("", " on (pod)", " ignoring (code)") + " (" + g.vector(depth-1) + ")"
	case 10:
		return "(" + inner + ") or " + g.pick("vector(0)", "sum(total)", "total", "on () vector(1)")
	default:
		return "(" + inner + ") " + g.pick("+", "/", "*", ">", "== bool") + g.matching() + " (" + g.vector(depth-1) + ")"
	}
}

// TestWidenedAnswersAsAsked is the promise of the package: whatever is widened answers as each query alone.
func TestWidenedAnswersAsAsked(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 0, 1_000_000)
	widened, refused := 0, 0
	for seed := range uint64(40) {
		g := grammar{rand.New(rand.NewPCG(seed, 0))}
		stored := promqltest.LoadedStorage(t, world(g.Rand))
		for range 40 {
			query := g.vector(g.IntN(4))
			lookup := g.pick("", "pod")
			w, err := Of(query, podKeys, lookup)
			switch {
			case err != nil && strings.Contains(err.Error(), "parsing"):
			case err != nil:
				refused++
			default:
				widened++
				if wrong := disagreement(t, engine, stored, query, lookup, w); wrong != "" {
					t.Fatalf("seed %d: %s\nwidened for %q to %s, added %q, else %q\n%s", seed, query, lookup, w.Expr, w.Added, w.Else, wrong)
				}
			}
		}
	}
	if t.Logf("%d widened, %d refused", widened, refused); widened < 300 || refused < 100 {
		t.Errorf("%d queries were widened and %d refused: the grammar tells little", widened, refused)
	}
}
