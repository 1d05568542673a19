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
	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

// Peak is the scenario as its flags have it. All times are of the day that is played.
type Peak struct {
	Length      time.Duration
	Speed       float64       // seconds of the day in a second
	Services    int           // days of each machine of the trace that are played at once
	ServicePeak int           // of the cluster's CPU, what services used in their highest hour on the days before, in per cent
	Batch       int           // of all work, what can wait, in per cent
	Due         time.Duration // how long after it was created a Job must be done
	Window      time.Duration // of the policy: the busiest hours of the days before, whole hours
	Stagger     time.Duration // over which Jobs are released when the window closes
	Seed        uint64
}

// New is the scenario with its defaults.
func New() *Peak {
	return &Peak{
		Length: 30 * time.Hour, Speed: 720, Services: 6, ServicePeak: 50, Batch: 30, Due: 24 * time.Hour,
		Window: 8 * time.Hour, Stagger: 8 * time.Hour, Seed: 1,
	}
}

// Bind adds the scenario's flags.
func (p *Peak) Bind(f *pflag.FlagSet) {
	f.DurationVar(&p.Length, "length", p.Length, "How much to play: a day, on which Jobs are created, and hours after it. It begins an hour before the window.")
	f.Float64Var(&p.Speed, "speed", p.Speed, "Seconds of the day played in a second.")
	f.IntVar(&p.Services, "services", p.Services, "Days of each machine in the trace that are played at once.")
	f.IntVar(&p.ServicePeak, "service-peak", p.ServicePeak, "What services used of the cluster's CPU in their highest hour on the days before, in per cent.")
	f.IntVar(&p.Batch, "batch", p.Batch, "What of all work Jobs do that can wait, in per cent.")
	f.DurationVar(&p.Due, "due", p.Due, "How long after its creation a Job must be done.")
	f.DurationVar(&p.Window, "window", p.Window, "How long the policy has Jobs wait: in the busiest hours of the days before.")
	f.DurationVar(&p.Stagger, "stagger", p.Stagger, "How long the policy takes to release Jobs after its window.")
	f.Uint64Var(&p.Seed, "seed", p.Seed, "Seed of the scenario: the same seed plays the same day.")
}

// Play compares a namespace with a policy to one without.
func (p *Peak) Play(ctx context.Context, setting *scenario.Setting) (err error) {
	plan, expected, err := p.plan()
	if err != nil {
		return err
	}
	plane, err := setting.Start(ctx, controlplane.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	s, err := newStage(p, plan, expected, plane, setting)
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

// plan is the day, and how long the policy is to believe that a Job runs.
func (p *Peak) plan() (*plan, time.Duration, error) {
	if err := p.validate(); err != nil {
		return nil, 0, err
	}
	trace, err := bitbrains.Load()
	if err != nil {
		return nil, 0, err
	}
	jobs, err := loadJobs(recordedJobs)
	if err != nil {
		return nil, 0, err
	}
	d, err := newPlan(p, trace, jobs)
	return d, longest(jobs), err
}

// mostSpeed is the speed at which the shortest Job still runs for more than a second, in which the API server counts.
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
		{"stagger", p.Stagger.Hours(), 0, 24, "from 0s to 24h"},
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
