package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/plan"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/trial"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
)

// upOptions are the flags of `evenkeel up`.
type upOptions struct {
	scenario plan.Scenario
	output   string
	picture  string
	dataDir  string
	logFile  string
	keep     bool
	peers    []string
}

func newUpCommand() *cobra.Command {
	o := upOptions{scenario: plan.Default()}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster on this machine and compare schedulers on it",
		Long: `Starts an embedded Kubernetes control plane with one pool of identical nodes for
each scheduler, rolls the same services out on every pool, replays the same real
usage for their pods, and ends with a verdict: who kept the nodes on an even keel.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.bind(cmd)
	return cmd
}

func (o *upOptions) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "table", "How the verdict is written on standard output: table or json.")
	f.StringVar(&o.picture, "picture", "", "Draw the node heat maps into this file (.png or .svg).")
	f.BoolVar(&o.keep, "keep", false, "Stay up after the verdict, until interrupted, and print the kubeconfig.")
	f.StringVar(&o.dataDir, "data-dir", "", "Keep the control plane's data here; empty: temporary.")
	f.StringVar(&o.logFile, "log-file", defaultLogFile(), "What the control plane and the schedulers log.")
	f.StringArrayVar(&o.peers, "peer", nil, "A further scheduler to compare with, as NAME=COMMAND; see the README.")
	f.IntVar(&o.scenario.Nodes, "nodes", o.scenario.Nodes, "Nodes in each pool.")
	f.IntVar(&o.scenario.Services, "services", o.scenario.Services, "Services made of each machine in the trace, each on another day.")
	f.IntVar(&o.scenario.Copies, "copies", o.scenario.Copies, "Replicas that do the same work.")
	f.Float64Var(&o.scenario.Overcommit, "overcommit", o.scenario.Overcommit, "Cores a machine of the trace had for each core its pods request.")
	f.DurationVar(&o.scenario.Hour, "hour", o.scenario.Hour, "Time of day (UTC) in the trace at which it starts.")
	f.DurationVar(&o.scenario.Length, "length", o.scenario.Length, "Length of trace to play.")
	f.Float64Var(&o.scenario.Speed, "speed", o.scenario.Speed, "Seconds of trace played in a second.")
	f.Uint64Var(&o.scenario.Seed, "seed", o.scenario.Seed, "Seed of the scenario: the same seed plays the same services.")
}

func (o *upOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	contenders, err := o.contenders()
	if err != nil {
		return err
	}
	if err := o.checkOutputs(); err != nil {
		return err
	}
	closeLog, err := logTo(o.logFile)
	if err != nil {
		return err
	}
	defer closeLog()
	options := trial.Options{
		Scenario:   o.scenario,
		Contenders: contenders,
		DataDir:    o.dataDir,
		View:       trial.NewView(stderr, isTerminal(stderr)),
		Judged:     func(r *verdict.Result) error { return o.report(r, stdout) },
	}
	if o.keep {
		options.Hold = make(chan struct{})
		options.Started = func(env trial.Env) {
			fmt.Fprintf(stderr, "export KUBECONFIG=%s\n", env.Kubeconfig)
		}
	}
	_, err = trial.Run(ctx, options)
	return err
}

// checkOutputs finds out before the trial, not after it, that its result could
// not be written.
func (o *upOptions) checkOutputs() error {
	if o.output != "table" && o.output != "json" {
		return fmt.Errorf("--output %q: must be table or json", o.output)
	}
	if o.picture == "" {
		return nil
	}
	if format := verdict.PictureFormat(o.picture); format != "png" && format != "svg" {
		return fmt.Errorf("--picture %q: must end in .png or .svg", o.picture)
	}
	return nil
}

// report writes the verdict and draws the picture.
func (o *upOptions) report(r *verdict.Result, stdout io.Writer) error {
	if o.picture != "" {
		if err := draw(r, o.picture); err != nil {
			return err
		}
	}
	if o.output == "json" {
		return json.NewEncoder(stdout).Encode(r)
	}
	return r.Table(stdout)
}

// draw writes the picture whole or not at all.
func draw(r *verdict.Result, file string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".picture-")
	if err != nil {
		return fmt.Errorf("--picture: %w", err)
	}
	defer os.Remove(f.Name())
	if err := r.Picture(f, verdict.PictureFormat(file)); err != nil {
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
