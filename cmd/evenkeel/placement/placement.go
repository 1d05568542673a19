// Package placement is the scenario of schedulers: the same pods, with the same real usage, through each of them.
package placement

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/plan"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/trial"
)

// Placement is the scenario as its flags have it.
type Placement struct {
	plan  plan.Scenario
	peers []string
}

// New is the scenario with its defaults.
func New() *Placement { return &Placement{plan: plan.Default()} }

// Bind adds the scenario's flags.
func (p *Placement) Bind(f *pflag.FlagSet) {
	f.StringArrayVar(&p.peers, "peer", nil, "A further scheduler to compare with, as NAME=COMMAND; see the README.")
	f.IntVar(&p.plan.Nodes, "nodes", p.plan.Nodes, "Nodes in each pool.")
	f.IntVar(&p.plan.Services, "services", p.plan.Services, "Services made of each machine in the trace, each on another day.")
	f.IntVar(&p.plan.Copies, "copies", p.plan.Copies, "Replicas that do the same work.")
	f.Float64Var(&p.plan.Overcommit, "overcommit", p.plan.Overcommit, "Cores a machine of the trace had for each core its pods request.")
	f.DurationVar(&p.plan.Hour, "hour", p.plan.Hour, "Time of day (UTC) in the trace at which it starts.")
	f.DurationVar(&p.plan.Length, "length", p.plan.Length, "Length of trace to play.")
	f.Float64Var(&p.plan.Speed, "speed", p.plan.Speed, "Seconds of trace played in a second.")
	f.Uint64Var(&p.plan.Seed, "seed", p.plan.Seed, "Seed of the scenario: the same seed plays the same services.")
}

// Play compares the schedulers.
func (p *Placement) Play(ctx context.Context, s *scenario.Setting) error {
	contenders, err := p.contenders()
	if err != nil {
		return err
	}
	_, err = trial.Run(ctx, trial.Options{Scenario: p.plan, Contenders: contenders, Setting: s})
	return err
}
