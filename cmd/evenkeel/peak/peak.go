// Package peak is the scenario of peak shaving: a day of services and of Jobs that can wait, with and without a policy that
// has them wait for the valley.
package peak

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
	"github.com/evenkeel/evenkeel/internal/controlplane"
)

// Peak is the scenario as its flags have it.
type Peak struct {
	workload.Options
	Speed   float64 // seconds of the day in a second
	Ceiling int     // of the cluster's CPU, up to which the policy releases Jobs after its window, in per cent
}

// New is the scenario with its defaults.
func New() *Peak { return &Peak{Options: workload.Default(), Speed: 480, Ceiling: 75} }

// Bind adds the scenario's flags.
func (p *Peak) Bind(f *pflag.FlagSet) {
	f.DurationVar(&p.Length, "length", p.Length, "How much to play: a day, on which Jobs are created, and hours after it. It begins an hour before the window.")
	f.Float64Var(&p.Speed, "speed", p.Speed, "Seconds of the day played in a second.")
	f.IntVar(&p.Services, "services", p.Services, "Days of each machine in the trace that are played at once.")
	f.IntVar(&p.ServicePeak, "service-peak", p.ServicePeak, "What services used of the cluster's CPU in their highest hour on the days before, in per cent.")
	f.IntVar(&p.Batch, "batch", p.Batch, "What of all work Jobs do that can wait, in per cent.")
	f.DurationVar(&p.Due, "due", p.Due, "How long after its creation a Job must be done.")
	f.DurationVar(&p.Window, "window", p.Window, "How long the policy has Jobs wait: in the busiest hours of the days before.")
	f.IntVar(&p.Ceiling, "ceiling", p.Ceiling, "Use of the cluster's CPU up to which the policy releases Jobs after its window, in per cent.")
	f.IntVar(&p.Runs, "runs", p.Runs, "How many earlier runs of each Job are known, one on each of the days before.")
	f.Uint64Var(&p.Seed, "seed", p.Seed, "Seed of the scenario: the same seed plays the same day.")
}

// Play compares a namespace with a policy to one without.
func (p *Peak) Play(ctx context.Context, setting *scenario.Setting) (err error) {
	if err := p.validate(); err != nil {
		return err
	}
	plan, err := workload.Draw(&p.Options)
	if err != nil {
		return err
	}
	plane, err := setting.Start(ctx, controlplane.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	s, err := newStage(p, plan, plane, setting)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }() //nolint:contextcheck // it stops because the context is over
	if err := s.set(ctx); err != nil {
		return err
	}
	if err := s.perform(ctx); err != nil {
		return err
	}
	return setting.Conclude(ctx, s.result())
}

// mostSpeed is the speed at which the shortest Job recorded still runs for more than a second, in which the API server counts.
const mostSpeed = 1500

func (p *Peak) validate() error {
	for _, c := range []struct {
		field              string
		value, least, most float64
		bounds             string
	}{
		{"length", p.Length.Hours(), 2, 48, "from 2h to 48h"},
		{"speed", p.Speed, 1, mostSpeed, fmt.Sprintf("from 1 to %d", mostSpeed)},
		{"services", float64(p.Services), 1, 20, "from 1 to 20"},
		{"service-peak", float64(p.ServicePeak), 10, 100, "from 10 to 100"},
		{"batch", float64(p.Batch), 1, 70, "from 1 to 70"},
		{"due", p.Due.Hours(), 1, 168, "from 1h to 168h"},
		{"window", p.Window.Hours(), 1, 20, "from 1h to 20h"},
		{"ceiling", float64(p.Ceiling), 1, 100, "from 1 to 100"},
		{"runs", float64(p.Runs), 0, workload.HistoryDays / 2, fmt.Sprintf("from 0 to %d", workload.HistoryDays/2)},
	} {
		if !(c.value >= c.least && c.value <= c.most) {
			return fmt.Errorf("checking the scenario: --%s must be %s", c.field, c.bounds)
		}
	}
	if p.Window%time.Hour != 0 {
		return errors.New("checking the scenario: --window must be whole hours")
	}
	return nil
}

// wall is how long a stretch of the day takes.
func (p *Peak) wall(of time.Duration) time.Duration { return time.Duration(float64(of) / p.Speed) }
