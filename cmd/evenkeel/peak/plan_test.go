package peak

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

func traces(t *testing.T) (*bitbrains.Trace, []recorded) {
	t.Helper()
	trace, err := bitbrains.Load()
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := loadJobs(recordedJobs)
	if err != nil {
		t.Fatal(err)
	}
	return trace, jobs
}

func planned(t *testing.T, change func(*Peak)) (*Peak, *plan) {
	t.Helper()
	p := New()
	if change != nil {
		change(p)
	}
	trace, jobs := traces(t)
	d, err := newPlan(p, trace, jobs)
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

// TestPlan: what the flags say is what is played.
func TestPlan(t *testing.T) {
	for seed := range uint64(3) {
		p, d := planned(t, func(p *Peak) { p.Seed = seed })
		var services, jobs float64
		for _, s := range d.Services {
			for ago := 1; ago <= historyDays; ago++ {
				from := -time.Duration(ago) * day
				services += s.Mean(from, from+day) * hours / historyDays
			}
		}
		last := time.Duration(0)
		for i := range d.Jobs {
			j := &d.Jobs[i]
			if j.Arrives < last || j.Arrives >= p.Length || j.Due != j.Arrives+p.Due || j.Cores <= 0 || j.Run < 30*time.Minute || j.Run > 6*time.Hour {
				t.Errorf("seed %d: Job %+v after one at %s", seed, j, last)
			}
			last = j.Arrives
			jobs += j.work()
		}
		// The last Job drawn may be the largest: 96 core-hours.
		if share := jobs / (jobs + services); math.Abs(share-0.3) > 0.02 {
			t.Errorf("seed %d: Jobs do %.3f of all work, want 0.3", seed, share)
		}
		if d.Open != time.Hour || d.Close-d.Open != p.Window || d.Begins < 0 || d.Begins >= day || d.Begins%time.Hour != 0 {
			t.Errorf("seed %d: a window from %s to %s of a day that begins at %s", seed, d.Open, d.Close, d.Begins)
		}
		most := 0.0
		for hour := range hours {
			var load float64
			for _, s := range d.Services {
				for ago := 1; ago <= historyDays; ago++ {
					from := time.Duration(hour)*time.Hour - time.Duration(ago)*day
					load += s.Mean(from, from+time.Hour) / historyDays
				}
			}
			most = max(most, load)
		}
		if got := 100 * most / d.Capacity; got > 50 || got < 49 {
			t.Errorf("seed %d: services used %.1f %% in their highest hour, want 50", seed, got)
		}
	}
}

// TestPlanIsDrawnBySeed: the same seed plays the same, another something else.
func TestPlanIsDrawnBySeed(t *testing.T) {
	_, a := planned(t, nil)
	_, b := planned(t, nil)
	if diff := cmp.Diff(a.Jobs, b.Jobs); diff != "" {
		t.Error(diff)
	}
	_, c := planned(t, func(p *Peak) { p.Seed = 2 })
	if cmp.Equal(a.Jobs, c.Jobs) {
		t.Error("another seed plays the same Jobs")
	}
	_, short := planned(t, func(p *Peak) { p.Length = 3 * time.Hour })
	if n := len(short.Jobs); n == 0 || !cmp.Equal(a.Jobs[:n], short.Jobs) {
		t.Errorf("the first hours of a day are not the day's: %d Jobs", n)
	}
}

// TestPlanWithoutHindsight: what is known of the day that is played changes neither the window nor the cluster's size.
func TestPlanWithoutHindsight(t *testing.T) {
	_, a := planned(t, nil)
	_, b := planned(t, func(p *Peak) { p.Due, p.Stagger, p.Length = time.Hour, 0, 2*time.Hour })
	if a.Capacity != b.Capacity || a.Begins != b.Begins || a.Open != b.Open || a.Close != b.Close {
		t.Errorf("%v is not %v", a, b)
	}
}

func TestBusiest(t *testing.T) {
	for name, test := range map[string]struct {
		load   []float64
		length int
		want   int
	}{
		"one hour":         {[]float64{1, 2, 9, 3}, 1, 2},
		"two hours":        {[]float64{1, 8, 9, 3}, 2, 1},
		"over the day end": {[]float64{8, 1, 1, 9}, 2, 3},
		"all alike":        {[]float64{5, 5, 5}, 2, 0},
		"nothing":          {[]float64{0, 0, 0}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := busiest(test.load, test.length); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// TestSpread: a Job uses as much in all hours together as it does, each hour no more than its cores.
func TestSpread(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		load := make([]float64, hours)
		j := Job{Arrives: time.Duration(random.Int64N(int64(day))), Run: time.Duration(random.Int64N(int64(20 * time.Hour))), Cores: 1 + 3*random.Float64()}
		j.spread(load)
		var sum float64
		for _, of := range load {
			if of < 0 || of > j.Cores*(1+1e-9) {
				t.Fatalf("%+v uses %g in an hour", j, of)
			}
			sum += of
		}
		if math.Abs(sum-j.work()) > 1e-6 {
			t.Fatalf("%+v uses %g, want %g", j, sum, j.work())
		}
	}
}

func TestLoadJobs(t *testing.T) {
	_, jobs := traces(t)
	if len(jobs) < 400 || longest(jobs) > 6*time.Hour || longest(jobs) < 5*time.Hour {
		t.Errorf("%d Jobs, the longest of %s", len(jobs), longest(jobs))
	}
	for text, want := range map[string]string{
		"pod,second_of_day,seconds,cpu_milli\na,1,x,3\n":  `line 2: seconds is "x"`,
		"pod,second_of_day,seconds,cpu_milli\na,-1,2,3\n": `line 2: second_of_day is "-1"`,
		"pod,second_of_day,seconds,cpu_milli\na,1\n":      "wrong number of fields",
	} {
		if _, err := loadJobs([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want it to say %q", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Peak){
		"--length":              func(p *Peak) { p.Length = 49 * time.Hour },
		"--speed":               func(p *Peak) { p.Speed = 0 },
		"--services":            func(p *Peak) { p.Services = 0 },
		"--service-peak":        func(p *Peak) { p.ServicePeak = 101 },
		"--batch":               func(p *Peak) { p.Batch = 100 },
		"--due":                 func(p *Peak) { p.Due = 0 },
		"--window":              func(p *Peak) { p.Window = 90 * time.Minute },
		"--window must be from": func(p *Peak) { p.Window = 0 },
		"--stagger":             func(p *Peak) { p.Stagger = -1 },
	} {
		p := New()
		if err := p.validate(); err != nil {
			t.Fatal(err)
		}
		change(p)
		if err := p.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}
