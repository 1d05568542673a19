package rules

import (
	"slices"
	"text/template"
	"text/template/parse"
)

// timesQuery asks, by object, when the newest sample of a series was.
var timesQuery = template.Must(template.New("times").Delims("<<", ">>").Parse(
	`max(timestamp(<<.Series>>{<<.LabelMatchers>>})) by (<<.GroupBy>>)`))

// Times returns a namer whose queries tell, in the rows of n's, the Unix time of the newest sample behind them; nil
// where the rule asks for other series than those that it was found by.
func (n *Namer) Times() *Namer {
	named := false
	walk(n.query.Root, func(node parse.Node) bool {
		field, ok := node.(*parse.FieldNode)
		named = named || ok && slices.Contains(field.Ident, "Series")
		return true
	})
	if !named {
		return nil
	}
	rule, namer := *n.Rule, *n
	rule.query, rule.opaque = timesQuery, nil
	namer.Rule = &rule
	return &namer
}
