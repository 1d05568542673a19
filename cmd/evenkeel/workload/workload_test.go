package workload

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func drawn(t *testing.T, change func(*Options)) (*Options, *Day) {
	t.Helper()
	o := Default()
	if change != nil {
		change(&o)
	}
	d, err := Draw(&o)
	if err != nil {
		t.Fatal(err)
	}
	return &o, d
}

// TestDraw: what the flags say is what is played.
func TestDraw(t *testing.T) {
	for seed := range uint64(3) {
		o, d := drawn(t, func(o *Options) { o.Seed = seed })
		var services, jobs float64
		for _, s := range d.Services {
			for ago := 1; ago <= HistoryDays; ago++ {
				from := -time.Duration(ago) * day
				services += s.Mean(from, from+day) * hours / HistoryDays
			}
		}
		last := time.Duration(0)
		for i := range d.Jobs {
			j := &d.Jobs[i]
			if j.Arrives < last || j.Arrives >= o.Length || j.Due != j.Arrives+o.Due || j.Cores <= 0 || j.Run < 10*time.Minute || j.Run > day {
				t.Errorf("seed %d: Job %+v after one at %s", seed, j, last)
			}
			last = j.Arrives
			jobs += j.work()
		}
		// The last Job drawn may be a large one, of a hundred core-hours or more.
		if share := jobs / (jobs + services); math.Abs(share-0.3) > 0.02 {
			t.Errorf("seed %d: Jobs do %.3f of all work, want 0.3", seed, share)
		}
		if d.Open != time.Hour || d.Close-d.Open != o.Window || d.Begins < 0 || d.Begins >= day || d.Begins%time.Hour != 0 {
			t.Errorf("seed %d: a window from %s to %s of a day that begins at %s", seed, d.Open, d.Close, d.Begins)
		}
		most := 0.0
		for hour := range hours {
			var load float64
			for _, s := range d.Services {
				for ago := 1; ago <= HistoryDays; ago++ {
					from := time.Duration(hour)*time.Hour - time.Duration(ago)*day
					load += s.Mean(from, from+time.Hour) / HistoryDays
				}
			}
			most = max(most, load)
		}
		if got := 100 * most / d.Capacity; got > 50 || got < 49 {
			t.Errorf("seed %d: services used %.1f %% in their highest hour, want 50", seed, got)
		}
	}
}

// TestDrawBySeed: the same seed plays the same, another something else.
func TestDrawBySeed(t *testing.T) {
	_, a := drawn(t, nil)
	_, b := drawn(t, nil)
	if diff := cmp.Diff(a.Jobs, b.Jobs); diff != "" {
		t.Error(diff)
	}
	_, c := drawn(t, func(o *Options) { o.Seed = 2 })
	if cmp.Equal(a.Jobs, c.Jobs) {
		t.Error("another seed plays the same Jobs")
	}
	_, short := drawn(t, func(o *Options) { o.Length = 3 * time.Hour })
	if n := len(short.Jobs); n == 0 || !cmp.Equal(a.Jobs[:n], short.Jobs) {
		t.Errorf("the first hours of a day are not the day's: %d Jobs", n)
	}
}

// TestDrawWithoutHindsight: what is known of the day that is played changes neither the window nor the cluster's size.
func TestDrawWithoutHindsight(t *testing.T) {
	_, a := drawn(t, nil)
	_, b := drawn(t, func(o *Options) { o.Due, o.Length, o.Runs = time.Hour, 2*time.Hour, 0 })
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

// TestEarlier: on the days before a Job came at the same time, and ran as long as it does but for what days differ. What
// had not ended when the day began is not known.
func TestEarlier(t *testing.T) {
	_, d := drawn(t, func(o *Options) { o.Runs = 7 })
	var n, sum, squares float64
	for i := range d.Jobs {
		j := &d.Jobs[i]
		if len(j.Earlier) != 7 && len(j.Earlier) != 6 {
			t.Errorf("%d runs of %s are known", len(j.Earlier), j.Name)
		}
		for k, run := range j.Earlier {
			began := j.Arrives - time.Duration(k+1+7-len(j.Earlier))*day
			if run.Began != began || run.Began+run.Took > 0 || run.Took == j.Run {
				t.Errorf("%+v has run %+v", j, run)
			}
			ratio := math.Log(float64(run.Took) / float64(j.Run))
			n, sum, squares = n+1, sum+ratio, squares+ratio*ratio
		}
	}
	if mean, deviation := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 0.1 || math.Abs(deviation-spread*math.Sqrt2) > 0.05 {
		t.Errorf("two runs differ by a factor of exp(%.3f), with a deviation of %.3f", mean, deviation)
	}
	_, d = drawn(t, func(o *Options) { o.Runs = 0 })
	for i := range d.Jobs {
		if len(d.Jobs[i].Earlier) > 0 {
			t.Errorf("%+v has run before", d.Jobs[i])
		}
	}
}

func TestLoadJobs(t *testing.T) {
	jobs, err := loadJobs(recordedJobs)
	if err != nil {
		t.Fatal(err)
	}
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
