package peakshaver

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
	"github.com/evenkeel/evenkeel/simulator/shaving"
	"github.com/evenkeel/evenkeel/test/bench"
)

const (
	step = 5 * time.Minute
	// deferrable is the part of the day's work that can wait.
	deferrable = 0.3
	// spread is the standard deviation of the logarithm of run times from day to day.
	spread = 0.25
	// over is the part of the steps, in per cent, that may be above the peak.
	over = 1.
)

// curve is a cluster's load besides the work that can wait, with the window of its policy.
type curve struct {
	history.Series
	zone, from, to string
	// morning is when a day begins, and by when the night's work is due.
	morning time.Duration
}

// diurnal is a service's CPU use with a peak each evening.
func diurnal(tb testing.TB) curve {
	tb.Helper()
	c := curve{Series: history.Series{Step: step}, zone: "Asia/Shanghai", from: "07:00", to: "24:00", morning: 23 * time.Hour}
	for i, row := range rows(tb, "testdata/crane.csv") {
		if i == 0 {
			c.Start = time.Unix(int64(number(tb, row[0])), 0).UTC()
		}
		c.CPU = append(c.CPU, int64(number(tb, row[1])*2000))
	}
	return c
}

// aperiodic is the use of the machines of a data centre together, of which no day is like another.
func aperiodic(tb testing.TB) curve {
	tb.Helper()
	trace, err := bitbrains.Load()
	if err != nil {
		tb.Fatal(err)
	}
	const magnify = 20
	first := trace.Start.Truncate(24 * time.Hour).Add(24 * time.Hour)
	c := curve{Series: history.Series{Start: first, Step: step}, zone: "Europe/Amsterdam", from: "00:00", to: "24:00", morning: 5 * time.Hour}
	for at := first.Sub(trace.Start); at < 29*24*time.Hour; at += step {
		sum := 0.
		for i := range trace.VMs {
			if vm := &trace.VMs[i]; at >= vm.First() && at < vm.Last() {
				sum += (bitbrains.Curve{VM: vm, Share: magnify, Offset: vm.First()}).Mean(at-vm.First(), at-vm.First()+step)
			}
		}
		c.CPU = append(c.CPU, int64(sum*1000))
	}
	return c
}

func number(tb testing.TB, text string) float64 {
	tb.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return value
}

// rows of a CSV file without its header.
func rows(tb testing.TB, name string) [][]string {
	tb.Helper()
	file, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			tb.Fatal(err)
		}
	}
	all, err := csv.NewReader(in).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	return all[1:]
}

// task is what a pod of a list asked for and how long it ran.
type task struct {
	cpu  int64
	took time.Duration
}

// tasks are the pods of the list that ran from a minute to four hours: work that can be put off within a day.
func tasks(tb testing.TB) []task {
	tb.Helper()
	const cpu, deleted, scheduled = 1, 9, 10
	var all []task
	for _, row := range rows(tb, "../../../simulator/packing/testdata/openb_pod_list_default.csv.gz") {
		if row[deleted] == "" || row[scheduled] == "" {
			continue
		}
		took := time.Duration((number(tb, row[deleted]) - number(tb, row[scheduled])) * float64(time.Second))
		if took >= time.Minute && took <= 4*time.Hour {
			all = append(all, task{int64(number(tb, row[cpu])), took})
		}
	}
	return all
}

// work is drawn until there are so many core-hours of it, with a week of its earlier runs. It comes from an hour after the
// morning on, within 13 hours; one in three is due 8 hours later, the others by the next morning.
func work(random *rand.Rand, tasks []task, morning time.Time, coreHours float64) (today []shaving.Work, past []history.Run) {
	next := morning.Add(24 * time.Hour)
	for done := 0.; done < coreHours; {
		drawn := tasks[random.IntN(len(tasks))]
		took := func() time.Duration {
			return time.Duration(float64(drawn.took) * math.Exp(spread*random.NormFloat64()))
		}
		name := fmt.Sprint("job-", len(today))
		created := morning.Add(time.Hour + time.Duration(random.Int64N(int64(13*time.Hour))))
		w := shaving.Work{Name: name, Family: name, Created: created, Deadline: next, CPU: drawn.cpu, Took: took()}
		if soon := created.Add(8 * time.Hour); random.IntN(3) == 0 && soon.Before(next) {
			w.Deadline = soon
		}
		for k := range 7 {
			t := took()
			past = append(past, history.Run{Name: fmt.Sprint(name, "-", k), Family: name, Ended: created.Add(t - time.Duration(k+1)*24*time.Hour), Took: t})
		}
		today = append(today, w)
		done += float64(drawn.cpu) / 1000 * w.Took.Hours()
	}
	return today, past
}

func policyOf(tb testing.TB, c *curve) []*policy.Policy {
	tb.Helper()
	var spec v1alpha1.PeakPolicySpec
	err := yaml.UnmarshalStrict(fmt.Appendf(nil, `
windows: [{name: day, timeZone: %s, from: "%s", to: "%s"}]
selection: {kinds: [Job]}
action: {suspend: true}
deadline: {expectedRunTime: 1h}
ceiling: {cpu: 100}
`, c.zone, c.from, c.to), &spec)
	if err != nil {
		tb.Fatal(err)
	}
	p, errs := policy.Compile("", "day", &spec, nil)
	if len(errs) > 0 {
		tb.Fatal(errs.ToAggregate())
	}
	return []*policy.Policy{p}
}

// outcome of days: sums of the loads that 1 % of the steps of each exceed.
type outcome struct {
	without, with, exact, bound float64
	missed, days                int
}

func (o *outcome) cut(peak float64) float64   { return 100 * (o.without - peak) / o.without }
func (o *outcome) share(peak float64) float64 { return (o.without - peak) / (o.without - o.bound) }

// day is played without a policy, with one, and with one and exact forecasts.
func (o *outcome) day(tb testing.TB, c *curve, tasks []task, n int, seed uint64) {
	tb.Helper()
	morning := c.Start.Add(time.Duration(n)*24*time.Hour + c.morning)
	options := shaving.Options{Base: c.Series, From: morning, To: morning.Add(24 * time.Hour), Capacity: 1e9}
	hours := 0.
	for at := options.From; at.Before(options.To); at = at.Add(step) {
		cpu, ok := c.At(at)
		if !ok {
			tb.Fatalf("the load of %s is not known", at)
		}
		hours += float64(cpu) / 1000 * step.Hours()
	}
	options.Work, options.Past = work(rand.New(rand.NewPCG(uint64(n), seed)), tasks, morning, hours*deferrable/(1-deferrable))
	peak := func(r *shaving.Result) float64 { return float64(shaving.Peak(r.Load.CPU, over)) }
	without := shaving.Play(&options)
	options.Policies = policyOf(tb, c)
	with := shaving.Play(&options)
	options.Exact = true
	exact := shaving.Play(&options)
	bound := shaving.Bound(&c.Series, options.Work, options.From, options.To, over)
	one := outcome{without: peak(&without), with: peak(&with), exact: peak(&exact), bound: float64(bound), missed: with.Missed, days: 1}
	if exact.Missed > 0 || without.Missed > 0 {
		tb.Errorf("day %d: %d deadlines are missed by exact forecasts, %d without a policy", n, exact.Missed, without.Missed)
	}
	tb.Logf("day %d, seed %d, %d Jobs: %.1f %% off the peak of %.1f %% at best (%.2f, with exact forecasts %.2f), %d deadlines missed, %d forced",
		n, seed, len(options.Work), one.cut(one.with), one.cut(one.bound), one.share(one.with), one.share(one.exact), with.Missed, with.Forced)
	o.without, o.with, o.exact, o.bound = o.without+one.without, o.with+one.with, o.exact+one.exact, o.bound+one.bound
	o.missed, o.days = o.missed+one.missed, o.days+1
}

// TestDay: on one day of each curve a policy takes something off the peak, and no deadline is missed.
func TestDay(t *testing.T) {
	c, o := diurnal(t), outcome{}
	o.day(t, &c, tasks(t), 8, 1)
	if o.missed > 0 || o.share(o.with) < 0.7 || o.with < o.bound {
		t.Errorf("%d deadlines are missed, and %.2f of what can be is taken off the peak", o.missed, o.share(o.with))
	}
}

// BenchmarkDay plays days of both curves, from the second week on, so that a week is known before each.
func BenchmarkDay(b *testing.B) {
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	list := tasks(b)
	for range b.N {
		for _, of := range []struct {
			c                  curve
			suffix             string
			first, last, every int
		}{{diurnal(b), "", 8, 14, 1}, {aperiodic(b), "_aperiodic", 8, 26, 3}} {
			var o outcome
			for n := of.first; n <= of.last; n += of.every {
				for seed := range seeds {
					o.day(b, &of.c, list, n, seed+1)
				}
			}
			report := func(name string, value float64, unit string) {
				bench.Report(b, bench.Result{Area: "peakshaver", Name: name + of.suffix, Value: value, Unit: unit})
			}
			report("peak_cut_percent", o.cut(o.with), "%")
			report("peak_cut_share_of_bound", o.share(o.with), "")
			report("peak_cut_share_of_bound_with_exact_forecasts", o.share(o.exact), "")
			report("missed_deadlines", float64(o.missed), "deadlines")
		}
	}
}
