package scaling

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
)

func policies(t *testing.T, names ...string) []Policy {
	t.Helper()
	var all []Policy
	for _, name := range names {
		p, err := ParsePolicy(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func options(t *testing.T, demand *Demand, names ...string) *Options {
	return &Options{
		Demand: demand, Policies: policies(t, names...), Loop: 15 * time.Second, Delay: 30 * time.Second, StartUp: time.Minute,
		Max: 100, Target: 0.8,
	}
}

// TestByHand follows a step of demand: one pod for ten minutes, then four for ten, then one.
func TestByHand(t *testing.T) {
	d := &Demand{Step: 10 * time.Minute, Values: []float64{0.5, 4, 0.5, 0.5, 0.5, 0.5}}
	o := options(t, d, "hpa", "max-20m")
	o.Target = 1
	results, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	hour := func(seconds float64) float64 { return seconds / 3600 }
	want := []*Result{
		// The leap is seen half a minute late, and pods take a minute more: three are short for 90 s. The fall is seen as late;
		// the last of the loops before it, 15 s earlier, counts for five minutes and in the loop that is exactly so old.
		{
			Policy: "hpa", Target: 1, Changes: 2, Reversals: 1, Most: 4, Demand: hour(4*600 + 0.5*5*600), Unserved: hour(3 * 90), ShortMinutes: 1.5,
			PodHours: hour(3600 + 3*(600+300)),
		},
		{
			Policy: "max-20m", Target: 1, Changes: 2, Reversals: 1, Most: 4, Demand: hour(4*600 + 0.5*5*600), Unserved: hour(3 * 90), ShortMinutes: 1.5,
			PodHours: hour(3600 + 3*(600+20*60-15)),
		},
	}
	for _, r := range want {
		r.Served, r.Reached = 1-r.Unserved/r.Demand, true
	}
	if diff := cmp.Diff(want, results, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Error(diff)
	}
}

// dumb plays a policy with a list of when each pod serves, and counts everything at the end.
func dumb(t *testing.T, o *Options, p *Policy) *Result {
	t.Helper()
	target := int64(math.Round(o.Target * podDemand))
	scaler := hpa.New(p.spec(target, o.Max), hpa.NewOptions())
	w, err := p.before(o.Loop, target, o.Max)
	if err != nil {
		t.Fatal(err)
	}
	var sizes, capacities, demands []float64
	pods := []time.Duration{0} // when each serves
	for at := time.Duration(0); at < o.Demand.Length(); at += o.Loop {
		now := time.Unix(0, int64(at)).UTC()
		if o.Restart > 0 && at%o.Restart < o.Loop {
			scaler.Forget()
		}
		m := hpa.Metric{Err: errors.New("nothing")}
		if seen := o.Demand.at(at - o.Delay); w == nil && !math.IsNaN(seen) {
			m = hpa.Metric{Values: []int64{int64(math.Ceil(seen * podDemand))}}
		} else if w != nil {
			w.Observe(now, seen*podDemand/1000)
			if answer, err := w.At(now); err == nil {
				m = hpa.Metric{Values: []int64{answer.Value}}
			}
		}
		d, err := scaler.Scale(now, &hpa.Reading{Replicas: int32(len(pods)), Running: int32(len(pods)), Metrics: []hpa.Metric{m}})
		for err == nil && len(pods) < int(d.Replicas) {
			pods = append(pods, at+o.StartUp)
		}
		if err == nil {
			pods = pods[:d.Replicas] // the youngest go first
		}
		ready := 0.0
		for _, from := range pods {
			if from <= at {
				ready++
			}
		}
		sizes, capacities, demands = append(sizes, float64(len(pods))), append(capacities, ready), append(demands, o.Demand.at(at))
	}
	r := &Result{Policy: p.Name, Target: o.Target, Reached: true}
	last, direction := 1.0, 0.0
	for i, size := range sizes {
		r.PodHours += size * o.Loop.Hours()
		r.Most = max(r.Most, int32(size))
		if change := size - last; change != 0 {
			r.Changes++
			if direction*change < 0 {
				r.Reversals++
			}
			direction = change
		}
		last = size
		if math.IsNaN(demands[i]) {
			continue
		}
		r.Demand += demands[i] * o.Loop.Hours()
		if short := demands[i] - capacities[i]; short > 0 {
			r.Unserved += short * o.Loop.Hours()
			r.ShortMinutes += o.Loop.Minutes()
		}
	}
	r.Served = 1 - r.Unserved/r.Demand
	return r
}

func anyDemand(r *rand.Rand) *Demand {
	d := &Demand{Name: "any", Step: time.Duration(1+r.IntN(8)) * 40 * time.Second}
	level := 10.0
	for range 400 {
		switch r.IntN(10) {
		case 0:
			level = 40 * r.Float64()
		case 1:
			level = r.Float64()
		}
		value := level * (0.9 + r.Float64()/5)
		if r.IntN(30) == 0 {
			value = math.NaN()
		}
		d.Values = append(d.Values, value)
	}
	return d
}

func TestPlayIsThatOfTheTwin(t *testing.T) {
	names := append(Policies(), "hpa-0s", "slow-1m-5m", "pods-2m-3-1m", "band-5m-30")
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 50))
		o := options(t, anyDemand(r), names...)
		o.Delay, o.StartUp, o.Restart = time.Duration(r.IntN(90))*time.Second, time.Duration(r.IntN(200))*time.Second, time.Duration(r.IntN(2))*time.Hour
		o.Target = 0.3 + 0.7*r.Float64()
		results, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range results {
			want := dumb(t, o, &o.Policies[i])
			if diff := cmp.Diff(want, results[i], cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
				t.Fatalf("seed %d: %s", seed, diff)
			}
		}
	}
}

// TestSameService: what is served is what was asked for, where it can be had.
func TestSameService(t *testing.T) {
	demand, err := OfRecorded(Recorded)
	if err != nil {
		t.Fatal(err)
	}
	if demand, err = demand.Scaled(0, 48*time.Hour, 40); err != nil {
		t.Fatal(err)
	}
	o := options(t, demand, Policies()...)
	o.Target, o.Served = 1, 0.98
	results, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Run(context.Background(), o)
	if diff := cmp.Diff(results, again); diff != "" || err != nil {
		t.Errorf("again: %v %s", err, diff)
	}
	for _, r := range results {
		if !r.Reached || r.Served < 0.98 {
			t.Errorf("%s serves %v", r.Policy, r.Served)
		}
		if r.Target < 1 {
			o.Served, o.Target, o.Policies = 0, r.Target+finest, policies(t, r.Policy)
			higher, err := Run(context.Background(), o)
			if err != nil || higher[0].Served >= 0.98 {
				t.Errorf("%s: at a higher target it serves %v too, %v", r.Policy, higher[0].Served, err)
			}
		}
	}
	if hpa, held := results[0], results[2]; held.Changes*3 > hpa.Changes || held.PodHours > hpa.PodHours {
		t.Errorf("a max window has %d changes and %v pod-hours, the HPA alone %d and %v", held.Changes, held.PodHours, hpa.Changes, hpa.PodHours)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	d := &Demand{Step: time.Minute, Values: []float64{1, 1}}
	for name, change := range map[string]func(*Options){
		"loop":    func(o *Options) { o.Loop = 0 },
		"delay":   func(o *Options) { o.Delay = -1 },
		"restart": func(o *Options) { o.Restart = -1 },
		"target":  func(o *Options) { o.Target = 1.1 },
		"NaN":     func(o *Options) { o.Target = 0 },
		"served":  func(o *Options) { o.Served = 2 },
		"max":     func(o *Options) { o.Max = 0 },
		"window":  func(o *Options) { o.Policies = policies(t, "max-1s") },
	} {
		o := options(t, d, "hpa")
		change(o)
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, options(t, d, "hpa")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestParsePolicy(t *testing.T) {
	for _, name := range append(Policies(), "hpa-0s", "hpa-1h", "max-1h+band-10m-5") {
		if p, err := ParsePolicy(name); err != nil || p.Name != name || (p.Window == nil) != strings.HasPrefix(name, "hpa") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for name, want := range map[string]string{
		"":             `reading policy "": there are hpa`,
		"stock":        "there are hpa",
		"hpa-2h":       "an hour at most",
		"hpa-":         `"" is no duration`,
		"max":          "there are",
		"max-1h-1h":    "there are",
		"max-x":        `"x" is no duration such as 30m`,
		"max--1h":      "there are",
		"slow-1h":      "there are",
		"pods-1h-x-1h": `"x" is no whole number`,
		"max-1h+":      "there are",
	} {
		if _, err := ParsePolicy(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

func TestDocument(t *testing.T) {
	demand := anyDemand(rand.New(rand.NewPCG(1, 51)))
	o := options(t, demand, "hpa", "max-30m")
	o.Curves, o.Served, o.Restart = true, 1, 6*time.Hour
	var done []string
	o.Done = func(r *Result) { done = append(done, r.Policy) }
	results, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	d := Document(o, results)
	var text, page bytes.Buffer
	if err := errors.Join(d.WriteText(&text), d.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"max-30m", "Reversals", "no target was low enough", "every 6 hours", "Around the highest demand"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
	if strings.Count(page.String(), `role="img"`) != 3 || len(done) != 2 {
		t.Errorf("%d drawings, %v done", strings.Count(page.String(), `role="img"`), done)
	}
}

// TestThinnedKeepsSpikes: whatever is drawn, the highest value is.
func TestThinnedKeepsSpikes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 52))
	for range 200 {
		n := 1 + r.IntN(5000)
		hours, values := make([]float64, n), make([]float64, n)
		highest := math.Inf(-1)
		for i := range hours {
			hours[i], values[i] = float64(i)/10, r.Float64()
			if i == 0 || r.IntN(3) == 0 {
				values[i] = math.NaN()
				continue
			}
			highest = max(highest, values[i])
		}
		s := thinned("s", hours, values, 0, math.Inf(1))
		drawn := math.Inf(-1)
		for _, y := range s.Y {
			if !math.IsNaN(y) {
				drawn = max(drawn, y)
			}
		}
		if drawn != highest || len(s.X) > 1000 || len(s.X) != len(s.Y) {
			t.Fatalf("of %d values: the highest is %v, drawn %v, %d points", n, highest, drawn, len(s.X))
		}
	}
}
