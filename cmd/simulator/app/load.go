package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel/evenkeel/simulator/load"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/trace"
	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

type loadFlags struct {
	scenario, nodes, pods string
	usage, usageFormat    string
	usageScale            float64
	policies              []string
	seeds                 seeds
	scrape, delay         time.Duration
	duration, rollout     time.Duration
	hot                   float64
	out, page             string
}

func newLoadCommand() *cobra.Command {
	f := &loadFlags{seeds: seeds{1}}
	cmd := &cobra.Command{
		Use:   "load {--scenario FILE | --nodes FILE --pods FILE --usage FILE --usage-format FORMAT}",
		Short: "Place pods by measured load over time, and see how hot nodes get",
		Long: `load plays a workload on virtual time: pods come and go and use what their curves
say, usage is measured at intervals and seen with a delay, and each policy places
by what it sees. It tells how hot nodes got in truth.`,
		Example: `  simulator load --nodes nodes.csv --pods pods.csv --usage 20110303.csv --usage-format planetlab \
    --policies stock,realload --seeds 1-3 --out results.json --html results.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.scenario, "scenario", "", "`file` that says what to play")
	flags.StringVar(&f.nodes, "nodes", "", "`file` of nodes: CSV, or what kubectl get nodes -o yaml|json prints")
	flags.StringVar(&f.pods, "pods", "", "`file` of pods, likewise")
	flags.StringVar(&f.usage, "usage", "", "`file` of usage, from which pods draw their curves")
	flags.StringVar(&f.usageFormat, "usage-format", "", "planetlab, bitbrains or csv")
	flags.Float64Var(&f.usageScale, "usage-scale", 1, "how many times what the curves say pods use")
	flags.StringSliceVar(&f.policies, "policies", policy.Load(), "policies to compare")
	flags.Var(&f.seeds, "seeds", "seeds, as in 1-5; each draws other curves")
	flags.DurationVar(&f.scrape, "scrape", time.Minute, "how often usage is measured")
	flags.DurationVar(&f.delay, "delay", 30*time.Second, "how old a measurement is when schedulers see it")
	flags.DurationVar(&f.duration, "duration", 0, "when to end; 0: when the scenario does, or without one a day after the last pod came")
	flags.DurationVar(&f.rollout, "rollout", 6*time.Hour,
		"without a scenario: pods come one by one in this time, in an order that the seed draws, and stay; 0: as their list says")
	flags.Float64Var(&f.hot, "hot", load.HotAbove, "the part of its CPU above which a node is hot")
	flags.StringVar(&f.out, "out", "", "`file` to write results to, as JSON")
	flags.StringVar(&f.page, "html", "", "`file` to write a page with plots to")
	return cmd
}

func (f *loadFlags) run(cmd *cobra.Command) error {
	workload, err := f.workload()
	if err != nil {
		return err
	}
	bar := progress(cmd, len(f.policies)*len(f.seeds))
	results, err := load.Run(cmd.Context(), workload, load.Options{
		Policies: f.policies, Seeds: f.seeds, Scrape: f.scrape, Delay: f.delayOrNone(), Hot: f.hot, Duration: f.duration, Heat: f.page != "",
		Done: func(r *load.Result) {
			bar.Note(r.Policy)
			bar.Add(1)
		},
	})
	bar.Done()
	if err != nil {
		return err
	}
	if err := save(f.out, func(w io.Writer) error { return json.NewEncoder(w).Encode(results) }); err != nil {
		return err
	}
	document := load.Document(results, f.hot)
	for _, fact := range []report.Fact{
		{Label: "Scenario", Value: f.scenario}, {Label: "Nodes", Value: f.nodes}, {Label: "Pods", Value: f.pods}, {Label: "Usage", Value: f.usage},
	} {
		if fact.Value != "" {
			document.Facts = append(document.Facts, fact)
		}
	}
	return show(cmd, document, f.page)
}

// delayOrNone tells load.Options apart a delay of nothing from none given.
func (f *loadFlags) delayOrNone() time.Duration {
	if f.delay == 0 {
		return -1
	}
	return f.delay
}

func (f *loadFlags) workload() (load.Workloads, error) {
	if f.scenario != "" {
		if f.nodes+f.pods+f.usage != "" {
			return nil, errors.New("--scenario says what --nodes, --pods and --usage would: give one or the others")
		}
		scenario, err := trace.ReadScenario(f.scenario)
		if err != nil {
			return nil, fmt.Errorf("--scenario: %w", err)
		}
		return scenario.Workload, nil
	}
	for _, flag := range []struct{ name, value string }{{"nodes", f.nodes}, {"pods", f.pods}, {"usage", f.usage}, {"usage-format", f.usageFormat}} {
		if flag.value == "" {
			return nil, fmt.Errorf("--%s: without --scenario it must be given", flag.name)
		}
	}
	return f.lists()
}

// watched is how long a cluster is watched once all pods have come, where nobody says.
const watched = 24 * time.Hour

func (f *loadFlags) lists() (load.Workloads, error) {
	listed, err := readLists(f.nodes, f.pods)
	if err != nil {
		return nil, err
	}
	series, err := readUsage(f.usage, f.usageFormat)
	if err != nil {
		return nil, err
	}
	return func(seed int64) (*trace.Workload, error) {
		joined := trace.Join(listed.Pods, series, f.usageScale, seed)
		if f.rollout > 0 {
			trace.RollOut(joined, f.rollout, seed)
		}
		return &trace.Workload{Nodes: listed.Nodes, Pods: joined, Duration: trace.LastArrival(joined) + watched}, nil
	}, nil
}

func readUsage(file, format string) ([]usage.Series, error) {
	switch f := usage.Format(strings.ToLower(format)); f {
	case usage.PlanetLab, usage.Bitbrains, usage.CSV:
		series, err := trace.ReadUsage(file, f)
		if err != nil {
			return nil, fmt.Errorf("--usage: %w", err)
		}
		return series, nil
	default:
		return nil, fmt.Errorf("--usage-format: there is no %q; there are planetlab, bitbrains and csv", format)
	}
}
