package app

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evenkeel/evenkeel/simulator/capacity"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

type capacityFlags struct {
	workload  string
	shapes    []string
	slo       string
	policy    string
	usage     string
	format    string
	seeds     int
	out, page string
}

func newCapacityCommand() *cobra.Command {
	f := &capacityFlags{}
	cmd := &cobra.Command{
		Use:   "capacity --workload FILE --shape NAME=cpu:N,memory:N[,gpu:N][,price:N] [--shape ...]",
		Short: "Find the cheapest nodes that a workload needs",
		Long: `capacity has the real scheduler place a workload on clusters of the shapes given,
and closes in on the cheapest mix on which it keeps the objectives with every
seed. It tells which resource binds, and what one node less would break.`,
		Example: `  simulator capacity --workload pods.csv --shape big=cpu:96,memory:384Gi,price:3 \
    --shape small=cpu:32,memory:128Gi,price:1.1 --slo pending=0 --seeds 5`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.workload, "workload", "", "`file` of pods: CSV, or what kubectl get pods -o yaml|json prints")
	flags.StringArrayVar(&f.shapes, "shape", nil, "shape of node that can be had, as in big=cpu:32,memory:128Gi,gpu:8,price:2.5; may be repeated")
	flags.StringVar(&f.slo, "slo", "pending=0", "objectives to keep")
	flags.StringVar(&f.policy, "policy", "", "scheduling policy; default antifragmentation, or realload where the objectives are of usage")
	flags.StringVar(&f.usage, "usage", "", "`file` of usage, from which pods draw their curves; for objectives of usage")
	flags.StringVar(&f.format, "usage-format", "", "planetlab, bitbrains or csv")
	flags.IntVar(&f.seeds, "seeds", 5, "how many orders of pods must fit")
	flags.StringVar(&f.out, "out", "", "`file` to write the plan to, as JSON")
	flags.StringVar(&f.page, "html", "", "`file` to write a page with plots to")
	require(cmd, "workload", "shape")
	return cmd
}

// require marks flags without which a command cannot run.
func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is not defined
		}
	}
}

func (f *capacityFlags) run(cmd *cobra.Command) error {
	search, err := f.search()
	if err != nil {
		return err
	}
	bar := progress(cmd, 0)
	search.Note = func(text string) {
		bar.Note(text)
		bar.Add(1)
	}
	plan, err := search.Run(cmd.Context())
	bar.Done()
	if err != nil {
		return err
	}
	if err := save(f.out, func(w io.Writer) error { return json.NewEncoder(w).Encode(search.Summary(plan)) }); err != nil {
		return err
	}
	document := search.Document(plan)
	document.Facts = append(document.Facts,
		report.Fact{Label: "Workload", Value: f.workload}, report.Fact{Label: "Policy", Value: f.policy}, report.Fact{Label: "Objectives", Value: f.slo})
	return show(cmd, document, f.page)
}

func (f *capacityFlags) search() (*capacity.Search, error) {
	s := &capacity.Search{}
	for _, text := range f.shapes {
		shape, err := capacity.ParseShape(text)
		if err != nil {
			return nil, fmt.Errorf("--shape: %w", err)
		}
		if slices.ContainsFunc(s.Shapes, func(other capacity.Shape) bool { return other.Name == shape.Name }) {
			return nil, fmt.Errorf("--shape: %q is given twice", shape.Name)
		}
		s.Shapes = append(s.Shapes, shape)
	}
	var err error
	if s.SLO, err = capacity.ParseSLO(f.slo); err != nil {
		return nil, fmt.Errorf("--slo: %w", err)
	}
	if f.seeds < 1 || f.seeds > maxSeeds {
		return nil, fmt.Errorf("--seeds %d: give a number from 1 to %d", f.seeds, maxSeeds)
	}
	for seed := range f.seeds {
		s.Seeds = append(s.Seeds, int64(seed+1))
	}
	pods, err := trace.ReadPods(f.workload)
	if err != nil {
		return nil, fmt.Errorf("--workload: %w", err)
	}
	s.Demand = capacity.Demand(pods)
	if err := f.setTrial(s, pods); err != nil {
		return nil, err
	}
	return s, s.Check(pods)
}

// setTrial has pods placed by their requests, or where the objectives ask for it by what they use.
func (f *capacityFlags) setTrial(s *capacity.Search, pods []trace.Pod) error {
	known, trial := policy.Packing(), capacity.ByRequests
	if f.policy == "" {
		f.policy = "antifragmentation"
		if s.SLO.Usage() {
			f.policy = "realload"
		}
	}
	if s.SLO.Usage() {
		if f.usage == "" {
			return fmt.Errorf("--slo: p99cpu needs to know what pods use: give --usage and --usage-format")
		}
		series, err := readUsage(f.usage, f.format)
		if err != nil {
			return err
		}
		pods = trace.Join(pods, series, 1, 1)
		known, trial = policy.Load(), capacity.ByUsage
	}
	if !slices.Contains(known, f.policy) {
		return fmt.Errorf("--policy: there is no %q for these objectives; there are %s", f.policy, strings.Join(known, ", "))
	}
	s.Trial = trial(f.policy, pods)
	return nil
}
