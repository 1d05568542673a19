package partition

import (
	"fmt"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// aggregations make one sample of each group, whatever the order of its members.
var aggregations = []parser.ItemType{
	parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.COUNT, parser.GROUP, parser.STDDEV, parser.STDVAR, parser.QUANTILE,
}

// elementwise are the functions whose answer about a series depends on that series alone and has its labels.
var elementwise = setOf(
	"abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "avg_over_time", "ceil", "changes", "clamp", "clamp_max", "clamp_min",
	"cos", "cosh", "count_over_time", "day_of_month", "day_of_week", "day_of_year", "days_in_month", "deg", "delta", "deriv",
	"double_exponential_smoothing", "exp", "floor", "histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar",
	"histogram_sum", "hour", "idelta", "increase", "irate", "last_over_time", "ln", "log10", "log2", "max_over_time", "min_over_time",
	"minute", "month", "predict_linear", "present_over_time", "quantile_over_time", "rad", "rate", "resets", "round", "sgn", "sin",
	"sinh", "sqrt", "stddev_over_time", "stdvar_over_time", "sum_over_time", "tan", "tanh", "timestamp", "year",
)

// bucket is the label that histogram_quantile consumes.
const bucket = "le"

// selector lets a selector match all values of the keys.
func (w *widener) selector(e *parser.VectorSelector) (part, error) {
	matchers := make([]*labels.Matcher, 0, len(e.LabelMatchers))
	found, named := set{}, false
	for _, m := range e.LabelMatchers {
		named = named || m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual
		asked, err := w.asks(m)
		if err != nil {
			return part{}, err
		}
		if !asked {
			matchers = append(matchers, m)
			continue
		}
		if !found.has(m.Name) {
			matchers = append(matchers, labels.MustNewMatcher(labels.MatchNotEqual, m.Name, ""))
		}
		found[m.Name] = struct{}{}
	}
	if !named {
		return part{}, fmt.Errorf("%s may select more than one metric, and their samples collide", e)
	}
	if missing := w.labels.minus(found); len(missing) > 0 {
		return part{}, fmt.Errorf("a selector of %s asks for some of the labels only, not for %q", e.Name, missing.sorted())
	}
	e.LabelMatchers = matchers
	return part{keyed: true, added: set{}}, nil
}

// asks reports whether a matcher asks for the value of a key.
func (w *widener) asks(m *labels.Matcher) (bool, error) {
	i := slices.IndexFunc(w.keys, func(key Key) bool { return key.Label == m.Name && key.Placeholder == m.Value })
	switch {
	case i < 0:
		return false, nil
	case m.Type == labels.MatchEqual:
		return true, nil
	case m.Type == labels.MatchRegexp && w.keys[i].Regexp:
		w.regexp = true
		return true, nil
	}
	return false, fmt.Errorf("%s%s is not an equality", m.Name, m.Type)
}

func (w *widener) subquery(e *parser.SubqueryExpr) (part, error) {
	p, err := w.expr(e.Expr)
	if err == nil && p.mixed {
		return part{}, fmt.Errorf("series of both sides of \"or\" may collide in the subquery %s", e)
	}
	return p, err
}

func (w *widener) call(e *parser.Call) (part, error) {
	name := e.Func.Name
	if !elementwise.has(name) && name != "histogram_quantile" {
		return part{}, fmt.Errorf("%s() is not known to treat each object alone", name)
	}
	out := part{}
	for _, argument := range e.Args {
		p, err := w.expr(argument)
		if err != nil {
			return part{}, err
		}
		if p.keyed {
			out = p
		}
	}
	if name != "histogram_quantile" {
		return out, nil
	}
	if w.labels.has(bucket) {
		return part{}, fmt.Errorf("histogram_quantile() takes the label %s away, by which objects are told apart", bucket)
	}
	if out.labels != nil {
		out.labels = out.labels.minus(setOf(bucket))
	}
	return out, nil
}

func (w *widener) aggregation(e *parser.AggregateExpr) (part, error) {
	if !slices.Contains(aggregations, e.Op) {
		return part{}, fmt.Errorf("%s is not known to treat each object alone", e.Op)
	}
	if e.Param != nil && w.mentioned(e.Param) {
		return part{}, fmt.Errorf("the parameter of %s differs between objects", e.Op)
	}
	p, err := w.expr(e.Expr)
	if err != nil {
		return part{}, err
	}
	p.mixed = false
	named := setOf(e.Grouping...)
	if e.Without {
		e.Grouping = named.minus(w.labels).sorted()
		p.added = p.added.plus(w.labels.minus(w.labels.minus(named)))
		if p.labels != nil {
			p.labels = p.labels.minus(named)
		}
		return p, nil
	}
	p.labels = named.minus(w.labels)
	p.added = p.added.plus(w.labels.minus(named))
	e.Grouping = append(w.labels.sorted(), p.labels.sorted()...)
	return p, nil
}

func (w *widener) binary(e *parser.BinaryExpr) (part, error) {
	left, err := w.expr(e.LHS)
	if err != nil {
		return part{}, err
	}
	right, err := w.expr(e.RHS)
	switch {
	case err != nil:
		return part{}, err
	case e.LHS.Type() == parser.ValueTypeScalar:
		return right, nil
	case e.RHS.Type() == parser.ValueTypeScalar:
		return left, nil
	case !left.keyed || !right.keyed:
		return part{}, fmt.Errorf("one side of %q is the same for all objects: if it is one number, wrap it in scalar()", e.Op)
	case !left.added.within(right.added) || !right.added.within(left.added):
		return part{}, fmt.Errorf("the two sides of %q have different labels, %q and %q of them added", e.Op, left.added.sorted(), right.added.sorted())
	}
	return w.match(e, left, right)
}

// match widens the matching of two vectors, which then takes place between samples of the same values of the
// keys. Samples of one side that share a match would be an error of one object, but of the whole answer here.
func (w *widener) match(e *parser.BinaryExpr, left, right part) (part, error) {
	m := e.VectorMatching
	named := setOf(m.MatchingLabels...)
	if w.regexp && w.labels.within(named) != m.On {
		return part{}, fmt.Errorf("%q may match samples of objects whose names match each other: match them by %q", e.Op, w.labels.sorted())
	}
	w.matchKeys(m, named)
	left.mixed = left.mixed || right.mixed
	right.mixed = left.mixed
	switch {
	case m.Card == parser.CardManyToOne:
		return w.joined(e, left, unique(right, m, named))
	case m.Card == parser.CardOneToMany:
		return w.joined(e, right, unique(left, m, named))
	case e.Op == parser.LOR:
		return part{keyed: true, added: left.added, labels: union(left.labels, right.labels), mixed: true}, nil
	case m.Card == parser.CardManyToMany:
		return left, nil
	case !unique(left, m, named) || !unique(right, m, named):
		return part{}, collides(e)
	}
	return w.paired(left, m.On, named), nil
}

// matchKeys adds the keys to the labels that are matched.
func (w *widener) matchKeys(m *parser.VectorMatching, named set) {
	m.MatchingLabels = named.minus(w.labels).sorted()
	if m.On {
		m.MatchingLabels = append(w.labels.sorted(), m.MatchingLabels...)
	}
}

// unique reports whether no two samples of one object share what is matched, given the labels that were named
// for matching. Without ignoring a label none do.
func unique(p part, m *parser.VectorMatching, named set) bool {
	if m.On {
		return p.labels != nil && p.labels.within(named)
	}
	return len(m.MatchingLabels) == 0 || p.labels != nil && len(p.labels.minus(named)) == len(p.labels)
}

// paired is the answer of one sample with one sample: it keeps the labels that were matched.
func (w *widener) paired(left part, on bool, named set) part {
	lost := w.labels.minus(named)
	if !on {
		lost = w.labels.minus(lost)
	}
	left.added = left.added.plus(lost)
	switch {
	case on:
		left.labels = named.minus(w.labels)
	case left.labels != nil:
		left.labels = left.labels.minus(named)
	}
	return left
}

// joined is the answer of group_left and group_right: the samples of the many side, with labels of the other.
func (w *widener) joined(e *parser.BinaryExpr, many part, unique bool) (part, error) {
	include := setOf(e.VectorMatching.Include...)
	switch {
	case !unique:
		return part{}, collides(e)
	case len(include) == 0:
		return many, nil
	case many.labels == nil || len(include.minus(many.labels)) < len(include):
		return part{}, fmt.Errorf("a label that group_left or group_right copies in %q may hide one by which samples are told apart", e.Op)
	}
	many.labels = many.labels.plus(include.minus(w.labels)) // a key has the same value on both sides
	return many, nil
}

func collides(e *parser.BinaryExpr) error {
	return fmt.Errorf("several samples of one object may match in %q: aggregate both sides to the labels that are matched", e.Op)
}

func union(a, b set) set {
	if a == nil || b == nil {
		return nil
	}
	return a.plus(b)
}
