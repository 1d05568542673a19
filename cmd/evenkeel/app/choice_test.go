package app

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
)

// sketch is a scenario with flags of several kinds, and nothing to play.
type sketch struct {
	length time.Duration
	own    string
	list   []string
	yes    bool
}

func (s *sketch) Bind(f *pflag.FlagSet) {
	f.DurationVar(&s.length, "length", s.length, "Length of it.")
	if s.own != "" {
		f.StringArrayVar(&s.list, s.own, nil, "Of this scenario alone.")
		f.BoolVar(&s.yes, s.own+"-too", false, "So is this.")
	}
}

func (*sketch) Play(context.Context, *scenario.Setting) error { return nil }

// sketches are two scenarios that share --length and have a flag each.
func sketches() []choice {
	all := []choice{
		{name: "first", scenario: &sketch{length: time.Hour, own: "one"}},
		{name: "second", scenario: &sketch{length: time.Minute, own: "two"}},
		{name: "third", scenario: &sketch{length: time.Second}},
	}
	for i := range all {
		all[i].flags = pflag.NewFlagSet(all[i].name, pflag.ContinueOnError)
		all[i].scenario.Bind(all[i].flags)
	}
	return all
}

func TestChoose(t *testing.T) {
	tests := map[string]struct {
		reason   string
		scenario string
		args     []string
		want     sketch
		fault    string
	}{
		"defaults": {
			reason:   "each scenario has its own",
			scenario: "second", want: sketch{length: time.Minute, own: "two"},
		},
		"a shared name": {
			reason:   "it is the chosen scenario's, in either form",
			scenario: "third", args: []string{"--length=3h"}, want: sketch{length: 3 * time.Hour},
		},
		"a list": {
			reason:   "each occurrence counts, in order",
			scenario: "first", args: []string{"--one", "a,b", "--one=c"}, want: sketch{length: time.Hour, own: "one", list: []string{"a,b", "c"}},
		},
		"a switch": {
			reason:   "needs no value",
			scenario: "second", args: []string{"--two-too", "--length", "1s"}, want: sketch{length: time.Second, own: "two", yes: true},
		},
		"another's flag":       {scenario: "first", args: []string{"--two", "x"}, fault: "--two does not go with --scenario first: it belongs to second"},
		"another's two flags":  {scenario: "third", args: []string{"--one", "x", "--two", "x"}, fault: "--one does not go with --scenario third: it belongs to first"},
		"an unknown flag":      {scenario: "first", args: []string{"--three", "x"}, fault: "unknown flag: --three"},
		"a malformed value":    {scenario: "first", args: []string{"--length", "long"}, fault: `invalid argument "long" for "--length"`},
		"an unknown scenario":  {scenario: "fourth", fault: `--scenario "fourth": must be first or second or third`},
		"a flag lacks a value": {scenario: "first", args: []string{"--one"}, fault: "flag needs an argument: --one"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			all := sketches()
			flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
			offer(flags, all)
			err := flags.Parse(tc.args)
			var chosen *choice
			if err == nil {
				chosen, err = choose(all, tc.scenario, flags)
			}
			if tc.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fault) {
					t.Fatalf("error %v, want one with %q", err, tc.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, ok := chosen.scenario.(*sketch)
			if diff := cmp.Diff(tc.want, *got, cmp.AllowUnexported(sketch{})); !ok || diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestUsage: each flag is told once, with the scenario that it belongs to.
func TestUsage(t *testing.T) {
	var out bytes.Buffer
	cmd := NewCommand()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"up", "--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	shared, own, ok := strings.Cut(out.String(), "Flags of --scenario placement")
	if !ok || !strings.Contains(shared, "--picture string") || strings.Contains(shared, "--nodes") {
		t.Errorf("the flags that all share are\n%s", shared)
	}
	if strings.Count(own, "--nodes int") != 1 || !strings.Contains(own, "(default 24)") {
		t.Errorf("the flags of placement are\n%s", own)
	}
}
