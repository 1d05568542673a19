package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/partition"
)

// Table is one query whose answer holds the answers to many requests: those that differ only in the namespace,
// the names and the values of equalities in the selector. Requests of one shape have equal tables, so that
// Expr says which of them can share one.
type Table struct {
	// Expr is PromQL.
	Expr string
	// Else is PromQL too, and answers for rows that Expr's answer lacks; "" where nothing does.
	Else string
	// Added are the labels that samples of Expr carry and those of single queries do not.
	Added []string

	keys []key
}

// key is a label whose value tells rows apart.
type key struct {
	label  string
	stands role
}

// Keys are the labels whose values tell rows apart, in the order that Row takes them.
func (t *Table) Keys() []string {
	var names []string
	for _, k := range t.keys {
		names = append(names, k.label)
	}
	return names
}

// Row says which row a sample belongs to, by the values of its labels.
func (t *Table) Row(value func(label string) string) string {
	var row []byte
	for _, k := range t.keys {
		row = appendValue(row, value(k.label))
	}
	return string(row)
}

// RowFor says which row answers about one object, or about an external metric, whose name is "". The selector
// is one of the shape that the table was made for.
func (t *Table) RowFor(inNamespace, name string, selector labels.Selector) string {
	var row []byte
	for _, k := range t.keys {
		switch k.stands {
		case namespace:
			row = appendValue(row, inNamespace)
		case object:
			row = appendValue(row, name)
		default:
			value, _ := selector.RequiresExactMatch(k.label)
			row = appendValue(row, value)
		}
	}
	return string(row)
}

// appendValue separates values by what no UTF-8 contains.
func appendValue(row []byte, value string) []byte { return append(append(row, value...), 0xff) }

// Table returns the table for requests of the shape of r; its names and values do not matter, but whether it
// has a namespace does. An error says why the answers cannot be had from one query; Query serves then.
func (n *Namer) Table(r Request) (*Table, error) {
	if n.opaque != nil {
		return nil, n.opaque
	}
	r.Names = []string{"any"}
	matchers, groupBy, err := n.matchers(r)
	if err != nil {
		return nil, err
	}
	t := &Table{}
	keys := t.open(matchers, n.source.MetricsQuery+r.Series)
	query, err := n.expand(r.Series, matchers, groupBy)
	if err != nil {
		return nil, err
	}
	lookup := ""
	if !n.External {
		lookup = groupBy[0]
	}
	widened, err := partition.Of(query, keys, lookup)
	if err != nil {
		return nil, fmt.Errorf("widening the query of %s: %w", n.Path, err)
	}
	t.Expr, t.Else, t.Added = widened.Expr, widened.Else, widened.Added
	if widened.Constant {
		t.keys = slices.DeleteFunc(t.keys, func(k key) bool { return k.stands != object })
	}
	return t, nil
}

// open puts placeholders, which the text does not contain, for the values that differ between requests.
func (t *Table) open(matchers []matcher, text string) []partition.Key {
	for _, m := range matchers {
		text += m.label + m.value
	}
	var keys []partition.Key
	for i := range matchers {
		m := &matchers[i]
		if m.stands == none {
			continue
		}
		m.value = placeholder(i, text)
		m.listed = m.value
		t.keys = append(t.keys, key{m.label, m.stands})
		keys = append(keys, partition.Key{Label: m.label, Placeholder: m.value, Regexp: m.stands != selected})
	}
	return keys
}

// placeholder is a value that a text does not contain.
func placeholder(i int, text string) string {
	value := "value-" + strconv.Itoa(i) + "-"
	for strings.Contains(text, value) {
		value += "-"
	}
	return value
}
