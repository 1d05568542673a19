package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// arguments are what metricsQuery may use.
type arguments struct {
	Series            string
	LabelMatchers     string
	LabelValuesByName map[string]string
	GroupBy           string
	GroupBySlice      []string
}

func execute(query *template.Template, args arguments) (string, error) {
	var out strings.Builder
	if err := query.Execute(&out, args); err != nil {
		return "", err
	}
	if out.Len() == 0 {
		return "", errors.New("metricsQuery made an empty query")
	}
	return out.String(), nil
}

var (
	// fixed are the arguments that are the same for each object of a metric.
	fixed = []string{"Series", "GroupBy", "GroupBySlice"}
	// varying are those that hold values of labels.
	varying = []string{"LabelMatchers", "LabelValuesByName"}
)

// unknownFields returns the fields that a template uses of its arguments and that these do not have.
func unknownFields(query *template.Template) []string {
	var unknown []string
	walk(query.Root, func(node parse.Node) bool {
		if field, ok := node.(*parse.FieldNode); ok && !slices.Contains(slices.Concat(fixed, varying), field.Ident[0]) {
			unknown = append(unknown, "<<."+field.Ident[0]+">>")
		}
		// In a range or a with, the dot is something else.
		return !isScope(node)
	})
	return unknown
}

func isScope(node parse.Node) bool {
	switch node.(type) {
	case *parse.RangeNode, *parse.WithNode:
		return true
	}
	return false
}

// opaque returns why the text of a query may depend on the values of labels otherwise than by having them
// printed in place, nil where it cannot: a template may branch on the name of a namespace, or count letters.
func opaque(query *template.Template) error {
	var reason error
	walk(query.Root, func(node parse.Node) bool {
		switch node := node.(type) {
		case *parse.ActionNode:
			return !printed(node)
		case *parse.FieldNode:
			if slices.Contains(varying, node.Ident[0]) {
				reason = fmt.Errorf("the template does more with %s than to print it", node)
			}
		case *parse.RangeNode, *parse.WithNode:
			if reason == nil {
				reason = opaqueScope(node)
			}
			return false
		case *parse.DotNode, *parse.VariableNode, *parse.TemplateNode:
			reason = fmt.Errorf("the template passes on %s", node)
		}
		return reason == nil
	})
	return reason
}

// opaqueScope lets the dot be used where it stands for something fixed, as in ranging over GroupBySlice.
func opaqueScope(node parse.Node) error {
	var branch *parse.BranchNode
	switch node := node.(type) {
	case *parse.RangeNode:
		branch = &node.BranchNode
	case *parse.WithNode:
		branch = &node.BranchNode
	}
	field, ok := operand(branch.Pipe).(*parse.FieldNode)
	if !ok || !slices.Contains(fixed, field.Ident[0]) {
		return fmt.Errorf("the template ranges over %s", branch.Pipe)
	}
	var reason error
	walk(branch.List, func(node parse.Node) bool {
		switch node := node.(type) {
		case *parse.FieldNode, *parse.TemplateNode:
			reason = fmt.Errorf("the template uses %s within %s", node, branch.Pipe)
		case *parse.VariableNode:
			if node.Ident[0] == "$" {
				reason = fmt.Errorf("the template uses %s within %s", node, branch.Pipe)
			}
		}
		return reason == nil
	})
	if branch.ElseList != nil && reason == nil {
		reason = fmt.Errorf("the template has an else to %s", branch.Pipe)
	}
	return reason
}

// printed reports whether an action is <<.LabelMatchers>> or <<index .LabelValuesByName "label">>, or prints
// something fixed.
func printed(action *parse.ActionNode) bool {
	if len(action.Pipe.Decl) > 0 {
		return false
	}
	if field, ok := operand(action.Pipe).(*parse.FieldNode); ok {
		return len(field.Ident) == 1 && field.Ident[0] != "LabelValuesByName"
	}
	if len(action.Pipe.Cmds) != 1 || len(action.Pipe.Cmds[0].Args) != 3 {
		return false
	}
	args := action.Pipe.Cmds[0].Args
	function, isFunction := args[0].(*parse.IdentifierNode)
	field, isField := args[1].(*parse.FieldNode)
	_, isText := args[2].(*parse.StringNode)
	return isFunction && isField && isText && function.Ident == "index" && slices.Equal(field.Ident, []string{"LabelValuesByName"})
}

// operand is the only one of a pipeline, nil where there is more.
func operand(pipe *parse.PipeNode) parse.Node {
	if pipe == nil || len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return nil
	}
	return pipe.Cmds[0].Args[0]
}

// walk visits the nodes of a template, parents first; visit returns false to leave out what is below.
func walk(node parse.Node, visit func(parse.Node) bool) {
	if !visit(node) {
		return
	}
	for _, child := range children(node) {
		walk(child, visit)
	}
}

func children(node parse.Node) []parse.Node {
	switch node := node.(type) {
	case *parse.ListNode:
		return node.Nodes
	case *parse.ActionNode:
		return []parse.Node{node.Pipe}
	case *parse.PipeNode:
		var all []parse.Node
		for _, command := range node.Cmds {
			all = append(all, command.Args...)
		}
		return all
	case *parse.ChainNode:
		return []parse.Node{node.Node}
	case *parse.IfNode:
		return branches(&node.BranchNode)
	case *parse.RangeNode:
		return branches(&node.BranchNode)
	case *parse.WithNode:
		return branches(&node.BranchNode)
	}
	return nil
}

func branches(node *parse.BranchNode) []parse.Node {
	all := []parse.Node{node.Pipe, node.List}
	if node.ElseList != nil {
		all = append(all, node.ElseList)
	}
	return all
}
