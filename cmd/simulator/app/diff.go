package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/evenkeel/evenkeel/simulator/diff"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

type diffFlags struct {
	nodes, pods string
	kubeconfig  string
	seed        int64
	out, page   string
}

func newDiffCommand() *cobra.Command {
	f := &diffFlags{}
	cmd := &cobra.Command{
		Use:   "diff {--nodes FILE --pods FILE | --kubeconfig FILE} CONFIG-A CONFIG-B",
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
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "`file` that names a cluster to read nodes and pods from; nothing is written to it")
	flags.Int64Var(&f.seed, "seed", 1, "decides among nodes of the same score")
	flags.StringVar(&f.out, "out", "", "`file` to write what differs to, as JSON")
	flags.StringVar(&f.page, "html", "", "`file` to write a page to")
	cmd.MarkFlagsRequiredTogether("nodes", "pods")
	cmd.MarkFlagsMutuallyExclusive("nodes", "kubeconfig")
	cmd.MarkFlagsOneRequired("nodes", "kubeconfig")
	return cmd
}

func (f *diffFlags) run(cmd *cobra.Command, a, b string) error {
	w, err := f.workload(cmd.Context())
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

func (f *diffFlags) workload(ctx context.Context) (*trace.Workload, error) {
	if f.kubeconfig != "" {
		return fromCluster(ctx, f.kubeconfig)
	}
	return readLists(f.nodes, f.pods)
}

// fromCluster reads the nodes and pods of a cluster.
func fromCluster(ctx context.Context, kubeconfig string) (*trace.Workload, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	w, err := trace.FromCluster(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	return w, nil
}
