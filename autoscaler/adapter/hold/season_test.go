package hold

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
)

// A season's weeks are replayed from maxima that Prometheus makes; a run that saw each tick must have come to the same.
func TestSeasonAfterARestart(t *testing.T) {
	const step, run = 150 * time.Second, 9 * 24 * time.Hour
	p := newWorld(t)
	busyWorld(t, p, rand.New(rand.NewPCG(7, 7)), epoch().Add(-3*time.Hour), epoch().Add(run), step)
	seasonal := func() []*v1alpha1.ScalingWindow {
		windows := four()
		for _, w := range windows {
			w.Spec.MaxWindow, w.Spec.Percentile, w.Spec.DeadBand = nil, nil, nil
			w.Spec.SlowScaleDown = &v1alpha1.SlowScaleDown{Hold: duration(10 * time.Minute), HalfLife: duration(10 * time.Minute)}
			w.Spec.SeasonalFloor = &v1alpha1.SeasonalFloor{Weeks: 1, Lead: duration(30 * time.Minute), Margin: new(int32(120))}
		}
		return windows
	}
	hpas := []*autoscalingv2.HorizontalPodAutoscaler{autoscaler()}
	c := ticks(step)
	c.Fresh = 2 * step
	synctest.Test(t, func(t *testing.T) {
		steady := start(t, p, c, seasonal(), hpas)
		defer steady.kill()
		time.Sleep(8*24*time.Hour + 5*time.Second)
		synctest.Wait()
		var victim *adapter
		defer func() { victim.kill() }()
		for range 5 {
			victim = start(t, p, c, seasonal(), hpas)
			for range 20 {
				synctest.Wait()
				if _, ok := told(steady.Windows)[busyKey.Metric].(serve.Served); !ok {
					t.Fatalf("nothing is served: %v", told(steady.Windows))
				}
				if diff := cmp.Diff(told(steady.Windows), told(victim.Windows)); diff != "" {
					t.Fatalf("at %s a restart serves other values (-undisturbed +restarted):\n%s", time.Since(epoch()), diff)
				}
				time.Sleep(step)
			}
			victim.kill()
			time.Sleep(100 * time.Minute)
		}
	})
}
