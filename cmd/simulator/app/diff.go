package app

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/evenkeel/evenkeel/simulator/diff"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

type diffFlags struct {
	nodes, pods string
	seed        int64
	out, page   string
}

func newDiffCommand() *cobra.Command {
	f := &diffFlags{}
	cmd := &cobra.Command{
		Use:   "diff --nodes FILE --pods FILE CONFIG-A CONFIG-B",
		Short: "Tell what another scheduler configuration would change",
		Long: `diff places the pods of a snapshot anew with each of two scheduler
configurations, in the same order, and tells who ends up elsewhere, who waits
and why.`,
		Example: `  kubectl get nodes,pods -A -o yaml > snapshot.yaml
  simulator diff --nodes snapshot.yaml --pods snapshot.yaml today.yaml tomorrow.yaml --html diff.html`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.nodes, "nodes", "", "`file` of nodes: CSV, or what kubectl get nodes -o yaml|json prints")
	flags.StringVar(&f.pods, "pods", "", "`file` of pods, likewise")
	flags.Int64Var(&f.seed, "seed", 1, "decides among nodes of the same score")
	flags.StringVar(&f.out, "out", "", "`file` to write what differs to, as JSON")
	flags.StringVar(&f.page, "html", "", "`file` to write a page to")
	require(cmd, "nodes", "pods")
	return cmd
}

func (f *diffFlags) run(cmd *cobra.Command, a, b string) error {
	w, err := f.workload()
	if err != nil {
		return err
	}
	c := &diff.Comparison{A: a, B: b, Workload: w, Seed: f.seed}
	bar := progress(cmd, 2*len(w.Pods))
	c.Placed = func() { bar.Add(1) }
	result, err := c.Run(cmd.Context())
	bar.Done()
	if err != nil {
		return err
	}
	if err := save(f.out, func(w io.Writer) error { return json.NewEncoder(w).Encode(result) }); err != nil {
		return err
	}
	return show(cmd, c.Document(result), f.page)
}

func (f *diffFlags) workload() (*trace.Workload, error) {
	w := &trace.Workload{}
	var err error
	if w.Nodes, err = trace.ReadNodes(f.nodes); err != nil {
		return nil, fmt.Errorf("--nodes: %w", err)
	}
	if w.Pods, err = trace.ReadPods(f.pods); err != nil {
		return nil, fmt.Errorf("--pods: %w", err)
	}
	return w, nil
}
