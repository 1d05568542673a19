// Package rules makes of prometheus-adapter's rules file what prometheus-adapter v0.12.0 makes of it: which
// metrics a series becomes, and the PromQL that answers for them. Beyond that it makes one query for all
// objects of all namespaces where that gives the same answers (see Table).
//
// Everything here is a function of its arguments; nothing changes once it is made, so all of it may be used
// from several goroutines at once.
package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rulefile"
)

// Fault is what is wrong at one place of a rules file.
type Fault = rulefile.Fault

// Set is what a rules file says.
type Set struct {
	// Custom and External are the sound rules of rules and of externalRules, in the order of the file.
	Custom, External []*Rule
	// Faults are what is wrong, in the order of the file. A rule with a fault is left out; the others serve.
	Faults []Fault
	// Notices are what is right but will not do what was perhaps meant.
	Notices []Fault
}

// All are the sound rules, in the order of the file.
func (s *Set) All() []*Rule { return slices.Concat(s.Custom, s.External) }

// Rule is a sound rule of the file.
type Rule struct {
	// Path is rules[3] or externalRules[0].
	Path     string
	External bool

	document   *rulefile.Document
	source     rulefile.DiscoveryRule
	filters    []filter
	matches    *regexp.Regexp
	as         string
	namespaced bool
	query      *template.Template
	// opaque says why the query may depend on values of labels otherwise than by matching them.
	opaque error
	label  *template.Template // nil: only overrides map labels
	labels *regexp.Regexp     // what the template makes, with groups named resource and group
}

// Parse reads a rules file, or a ConfigMap that holds one. The name is for messages. It returns a Set in any
// case, with what is wrong among its faults.
func Parse(name string, data []byte) *Set {
	document := rulefile.Read(name, data)
	set := &Set{Faults: document.Faults}
	if document.More {
		set.Notices = append(set.Notices, document.Fault("", "holds more than one document", "only the first is read, as by prometheus-adapter"))
	}
	if document.ResourceRules != nil {
		set.Notices = append(set.Notices, document.Fault("resourceRules", "metrics.k8s.io is not served here", "use metrics-server for CPU and memory"))
	}
	set.Custom = set.compile(document, document.Rules, "rules", false)
	set.External = set.compile(document, document.ExternalRules, "externalRules", true)
	rulefile.Sort(set.Faults)
	rulefile.Sort(set.Notices)
	return set
}

// compile returns the sound rules of a list.
func (s *Set) compile(document *rulefile.Document, sources []rulefile.DiscoveryRule, list string, external bool) []*Rule {
	var sound []*Rule
	for i, source := range sources {
		path := list + "[" + strconv.Itoa(i) + "]"
		c := &compiler{document: document, path: path, set: s}
		rule := c.compile(source, external)
		if !slices.ContainsFunc(s.Faults, func(f Fault) bool { return strings.HasPrefix(f.Path+".", path+".") }) {
			sound = append(sound, rule)
		}
	}
	return sound
}

// File is the name of the file.
func (r *Rule) File() string { return r.document.Name }

// Line is where the rule begins.
func (r *Rule) Line() int { return r.document.Line(r.Path) }

// Fault makes a fault of one of the rule's fields, such as name.matches.
func (r *Rule) Fault(field, problem, cure string) Fault {
	return r.document.Fault(r.Path+"."+field, problem, cure)
}

// Match is the selector of the series that the rule is about, for match[] of /api/v1/series.
func (r *Rule) Match() string { return r.source.SeriesQuery }

// Name is what a series that Match selected is called in the API. The second result is false where the rule is
// not about the series.
func (r *Rule) Name(series string) (string, bool) {
	for _, f := range r.filters {
		if f.pattern.MatchString(series) != f.is {
			return "", false
		}
	}
	match := r.matches.FindStringSubmatchIndex(series)
	if match == nil {
		return "", false
	}
	return string(r.matches.ExpandString(nil, r.as, series, match)), true
}

type filter struct {
	pattern *regexp.Regexp
	is      bool
}
