package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/peak"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/placement"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scaledown"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
)

// choice is a scenario with the flags that are its own.
type choice struct {
	name, about string
	scenario    scenario.Scenario
	flags       *pflag.FlagSet
}

// choices are the scenarios; the first is played where none is named.
func choices() []choice {
	all := []choice{
		{name: "placement", about: "the same pods through several schedulers", scenario: placement.New()},
		{name: "scale-down", about: "the same spiky demand under HPAs with and without a window", scenario: scaledown.New()},
		{name: "peak", about: "a day of services and of Jobs that can wait, with and without a policy", scenario: peak.New()},
	}
	for i := range all {
		all[i].flags = pflag.NewFlagSet(all[i].name, pflag.ContinueOnError)
		all[i].scenario.Bind(all[i].flags)
	}
	return all
}

// given is what the command line has for a flag, until it is known which scenario is to read it.
type given struct {
	kind  string
	texts []string
}

// Set keeps one occurrence of the flag.
func (g *given) Set(text string) error { g.texts = append(g.texts, text); return nil }

// String is all of them.
func (g *given) String() string { return strings.Join(g.texts, ",") }

// Type is what the usage calls the flag's values.
func (g *given) Type() string { return g.kind }

// offer adds the flags of all scenarios. One name may mean something to each of several.
func offer(to *pflag.FlagSet, all []choice) {
	for _, c := range all {
		c.flags.VisitAll(func(f *pflag.Flag) {
			if to.Lookup(f.Name) == nil {
				to.AddFlag(&pflag.Flag{Name: f.Name, Usage: f.Usage, Value: &given{kind: f.Value.Type()}, NoOptDefVal: f.NoOptDefVal, Hidden: true})
			}
		})
	}
}

// choose finds the scenario of a name and hands it its flags.
func choose(all []choice, name string, from *pflag.FlagSet) (*choice, error) {
	i := slices.IndexFunc(all, func(c choice) bool { return c.name == name })
	if i < 0 {
		return nil, fmt.Errorf("--scenario %q: must be %s", name, strings.Join(names(all), " or "))
	}
	var err error
	from.Visit(func(f *pflag.Flag) {
		value, ok := f.Value.(*given)
		if !ok || err != nil {
			return
		}
		if all[i].flags.Lookup(f.Name) == nil {
			err = fmt.Errorf("--%s does not go with --scenario %s: it belongs to %s", f.Name, name, strings.Join(names(owners(all, f.Name)), " and "))
			return
		}
		for _, text := range value.texts {
			if err = all[i].flags.Set(f.Name, text); err != nil {
				return
			}
		}
	})
	return &all[i], err
}

// owners are the scenarios that a flag belongs to.
func owners(all []choice, flag string) []choice {
	return slices.DeleteFunc(slices.Clone(all), func(c choice) bool { return c.flags.Lookup(flag) == nil })
}

func names(all []choice) []string {
	list := make([]string, 0, len(all))
	for _, c := range all {
		list = append(list, c.name)
	}
	return list
}
