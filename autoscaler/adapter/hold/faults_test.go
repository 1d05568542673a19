package hold

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/value"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// fault is what goes wrong for a while with a service that has a demand of 10 on each of six pods.
type fault struct {
	// scrape is what is read of a pod in place of a value; nil: the value.
	scrape func(pod int, v float64) float64
	// skew is by how much the scraper's clock is wrong, all the time.
	skew time.Duration
	// twice has every pod scraped twice.
	twice bool
	// down has Prometheus answer nothing.
	down bool
	// restart kills the adapter, change has the object changed, a minute into it.
	restart, change bool
	// blind says that there must be nothing but errors in the end.
	blind bool
}

func constant(v float64) func(int, float64) float64 { return func(int, float64) float64 { return v } }

// The lines of the README's table.
func faults() map[string]fault {
	notANumber := math.Float64frombits(value.NormalNaN)
	return map[string]fault{
		"prometheus down":              {down: true, blind: true},
		"prometheus down, restart":     {down: true, restart: true, blind: true},
		"prometheus down, change":      {down: true, change: true, blind: true},
		"no scrape":                    {scrape: constant(missed()), blind: true},
		"no scrape, restart":           {scrape: constant(missed()), restart: true, blind: true},
		"prometheus restarts":          {scrape: constant(missed()), down: true, restart: true, blind: true},
		"all series end":               {scrape: constant(ended()), blind: true},
		"not a number":                 {scrape: constant(notANumber), blind: true},
		"not a number, restart":        {scrape: constant(notANumber), restart: true, blind: true},
		"infinite":                     {scrape: constant(math.Inf(1)), blind: true},
		"negative":                     {scrape: constant(-5), blind: true},
		"some pods not scraped":        {scrape: some(missed())},
		"some pods not scraped, again": {scrape: some(missed()), restart: true},
		"some series end":              {scrape: some(ended())},
		"some not a number":            {scrape: some(notANumber)},
		"zero":                         {scrape: constant(0)},
		"zero, restart":                {scrape: constant(0), restart: true},
		"zero, change":                 {scrape: constant(0), change: true},
		"clock behind":                 {skew: -90 * time.Second},
		"clock ahead":                  {skew: 90 * time.Second},
		"duplicate series":             {twice: true},
		"restart":                      {restart: true},
		"change":                       {change: true},
	}
}

func some(v float64) func(int, float64) float64 {
	return func(pod int, measured float64) float64 {
		if pod%2 == 0 {
			return v
		}
		return measured
	}
}

const (
	faultStep              = 15 * time.Second
	faultBegins, faultEnds = 30 * time.Minute, 50 * time.Minute
	faultWatched           = 58 * time.Minute
)

// record has the fault in the history of a gauge and of a counter.
func (f *fault) record(t *testing.T, p *world) {
	for pod := range 6 {
		name := fmt.Sprintf("web-5d89bdcf78-bbbb%c", "bcdfgh"[pod])
		read := func(at time.Time, v float64) float64 {
			if since := at.Add(-f.skew).Sub(epoch()); f.scrape == nil || since < faultBegins || since >= faultEnds {
				return v
			}
			return f.scrape(pod, v)
		}
		for copies := range 1 + map[bool]int{true: 1}[f.twice] {
			series := map[string]string{"namespace": "shop", "pod": name, "replica": fmt.Sprint(copies)}
			from, until := epoch().Add(-4*time.Hour+f.skew), epoch().Add(time.Hour+f.skew)
			series["__name__"] = "busy"
			p.record(t, from, until, faultStep, series, func(at time.Time) float64 { return read(at, 10) })
			series["__name__"] = "http_requests_total"
			total := 0.0
			p.record(t, from, until, faultStep, series, func(at time.Time) float64 {
				total += 10 * faultStep.Seconds()
				v := read(at, total)
				if v == 0 {
					total = 0 // the counter begins anew, again and again
				}
				return v
			})
		}
	}
}

func TestNoFaultLowersWhatIsServed(t *testing.T) {
	for name, f := range faults() {
		t.Run(name, func(t *testing.T) {
			p := newWorld(t)
			f.record(t, p)
			synctest.Test(t, func(t *testing.T) { f.play(t, p) })
		})
	}
}

func (f *fault) play(t *testing.T, p *world) {
	elapsed := func() time.Duration { return time.Since(epoch()) }
	p.down = func() bool { return f.down && elapsed() >= faultBegins && elapsed() < faultEnds }
	hpas := []*autoscalingv2.HorizontalPodAutoscaler{autoscaler()}
	windows := func(hold time.Duration) []*v1alpha1.ScalingWindow {
		var list []*v1alpha1.ScalingWindow
		for _, w := range four()[:2] {
			w.Spec.MaxWindow, w.Spec.Percentile = nil, nil
			w.Spec.SlowScaleDown = &v1alpha1.SlowScaleDown{Hold: duration(hold), HalfLife: duration(10 * time.Minute)}
			list = append(list, w)
		}
		return list
	}
	a := start(t, p, ticks(faultStep), windows(30*time.Minute), hpas)
	defer func() { a.kill() }()
	refused := 0
	for elapsed() < faultWatched {
		time.Sleep(faultStep)
		synctest.Wait()
		if at := elapsed(); at >= faultBegins+time.Minute && at < faultBegins+time.Minute+faultStep {
			if f.restart {
				a.kill()
				synctest.Wait()
				a = start(t, p, ticks(faultStep), windows(30*time.Minute), hpas)
			}
			if f.change {
				a.take(t.Context(), "shop", wish.Of(windows(40*time.Minute), hpas, a.mapper, a.grid))
			}
		}
		for _, key := range allKeys[:2] {
			served, err := a.Served(key)
			switch {
			case err != nil:
				refused++
				if at := elapsed(); at < faultBegins || at > faultEnds+2*time.Minute {
					t.Errorf("at %s, with nothing wrong: %v", at, err)
				}
			case served == nil:
				t.Fatalf("at %s %s is served as it is, without its window", elapsed(), key.Metric)
			case served.Milli < 59_500:
				t.Fatalf("at %s %s is %d, and the demand was 60,000", elapsed(), key.Metric, served.Milli)
			}
			// Prometheus looks back for 5 minutes, a part counts for 1 more, and what is known is held for 10.
			if at := elapsed(); f.blind && key == busyKey && at > faultBegins+17*time.Minute && at < faultEnds && err == nil {
				t.Errorf("at %s nothing has been known for long, and it serves %d", at, served.Milli)
			}
		}
	}
	if !f.blind && !f.restart && !f.change && refused > 0 {
		t.Errorf("%d answers refused, and enough was known", refused)
	}
}
