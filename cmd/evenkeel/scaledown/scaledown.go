// Package scaledown is the scenario of autoscalers: the same spiky demand under a real HPA, with and without a window that
// has what it is told fall slowly.
package scaledown

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/spf13/pflag"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/simulator/scaling"
)

// ScaleDown is the scenario as its flags have it. All times are of the trace.
type ScaleDown struct {
	Machine      string        // of the Bitbrains trace, whose use is the demand
	From, Length time.Duration // the stretch that is played
	Speed        float64       // seconds of trace a second
	Peak         float64       // pods that the highest demand takes, all of each
	Target       int           // part of a pod that is aimed at, in per cent
	// Stabilisation is that of the second HPA; the first has the one that HPAs come with.
	Stabilisation time.Duration
	// Hold and HalfLife are the window's: a demand is served in full for the first, and then by half each of the second.
	Hold, HalfLife time.Duration
}

// New is the scenario with its defaults.
func New() *ScaleDown {
	return &ScaleDown{
		Machine: scaling.Recorded, Length: 3 * time.Hour, Speed: 60, Peak: 40, Target: 80,
		Stabilisation: 30 * time.Minute, Hold: 30 * time.Minute, HalfLife: 10 * time.Minute,
	}
}

// Bind adds the scenario's flags.
func (s *ScaleDown) Bind(f *pflag.FlagSet) {
	f.StringVar(&s.Machine, "machine", s.Machine, "Machine of the Bitbrains trace whose CPU use is the demand.")
	f.DurationVar(&s.From, "from", s.From, "Where in the trace to begin.")
	f.DurationVar(&s.Length, "length", s.Length, "Length of trace to play.")
	f.Float64Var(&s.Speed, "speed", s.Speed, "Seconds of trace played in a second.")
	f.Float64Var(&s.Peak, "peak", s.Peak, "Pods that the highest demand takes, all of each.")
	f.IntVar(&s.Target, "target", s.Target, "Part of a pod that the HPAs aim at, in per cent.")
	f.DurationVar(&s.Stabilisation, "stabilisation", s.Stabilisation, "Stabilisation window of the second HPA, in time of the trace.")
	f.DurationVar(&s.Hold, "hold", s.Hold, "How long the ScalingWindow holds a demand, in time of the trace.")
	f.DurationVar(&s.HalfLife, "half-life", s.HalfLife, "In what time the ScalingWindow lets half of it go then, in time of the trace.")
}

// Play compares the autoscalers.
func (s *ScaleDown) Play(ctx context.Context, setting *scenario.Setting) (err error) {
	demand, err := s.demand()
	if err != nil {
		return err
	}
	plane, err := setting.Start(ctx, controlplane.Options{AutoscalerPeriod: s.wall(15 * time.Second)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	stage, err := newStage(s, demand, plane, setting)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.close()) }() //nolint:contextcheck // it ends what the context may not have
	if err := stage.set(ctx); err != nil {
		return err
	}
	if err := stage.perform(ctx); err != nil {
		return err
	}
	return setting.Conclude(ctx, stage.result())
}

// demand is the stretch that is played, in pods.
func (s *ScaleDown) demand() (*scaling.Demand, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	demand, err := scaling.OfRecorded(s.Machine)
	if err != nil {
		return nil, fmt.Errorf("--machine: %w", err)
	}
	if demand, err = demand.Scaled(s.From, s.Length, s.Peak); err != nil {
		return nil, fmt.Errorf("--from %v --length %v: %w", s.From, s.Length, err)
	}
	if math.IsNaN(demand.Values[0]) {
		return nil, fmt.Errorf("--from %v: the trace has a hole there, and an HPA needs something to read: begin elsewhere", s.From)
	}
	return demand, nil
}

// mostSpeed is the speed at which the shortest stretches that an HPA knows are still a tenth of a second.
const mostSpeed = 150

func (s *ScaleDown) validate() error {
	second := time.Duration(s.Speed * float64(time.Second)) // of wall time, in the trace
	for _, c := range []struct {
		ok          bool
		field, cure string
	}{
		{s.From >= 0, "from", "at least 0"},
		{s.Length >= 5*time.Minute, "length", "at least 5m, a step of the trace"},
		{s.Speed >= 1 && s.Speed <= mostSpeed, "speed", fmt.Sprintf("from 1 to %d", mostSpeed)},
		{s.Peak >= 1 && s.Peak <= 100, "peak", "from 1 to 100"},
		{s.Target >= 1 && s.Target <= 100, "target", "from 1 to 100"},
		{s.Stabilisation >= second && s.Stabilisation <= time.Hour, "stabilisation", fmt.Sprintf("from %v (a second at this speed) to 1h", second)},
		{s.Hold >= second && s.Hold <= 24*time.Hour, "hold", fmt.Sprintf("from %v (a second at this speed) to 24h", second)},
		{s.HalfLife >= second && s.HalfLife <= 24*time.Hour, "half-life", fmt.Sprintf("from %v (a second at this speed) to 24h", second)},
	} {
		if !c.ok {
			return fmt.Errorf("checking the scenario: --%s must be %s", c.field, c.cure)
		}
	}
	return nil
}

// wall is how long a stretch of the trace takes.
func (s *ScaleDown) wall(trace time.Duration) time.Duration {
	return time.Duration(float64(trace) / s.Speed)
}

// seconds is how long it takes where only whole seconds can be said: one at least.
func (s *ScaleDown) seconds(trace time.Duration) int32 {
	return max(1, int32(math.Round(s.wall(trace).Seconds())))
}
