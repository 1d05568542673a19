// Package app is the simulator command: flags in, reports out.
package app

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/terminal"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// NewCommand returns the simulator command with its subcommands.
func NewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulator",
		Short: "Plan capacity with the scheduler that would decide",
		Long: `simulator answers what would fit, how hot it would run and how many nodes it
takes. It asks the very scheduler that runs in the cluster, on virtual time and
without a cluster.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(newPackingCommand(), newLoadCommand(), newCapacityCommand(), newDiffCommand(), newScalingCommand())
	return cmd
}

// seeds is a flag of seeds: 42, 42-51 or 1,5,9.
type seeds []int64

// Set implements pflag.Value.
func (s *seeds) Set(text string) error {
	var list seeds
	for part := range strings.SplitSeq(text, ",") {
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		first, err := strconv.ParseInt(low, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no seed: give numbers, as in 42, 42-51 or 1,5,9", part)
		}
		last, err := strconv.ParseInt(high, 10, 64)
		if err != nil || last < first || last-first >= maxSeeds {
			return fmt.Errorf("%q is no range of at most %d seeds", part, maxSeeds)
		}
		for seed := first; seed <= last; seed++ {
			list = append(list, seed)
		}
	}
	*s = list
	return nil
}

const maxSeeds = 10_000

// String implements pflag.Value.
func (s *seeds) String() string {
	parts := make([]string, len(*s))
	for i, seed := range *s {
		parts[i] = strconv.FormatInt(seed, 10)
	}
	return strings.Join(parts, ",")
}

// Type implements pflag.Value.
func (*seeds) Type() string { return "seeds" }

// progress shows on standard error how far the work has come.
func progress(cmd *cobra.Command, steps int) *terminal.Progress {
	w := cmd.ErrOrStderr()
	file, ok := w.(*os.File)
	return terminal.NewProgress(w, ok && term.IsTerminal(int(file.Fd())), int64(steps), clock.RealClock{})
}

// show writes a report to the terminal, and as a page where one is asked for.
func show(cmd *cobra.Command, document *report.Document, page string) error {
	if page != "" {
		if err := report.WriteFile(page, document.WriteHTML); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	return document.WriteText(cmd.OutOrStdout())
}

// save writes the file of --out, if one is asked for, whole or not at all.
func save(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	if err := report.WriteFile(path, write); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// readLists reads the files of --nodes and --pods.
func readLists(nodes, pods string) (*trace.Workload, error) {
	w := &trace.Workload{}
	var err error
	if w.Nodes, err = trace.ReadNodes(nodes); err != nil {
		return nil, fmt.Errorf("--nodes: %w", err)
	}
	if w.Pods, err = trace.ReadPods(pods); err != nil {
		return nil, fmt.Errorf("--pods: %w", err)
	}
	return w, nil
}
