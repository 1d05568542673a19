// Package rules reads prometheus-adapter's rules file and makes of it what prometheus-adapter v0.12.0 makes:
// which metrics a series becomes, and the PromQL that answers for them. Beyond that it makes one query for all
// objects of all namespaces where that gives the same answers (see Table).
//
// Everything here is a function of its arguments; nothing changes once it is made, so all of it may be used
// from several goroutines at once.
package rules

import (
	"errors"
	"regexp"
	"text/template"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Set is what a rules file says.
type Set struct {
	// Custom and External are the sound rules of rules and of externalRules, in the order of the file.
	Custom, External []*Rule
	// Faults are what is wrong, in the order of the file. A rule with a fault is left out; the others serve.
	Faults []Fault
	// Notices are what is right but will not do what was perhaps meant.
	Notices []Fault
}

// Rule is a sound rule of the file.
type Rule struct {
	File string
	Line int
	// Path is rules[3] or externalRules[0].
	Path     string
	External bool

	source     discoveryRule
	lines      map[string]int // of all fields of the file, by path
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

func (r *Rule) line(path string) int { return lineOf(r.lines, path) }

// Match is the selector of the series that the rule is about, for match[] of /api/v1/series.
func (r *Rule) Match() string { return r.source.SeriesQuery }

// Accepts reports whether a metric that Match selected is one of the rule's, by its name.
func (r *Rule) Accepts(series string) bool {
	for _, f := range r.filters {
		if f.pattern.MatchString(series) != f.is {
			return false
		}
	}
	return true
}

// Name is what a series is called in the API. The second result is false where the series' name does not match.
func (r *Rule) Name(series string) (string, bool) {
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

var (
	namespaces = schema.GroupResource{Resource: "namespaces"}
	rootScoped = map[schema.GroupResource]bool{namespaces: true, {Resource: "nodes"}: true, {Resource: "persistentvolumes"}: true}
)

var errNoTemplate = errors.New("resources has neither an override for it nor a template")
