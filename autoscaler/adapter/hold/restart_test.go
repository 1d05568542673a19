package hold

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
)

func groupResource(resource string) schema.GroupResource {
	return schema.GroupResource{Resource: resource}
}

// epoch is where a synctest bubble's time begins.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// told is what windows serve, or why not.
func told(w *Windows) map[string]any {
	all := map[string]any{}
	for _, key := range allKeys {
		served, err := w.Served(key)
		switch {
		case err != nil:
			all[key.Metric] = err.Error()
		case served == nil:
			all[key.Metric] = "no window"
		default:
			all[key.Metric] = *served
		}
	}
	return all
}

func TestKilledAtRandomTicksItServesWhatAnUndisturbedRunServes(t *testing.T) {
	const step, history, run = 15 * time.Second, 4 * time.Hour, 5 * time.Hour
	random := rand.New(rand.NewPCG(4, 100))
	p := newWorld(t)
	busyWorld(t, p, random, epoch().Add(-history), epoch().Add(run), step)
	down := false
	p.down = func() bool { return down }
	hpas := []*autoscalingv2.HorizontalPodAutoscaler{autoscaler()}

	synctest.Test(t, func(t *testing.T) {
		steady := start(t, p, ticks(step), four(), hpas)
		defer steady.kill()
		victim := start(t, p, ticks(step), four(), hpas)
		defer func() { victim.kill() }()
		kills, compared, held := 0, 0, 0
		for tick := step; tick < run; tick += step {
			down = random.IntN(40) == 0
			time.Sleep(step)
			synctest.Wait()
			if kills < 100 && tick > time.Hour && random.IntN(4) == 0 {
				kills++
				victim.kill()
				synctest.Wait()
				victim = start(t, p, ticks(step), four(), hpas)
				synctest.Wait()
			}
			if down {
				continue // whoever was just started knows nothing at all
			}
			want, got := told(steady.Windows), told(victim.Windows)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("at %s, after %d kills, a restart serves other values (-undisturbed +restarted):\n%s", tick, kills, diff)
			}
			for _, v := range want {
				if _, ok := v.(serve.Served); ok {
					held++
				}
			}
			compared++
		}
		if kills < 100 || held < 4*compared*9/10 {
			t.Errorf("%d kills, %d values of %d ticks: the test compares next to nothing", kills, held, compared)
		}
	})
}
