// Package partition turns a PromQL query about one object into one about all objects at once, where it can
// prove that the answer about all holds the answer about each.
//
// The query is given with a placeholder for the value of each key label, such as namespace="ns" and pod="x".
// An expression is partitioned by the keys when, for any values of them, the samples of its widened form that
// carry these values are the samples of the expression itself, but for labels that widening added. Selectors
// of the keys are so, what treats each series alone stays so, and what groups series stays so once the keys
// are among the labels it groups by. Everything else is refused, with the reason.
package partition

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// Key is a label of which each query names one value.
type Key struct {
	Label string
	// Placeholder stands for the value in the query: a text that nothing else in it contains, without
	// characters that mean something in a regular expression.
	Placeholder string
	// Regexp lets the query match the value as a regular expression too. The value of a label that is not
	// looked up must then match itself alone.
	Regexp bool
}

// ErrNotFound says that no sample of the answer has the label that it is looked up by.
var ErrNotFound = errors.New("no sample of the answer has the label")

// Widened is a query about all values of the keys.
type Widened struct {
	// Expr is PromQL.
	Expr string
	// Constant says that the query depends on no key: Expr is the query, and answers for all values.
	Constant bool
	// Added are the keys that samples of Expr carry and those of the query do not, sorted.
	Added []string
	// Else answers for values of which Expr has no sample, "" where nothing does.
	Else string
}

// set is a set of label names.
type set map[string]struct{}

func setOf(names ...string) set {
	s := set{}
	for _, name := range names {
		s[name] = struct{}{}
	}
	return s
}

func (s set) has(name string) bool { _, ok := s[name]; return ok }

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

func (s set) plus(t set) set {
	sum := maps.Clone(s)
	maps.Copy(sum, t)
	return sum
}

func (s set) minus(t set) set {
	rest := set{}
	for name := range s {
		if !t.has(name) {
			rest[name] = struct{}{}
		}
	}
	return rest
}

func (s set) within(t set) bool { return len(s.minus(t)) == 0 }

// part is what is known of an expression that is partitioned.
type part struct {
	keyed bool // false: it depends on no key
	added set  // see Widened.Added
	// labels holds every label but the keys that a sample may carry; nil where that is not known.
	labels set
	// mixed: at one moment a sample may be of one metric, and at the next, with the same labels, of another.
	mixed bool
}

// lacks reports whether no sample of the query carries a label.
func (p part) lacks(label string, keys set) bool {
	if keys.has(label) {
		return p.added.has(label)
	}
	return p.labels != nil && !p.labels.has(label)
}

// bare reports whether samples of the query carry no labels.
func (p part) bare(keys set) bool {
	return p.labels != nil && len(p.labels) == 0 && keys.within(p.added)
}

// widener rewrites an expression in place.
type widener struct {
	keys   []Key
	labels set
	regexp bool // a key is matched as a regular expression, which may match other values too
}

// Of widens a query. Where its answer is looked up by the value of one label, lookup is that label: samples
// without it do not count. An error says what in the query hinders it.
func Of(query string, keys []Key, lookup string) (Widened, error) {
	parse := parser.NewParser(parser.Options{EnableExperimentalFunctions: true})
	expr, err := parse.ParseExpr(query)
	if err != nil {
		return Widened{}, fmt.Errorf("parsing %q: %w", query, err)
	}
	w := &widener{keys: keys, labels: set{}}
	for _, key := range keys {
		if w.labels.has(key.Label) {
			return Widened{}, fmt.Errorf("two values are asked of the label %s", key.Label)
		}
		w.labels[key.Label] = struct{}{}
	}
	out, err := w.top(expr, lookup)
	if err != nil {
		return Widened{}, err
	}
	for _, key := range keys {
		if strings.Contains(out.Expr+out.Else, key.Placeholder) {
			return Widened{}, fmt.Errorf("the value of %s is used elsewhere than in a matcher of this label", key.Label)
		}
	}
	return out, nil
}

// top looks for "query or constant", where the constant answers for values without data.
func (w *widener) top(expr parser.Expr, lookup string) (Widened, error) {
	main, fallback := w.split(expr)
	p, err := w.expr(main)
	switch {
	case err != nil:
		return Widened{}, err
	case !p.keyed:
		return Widened{Expr: expr.String(), Constant: true}, nil
	case lookup != "" && p.lacks(lookup, w.labels):
		return Widened{}, fmt.Errorf("%w %s", ErrNotFound, lookup)
	}
	out := Widened{Expr: main.String(), Added: p.added.sorted()}
	if fallback != nil {
		out.Else, err = w.otherwise(p, fallback, lookup)
	}
	return out, err
}

// split returns the sides of "query or constant"; no second one where the expression is none.
func (w *widener) split(expr parser.Expr) (main, fallback parser.Expr) {
	binary, ok := unwrap(expr).(*parser.BinaryExpr)
	if !ok || binary.Op != parser.LOR || w.mentioned(binary.RHS) {
		return expr, nil
	}
	return binary.LHS, binary.RHS
}

// otherwise is the query to ask where p has no answer, "" where the answer of the constant is not looked at: a
// sample without the label that is looked up is not found. With no labels there is at most one sample on either
// side of "or", and the left hides the right.
func (w *widener) otherwise(p part, constant parser.Expr, lookup string) (string, error) {
	labels := labelsOf(constant)
	switch {
	case labels != nil && lookup != "" && !labels.has(lookup):
		return "", nil
	case labels != nil && lookup == "" && len(labels) == 0 && p.bare(w.labels):
		return constant.String(), nil
	}
	return "", fmt.Errorf("whether %s answers, after \"or\", is not known from the answer for all", constant)
}

func unwrap(expr parser.Expr) parser.Expr {
	for {
		paren, ok := expr.(*parser.ParenExpr)
		if !ok {
			return expr
		}
		expr = paren.Expr
	}
}

// mentioned reports whether any placeholder occurs in an expression.
func (w *widener) mentioned(expr parser.Expr) bool {
	text := expr.String()
	return slices.ContainsFunc(w.keys, func(key Key) bool { return strings.Contains(text, key.Placeholder) })
}

// expr widens an expression, children first.
func (w *widener) expr(expr parser.Expr) (part, error) {
	if !w.mentioned(expr) {
		return part{labels: labelsOf(expr)}, nil
	}
	switch e := unwrap(expr).(type) {
	case *parser.UnaryExpr:
		return w.expr(e.Expr)
	case *parser.VectorSelector:
		return w.selector(e)
	case *parser.MatrixSelector:
		return w.expr(e.VectorSelector)
	case *parser.SubqueryExpr:
		return w.subquery(e)
	case *parser.Call:
		return w.call(e)
	case *parser.AggregateExpr:
		return w.aggregation(e)
	case *parser.BinaryExpr:
		return w.binary(e)
	default:
		return part{}, fmt.Errorf("%s is not known to treat each object alone", expr)
	}
}

// labelsOf bounds the labels of an expression that does not depend on the keys.
func labelsOf(expr parser.Expr) set {
	switch e := unwrap(expr).(type) {
	case *parser.AggregateExpr:
		if !e.Without && slices.Contains(aggregations, e.Op) {
			return setOf(e.Grouping...)
		}
	case *parser.Call:
		if e.Func.Name == "vector" {
			return set{}
		}
	}
	return nil
}
