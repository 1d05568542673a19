package rules

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rulefile"
)

// compiler makes a rule of its source. What is wrong goes to the faults of the set.
type compiler struct {
	document *rulefile.Document
	path     string
	set      *Set
}

func (c *compiler) wrong(field, problem, cure string) {
	c.set.Faults = append(c.set.Faults, c.document.Fault(c.path+"."+field, problem, cure))
}

func (c *compiler) notice(field, problem, cure string) {
	c.set.Notices = append(c.set.Notices, c.document.Fault(c.path+"."+field, problem, cure))
}

func (c *compiler) compile(source rulefile.DiscoveryRule, external bool) *Rule {
	r := &Rule{Path: c.path, External: external, document: c.document, source: source, namespaced: true}
	if source.Resources.Namespaced != nil {
		r.namespaced = *source.Resources.Namespaced
	}
	c.seriesQuery(r)
	c.seriesFilters(r)
	c.name(r)
	c.resources(r)
	c.metricsQuery(r)
	return r
}

func (c *compiler) seriesQuery(r *Rule) {
	if strings.TrimSpace(r.source.SeriesQuery) == "" {
		c.wrong("seriesQuery", "is missing", `name the series, as in http_requests_total{namespace!="",pod!=""}`)
		return
	}
	if _, err := parser.NewParser(parser.Options{}).ParseMetricSelector(r.source.SeriesQuery); err != nil {
		c.wrong("seriesQuery", fmt.Sprintf("is no selector: %v", err), "write a metric, labels in braces, or both; no function and no range")
	}
}

func (c *compiler) seriesFilters(r *Rule) {
	for i, source := range r.source.SeriesFilters {
		path := "seriesFilters[" + strconv.Itoa(i) + "]"
		switch {
		case source.Is != "" && source.IsNot != "":
			c.wrong(path, "has both is and isNot", "make two filters of it")
		case source.Is != "":
			r.filters = append(r.filters, filter{c.pattern(path+".is", source.Is), true})
		case source.IsNot != "":
			r.filters = append(r.filters, filter{c.pattern(path+".isNot", source.IsNot), false})
		default:
			c.wrong(path, "has neither is nor isNot", "give one of them a regular expression, or take the filter out")
		}
	}
}

// pattern compiles a regular expression, which finds its match anywhere.
func (c *compiler) pattern(path, expression string) *regexp.Regexp {
	compiled, err := regexp.Compile(expression)
	if err != nil {
		c.wrong(path, err.Error(), "mend the regular expression (RE2 syntax, no look-ahead)")
		return regexp.MustCompile("")
	}
	return compiled
}

func (c *compiler) name(r *Rule) {
	r.matches, r.as = regexp.MustCompile(".*"), r.source.Name.As
	if expression := r.source.Name.Matches; expression != "" {
		r.matches = c.pattern("name.matches", expression)
	}
	groups := r.matches.NumSubexp()
	switch {
	case r.as != "":
		c.references(r)
	case groups == 0:
		r.as = "$0"
	case groups == 1:
		r.as = "$1"
	default:
		c.wrong("name.as", fmt.Sprintf("is missing, and name.matches has %d groups", groups), `say what to make of them, as in "${1}_${2}"`)
	}
}

// reference is what regexp.Expand takes for a group: the longest run of letters, digits and underscores, so
// that $1_total is a group called 1_total.
var reference = regexp.MustCompile(`\$(?:\$|\{(\w+)\}|(\w+))`)

func (c *compiler) references(r *Rule) {
	for _, match := range reference.FindAllStringSubmatch(r.as, -1) {
		name := match[1] + match[2]
		number, err := strconv.Atoi(name)
		if name == "" || err == nil && number <= r.matches.NumSubexp() || r.matches.SubexpIndex(name) >= 0 {
			continue
		}
		cure := "a group that does not exist is replaced by nothing"
		if digits := strings.TrimRight(name, "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"); err != nil && digits != "" && match[2] != "" {
			cure = "if group " + digits + " is meant, write ${" + digits + "}" + strings.TrimPrefix(name, digits)
		}
		c.notice("name.as", "name.matches has no group "+name, cure)
	}
}

func (c *compiler) resources(r *Rule) {
	source := &r.source.Resources
	for _, label := range slices.Sorted(maps.Keys(source.Overrides)) {
		path := "resources.overrides[" + label + "]"
		if !model.LegacyValidation.IsValidLabelName(label) {
			c.wrong(path, fmt.Sprintf("%q is no label that PromQL can name", label), "relabel it in Prometheus")
		}
		if source.Overrides[label].Resource == "" {
			c.wrong(path+".resource", "is missing", "name the resource that the label names, as in {resource: pod}")
		}
	}
	if source.Template != "" {
		c.labelTemplate(r, source.Template)
	}
	if !r.External && source.Template == "" && len(source.Overrides) == 0 {
		c.notice("resources", "no label stands for an object, so that the rule serves nothing",
			`say which do, as in overrides: {namespace: {resource: namespace}, pod: {resource: pod}}`)
	}
}

func (c *compiler) labelTemplate(r *Rule, source string) {
	const path, example = "resources.template", "write one such as kube_<<.Group>>_<<.Resource>>"
	compiled, err := template.New("label").Delims("<<", ">>").Parse(source)
	if err != nil {
		c.wrong(path, err.Error(), example)
		return
	}
	var pattern bytes.Buffer
	// The template is run backwards by having it make a regular expression.
	if err := compiled.Execute(&pattern, schema.GroupResource{Group: "(?P<group>.+?)", Resource: "(?P<resource>.+?)"}); err != nil {
		c.wrong(path, err.Error(), example)
		return
	}
	labels, err := regexp.Compile("^" + pattern.String() + "$")
	switch {
	case err != nil:
		c.wrong(path, fmt.Sprintf("cannot be told from a label: %v", err), example)
	case pattern.Len() == 0 || labels.SubexpIndex("resource") < 0:
		c.wrong(path, "does not contain <<.Resource>>", example)
	default:
		r.label, r.labels = compiled, labels
	}
}

const available = "<<.Series>>, <<.LabelMatchers>>, <<.LabelValuesByName>>, <<.GroupBy>> and <<.GroupBySlice>> can be used"

func (c *compiler) metricsQuery(r *Rule) {
	if r.source.MetricsQuery == "" {
		c.wrong("metricsQuery", "is missing", "write one such as sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)")
		return
	}
	compiled, err := template.New("query").Delims("<<", ">>").Parse(r.source.MetricsQuery)
	if err != nil {
		c.wrong("metricsQuery", err.Error(), available)
		return
	}
	if unknown := unknownFields(compiled); len(unknown) > 0 {
		c.wrong("metricsQuery", fmt.Sprintf("there is no %s", strings.Join(unknown, ", ")), available)
		return
	}
	r.query, r.opaque = compiled, opaque(compiled)
}
