package app

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/simulator/packing"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

type packingFlags struct {
	nodes     string
	pods      []string
	policies  []string
	tune      float64
	seeds     seeds
	overTime  bool
	out, page string
}

func newPackingCommand() *cobra.Command {
	f := &packingFlags{seeds: seeds{42}}
	cmd := &cobra.Command{
		Use:   "packing --nodes FILE --pods FILE [--pods FILE ...]",
		Short: "Fill a cluster until nothing fits, and see how full it got",
		Long: `packing repeats the experiment of "Beware of Fragmentation" (USENIX ATC 2023):
the pods of a list come in random order, cloned until they ask for --tune times
all GPUs; none goes, and none that was turned away is tried again. It tells how
much of the GPUs each policy has allocated by then.`,
		Example: `  simulator packing --nodes nodes.csv --pods pods.csv --policies fgd,antifragmentation \
    --seeds 42-51 --out results.csv --html results.html
  simulator packing --nodes nodes.csv --pods pods.csv --over-time --tune 0.95`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.nodes, "nodes", "", "`file` of nodes: CSV, or what kubectl get nodes -o yaml|json prints")
	flags.StringArrayVar(&f.pods, "pods", nil, "`file` of pods, likewise; may be repeated")
	flags.StringSliceVar(&f.policies, "policies", policy.Packing(), "policies to compare")
	flags.Float64Var(&f.tune, "tune", 1.3, "how many times all GPUs the pods ask for")
	flags.Var(&f.seeds, "seeds", "seeds, as in 42-51; each is another order of pods")
	flags.BoolVar(&f.overTime, "over-time", false, "have pods come and go as their list says, on nodes of which they ask for --tune times all GPUs at most")
	flags.StringVar(&f.out, "out", "", "`file` to write results to, as CSV")
	flags.StringVar(&f.page, "html", "", "`file` to write a page with plots to")
	require(cmd, "nodes", "pods")
	return cmd
}

func (f *packingFlags) run(cmd *cobra.Command) error {
	if f.overTime {
		return f.playOverTime(cmd)
	}
	experiment, err := f.experiment()
	if err != nil {
		return err
	}
	bar := progress(cmd, len(experiment.Lists)*len(f.policies)*len(f.seeds))
	experiment.Done = func(r *packing.Result) {
		bar.Note(r.Workload + ", " + r.Policy)
		bar.Add(1)
	}
	results, err := experiment.Run(cmd.Context())
	bar.Done()
	if err != nil {
		return err
	}
	if err := save(f.out, func(w io.Writer) error { return packing.WriteCSV(w, results) }); err != nil {
		return err
	}
	document := packing.Document(experiment, results)
	document.Facts = append(document.Facts, report.Fact{Label: "Nodes", Value: f.nodes}, report.Fact{Label: "Pods", Value: strings.Join(f.pods, ", ")})
	return show(cmd, document, f.page)
}

// playOverTime shows what is stranded while pods come and go.
func (f *packingFlags) playOverTime(cmd *cobra.Command) error {
	if len(f.pods) != 1 || len(f.seeds) != 1 {
		return fmt.Errorf("--over-time: give one list of --pods and one of --seeds")
	}
	if err := f.check(); err != nil {
		return err
	}
	w, err := readLists(f.nodes, f.pods[0])
	if err != nil {
		return err
	}
	o := &packing.OverTime{Nodes: w.Nodes, Pods: w.Pods, Policies: f.policies, Seed: f.seeds[0], Full: f.tune}
	bar := progress(cmd, len(f.policies))
	o.Done = func() { bar.Add(1) }
	runs, err := o.Run(cmd.Context())
	bar.Done()
	if err != nil {
		return err
	}
	if err := save(f.out, func(w io.Writer) error { return o.WriteMoments(w, runs) }); err != nil {
		return err
	}
	return show(cmd, o.Document(runs), f.page)
}

func (f *packingFlags) check() error {
	if f.tune <= 0 || f.tune > 10 {
		return fmt.Errorf("--tune %v: give a number above 0 and at most 10", f.tune)
	}
	for _, name := range f.policies {
		if known := policy.Packing(); !slices.Contains(known, name) {
			return fmt.Errorf("--policies: there is no %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

func (f *packingFlags) experiment() (*packing.Experiment, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	nodes, err := trace.ReadNodes(f.nodes)
	if err != nil {
		return nil, fmt.Errorf("--nodes: %w", err)
	}
	e := &packing.Experiment{Nodes: nodes, Policies: f.policies, Seeds: f.seeds, Tune: f.tune}
	for _, file := range f.pods {
		list, err := readList(file)
		if err != nil {
			return nil, fmt.Errorf("--pods: %w", err)
		}
		e.Lists = append(e.Lists, list)
	}
	return e, e.Check()
}

func readList(file string) (packing.List, error) {
	pods, err := trace.ReadPods(file)
	if err != nil {
		return packing.List{}, err
	}
	objects := make([]*v1.Pod, len(pods))
	for i := range pods {
		objects[i] = pods[i].Object
	}
	return packing.List{Name: strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".gz"), ".csv"), Pods: objects}, nil
}
