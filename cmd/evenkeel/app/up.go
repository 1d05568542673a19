package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/report"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
)

// upOptions are the flags of `evenkeel up` that all scenarios share.
type upOptions struct {
	scenario string
	output   string
	picture  string
	dataDir  string
	logFile  string
	keep     bool
}

func newUpCommand() *cobra.Command {
	var o upOptions
	all := choices()
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster on this machine and compare contenders on it",
		Long: `Starts an embedded Kubernetes control plane, has contenders face the same real load
on it, faster than it was, and ends with a verdict. What contends with what is the
scenario's matter.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen, err := choose(all, o.scenario, cmd.Flags())
			if err != nil {
				return err
			}
			return o.play(cmd.Context(), chosen.scenario, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.bind(cmd.Flags(), all)
	offer(cmd.Flags(), all)
	cmd.SetUsageFunc(func(cmd *cobra.Command) error { return usage(cmd, all) })
	return cmd
}

func (o *upOptions) bind(f *pflag.FlagSet, all []choice) {
	f.StringVar(&o.scenario, "scenario", all[0].name, "What is played.")
	f.StringVarP(&o.output, "output", "o", "table", "How the verdict is written on standard output: table or json.")
	f.StringVar(&o.picture, "picture", "", "Draw what was measured into this file (.png or .svg).")
	f.BoolVar(&o.keep, "keep", false, "Stay up after the verdict, until interrupted, and print the kubeconfig.")
	f.StringVar(&o.dataDir, "data-dir", "", "Keep the control plane's data here; empty: temporary.")
	f.StringVar(&o.logFile, "log-file", defaultLogFile(), "What the control plane and the contenders log.")
}

// usage lists the flags that all scenarios share, and then those of each.
func usage(cmd *cobra.Command, all []choice) error {
	w := cmd.OutOrStderr()
	fmt.Fprintf(w, "Usage:\n  %s\n\nFlags:\n%s", cmd.UseLine(), cmd.LocalFlags().FlagUsages())
	for _, c := range all {
		fmt.Fprintf(w, "\nFlags of --scenario %s (%s):\n%s", c.name, c.about, c.flags.FlagUsages())
	}
	return nil
}

func (o *upOptions) play(ctx context.Context, s scenario.Scenario, stdout, stderr io.Writer) error {
	if err := o.checkOutputs(); err != nil {
		return err
	}
	closeLog, err := logTo(o.logFile)
	if err != nil {
		return err
	}
	defer closeLog()
	view := scenario.NewView(stderr, isTerminal(stderr))
	defer view.Close()
	return s.Play(ctx, &scenario.Setting{
		DataDir: o.dataDir,
		View:    view,
		Clock:   clock.RealClock{},
		Keep:    o.keep,
		Report:  func(v scenario.Verdict) error { return o.report(v, stdout) },
	})
}

// checkOutputs finds out before the scenario, not after it, that its verdict
// could not be written.
func (o *upOptions) checkOutputs() error {
	if o.output != "table" && o.output != "json" {
		return fmt.Errorf("--output %q: must be table or json", o.output)
	}
	if o.picture == "" {
		return nil
	}
	if format := report.PictureFormat(o.picture); format != "png" && format != "svg" {
		return fmt.Errorf("--picture %q: must end in .png or .svg", o.picture)
	}
	return nil
}

// report writes the verdict and draws the picture.
func (o *upOptions) report(v scenario.Verdict, stdout io.Writer) error {
	if o.picture != "" {
		if err := draw(v, o.picture); err != nil {
			return err
		}
	}
	if o.output == "json" {
		return json.NewEncoder(stdout).Encode(v)
	}
	return v.Table(stdout)
}

// draw writes the picture whole or not at all.
func draw(v scenario.Verdict, file string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".picture-")
	if err != nil {
		return fmt.Errorf("--picture: %w", err)
	}
	defer os.Remove(f.Name())
	if err := v.Picture(f, report.PictureFormat(file)); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("--picture: %w", err)
	}
	return os.Rename(f.Name(), file)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
