package backlog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// byDay has Jobs wait from 8 to 18 h of UTC.
const byDay = `
windows: [{timeZone: UTC, from: "08:00", to: "18:00"}]
selection: {kinds: [Job]}
action: {suspend: true}
ceiling: {cpu: 50}
`

func policies(t *testing.T, texts ...string) (all []*policy.Policy) {
	t.Helper()
	for i, text := range texts {
		var spec v1alpha1.PeakPolicySpec
		if err := yaml.UnmarshalStrict([]byte(text), &spec); err != nil {
			t.Fatal(err)
		}
		p, errs := policy.Compile("", fmt.Sprint("p", i), &spec, nil)
		if len(errs) > 0 {
			t.Fatal(errs.ToAggregate())
		}
		all = append(all, p)
	}
	return all
}

// clusterOf CronJobs and Jobs.
func clusterOf(t *testing.T, objects ...*unstructured.Unstructured) *target.Cluster {
	t.Helper()
	indexer := func() cache.Indexer { return cache.NewIndexer(cache.MetaNamespaceKeyFunc, nil) }
	c := &target.Cluster{
		Targets:    map[v1alpha1.TargetKind]cache.Indexer{v1alpha1.Job: indexer(), v1alpha1.CronJob: indexer()},
		Namespaces: indexer(), Priorities: indexer(),
	}
	for _, u := range objects {
		if err := c.Targets[v1alpha1.TargetKind(u.GetKind())].Add(u); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// cronJob in the namespace shop, there for a year, of Jobs that request a CPU.
func cronJob(t *testing.T, name, spec, template string) *unstructured.Unstructured {
	t.Helper()
	u := objectOf(t, fmt.Sprintf(`
kind: CronJob
metadata: {name: %s, creationTimestamp: "2025-03-01T00:00:00Z"}
spec: {%s, jobTemplate: {%s, spec: {template: {spec: {containers: [{resources: {requests: {cpu: "1"}}}]}}}}}
`, name, spec, template))
	u.SetNamespace("shop")
	return u
}

const labelled = `metadata: {labels: {tier: batch}}`

// ranAt is a Job of a CronJob that began at a time, and has ended where it took some.
func ranAt(t *testing.T, c *unstructured.Unstructured, at time.Time, took time.Duration) *unstructured.Unstructured {
	t.Helper()
	u := objectOf(t, fmt.Sprintf("kind: Job\nspec: {template: {spec: {containers: [{resources: {requests: {cpu: \"1\"}}}]}}}\nstatus: {startTime: %q}", at.Format(time.RFC3339)))
	u.SetNamespace("shop")
	u.SetName(fmt.Sprintf("%s-%d", c.GetName(), at.Unix()/60))
	u.SetCreationTimestamp(metav1.NewTime(at.Add(2 * time.Second)))
	u.SetOwnerReferences([]metav1.OwnerReference{{Kind: "CronJob", Name: c.GetName(), Controller: new(true)}})
	if took > 0 {
		if err := unstructured.SetNestedField(u.Object, at.Add(took).Format(time.RFC3339), "status", "completionTime"); err != nil {
			t.Fatal(err)
		}
		conditions := []any{map[string]any{"type": "Complete", "status": "True"}}
		if err := unstructured.SetNestedSlice(u.Object, conditions, "status", "conditions"); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// constant is a load of 15 days before noon.
func constant(cpu int64) history.Series {
	s := history.Series{Start: noon.AddDate(0, 0, -meter.Days), Step: meter.Step, CPU: make([]int64, meter.Days*288)}
	for i := range s.CPU {
		s.CPU[i] = cpu
	}
	return s
}

func hour(h float64) time.Time {
	return noon.Truncate(day).Add(time.Duration(h * float64(time.Hour)))
}

// TestExpected: the runs of a Monday from noon on.
func TestExpected(t *testing.T) {
	const withDeadline = byDay + "deadline: {after: 12h, expectedRunTime: 1h, margin: 0}\n"
	for name, test := range map[string]struct {
		policy        string
		cron          []string // spec and jobTemplate
		jobs          []time.Time
		past          bool
		expected      []string
		first, latest time.Time // of the first that is expected
		coming        []float64 // hours
		took          time.Duration
	}{
		"it will wait":                 {cron: []string{`schedule: "0 15 * * *"`, labelled}, expected: []string{"15"}, first: hour(18)},
		"it will, tomorrow":            {cron: []string{`schedule: "0 11 * * *"`, labelled}, expected: []string{"35"}, first: hour(42)},
		"in a zone":                    {cron: []string{`schedule: "0 15 * * *", timeZone: America/New_York`, labelled}, coming: []float64{20}, took: day},
		"a zone in its schedule":       {cron: []string{`schedule: "CRON_TZ=Asia/Tokyo 0 0 * * *"`, labelled}, expected: []string{"15"}, first: hour(18)},
		"it will run at once":          {cron: []string{`schedule: "0 20 * * *"`, labelled}, coming: []float64{20}, took: day},
		"as it does every day":         {cron: []string{`schedule: "0 20 * * *"`, labelled}, past: true},
		"as it does on Mondays":        {cron: []string{`schedule: "0 20 * * 1"`, labelled}, past: true, coming: []float64{20}, took: 7 * day},
		"not as on a day that waited":  {policy: strings.Replace(byDay, "{timeZone", `{weekdays: [Sunday], timeZone`, 1), cron: []string{`schedule: "0 15 * * *"`, labelled}, past: true, coming: []float64{15}, took: day},
		"several":                      {cron: []string{`schedule: "0 */5 * * *"`, labelled}, past: true, expected: []string{"15", "34"}, first: hour(18)},
		"its run time is known":        {cron: []string{`schedule: "0 20 * * *"`, labelled}, jobs: []time.Time{hour(-4)}, coming: []float64{20}, took: 30 * time.Minute},
		"its owner suspends it":        {cron: []string{`schedule: "0 15 * * *", suspend: true`, labelled}},
		"its Jobs wait for another":    {cron: []string{`schedule: "0 15 * * *"`, labelled}, policy: strings.Replace(byDay, "[Job]", "[Job], namespaces: {names: [other]}", 1)},
		"a policy suspends it":         {cron: []string{`schedule: "0 14,19 * * *"`, labelled}, policy: strings.Replace(byDay, "[Job]", "[Job, CronJob]", 1), coming: []float64{19}, took: 19 * time.Hour},
		"its Jobs are selected":        {cron: []string{`schedule: "0 15 * * *"`, labelled}, policy: strings.Replace(byDay, "[Job]", "[Job], labels: {matchLabels: {tier: batch}}", 1), expected: []string{"15"}, first: hour(18)},
		"it is, its Jobs are not":      {cron: []string{`schedule: "0 15 * * *"`, "metadata: {}"}, policy: strings.Replace(byDay, "[Job]", "[Job], labels: {matchLabels: {tier: batch}}", 1)},
		"without a ceiling":            {cron: []string{`schedule: "0 15 * * *"`, labelled}, policy: strings.Replace(byDay, "ceiling: {cpu: 50}", "", 1)},
		"with a deadline":              {cron: []string{`schedule: "0 15 * * *"`, labelled}, policy: withDeadline, expected: []string{"15"}, first: hour(18), latest: hour(26)},
		"its deadline is at once":      {cron: []string{`schedule: "0 15 * * *"`, labelled}, policy: strings.Replace(withDeadline, "12h", "1h", 1), coming: []float64{15}, took: time.Hour},
		"it is there already":          {cron: []string{`schedule: "0,30 13 * * *"`, labelled}, jobs: []time.Time{hour(13)}, expected: []string{"13.5"}, first: hour(18)},
		"one at a time":                {cron: []string{`schedule: "0 * * * *", concurrencyPolicy: Forbid`, labelled}, past: true, expected: []string{"13", "32"}, first: hour(18)},
		"a year to come":               {cron: []string{`schedule: "0 15 29 2 *"`, labelled}},
		"never":                        {cron: []string{`schedule: "0 15 30 2 *"`, labelled}},
		"a schedule that nobody reads": {cron: []string{`schedule: "often"`, labelled}},
	} {
		t.Run(name, func(t *testing.T) {
			of := cronJob(t, "c", test.cron[0], test.cron[1])
			objects := []*unstructured.Unstructured{of}
			for _, at := range test.jobs {
				objects = append(objects, ranAt(t, of, at, 30*time.Minute))
			}
			if test.policy == "" {
				test.policy = byDay
			}
			b := Of(clusterOf(t, objects...), policy.At(noon, policies(t, test.policy)), noon)
			b.Waiting(nil, 10_000)
			past := history.Series{}
			if test.past {
				past = constant(1000)
			}
			expected, work := b.Ahead(past, day)
			var names []string
			for _, j := range expected {
				names = append(names, fmt.Sprint(j.Created.Sub(hour(0)).Hours()))
				if want := fmt.Sprintf("shop/c-%d", j.Created.Unix()/60); j.Name != want || j.CPU != 1000 || j.Ceiling != 5000 || j.RunTime == 0 {
					t.Errorf("%s is expected as %+v", want, j)
				}
			}
			if test.first.IsZero() != (len(expected) == 0) || !slices.Equal(names, test.expected) {
				t.Fatalf("expected are %v, want %v", names, test.expected)
			}
			if len(expected) > 0 && (!expected[0].Earliest.Equal(test.first) || !expected[0].Latest.Equal(test.latest)) {
				t.Errorf("it may start from %s on, at %s the latest; want %s and %s", expected[0].Earliest, expected[0].Latest, test.first, test.latest)
			}
			var want []history.Use
			for _, h := range test.coming {
				want = append(want, history.Use{CPU: 1000, From: hour(h), To: hour(h).Add(test.took)})
			}
			if diff := cmp.Diff(want, work.Coming); diff != "" {
				t.Errorf("coming: %s", diff)
			}
		})
	}
}

// TestOneWaits: where a CronJob has one Job at a time and that waits, none comes before it may start.
func TestOneWaits(t *testing.T) {
	for concurrency, want := range map[string]int{"Allow": 3, "Forbid": 0, "Replace": 0} {
		of := cronJob(t, "c", `schedule: "0 11-15,19-23 * * *", concurrencyPolicy: `+concurrency, labelled)
		waits := ranAt(t, of, hour(11), 0)
		unstructured.RemoveNestedField(waits.Object, "status")
		b := Of(clusterOf(t, of, waits), policy.At(noon, policies(t, byDay)), noon)
		if waiting := b.Waiting(nil, 10_000); len(waiting) != 1 {
			t.Fatalf("waiting are %v", waiting)
		}
		expected, work := b.Ahead(history.Series{}, 23*time.Hour)
		if len(expected) != want || len(work.Coming) != 5 {
			t.Errorf("%s: %d will wait, and %d will not", concurrency, len(expected), len(work.Coming))
		}
	}
}

// TestExpectedTwin compares with a walk through the minutes of the day, at each of which the CronJob controller and the
// admission are asked: is a Job created, and does it start suspended?
func TestExpectedTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	seen := map[fate]int{}
	for range 150 {
		zone := pick("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
		schedule := fmt.Sprintf("%s %s * * %s", pick("0", "*/20", "7,37"), pick("*", "*/3", "9-17", "22"), pick("*", "*", "1-5", "0"))
		of := cronJob(t, "c", fmt.Sprintf("schedule: %q, timeZone: %s", schedule, zone), labelled)
		all := policies(t, fmt.Sprintf(`
windows: [{timeZone: %s, from: "0%d:00", to: "1%d:30"}, {timeZone: UTC, cron: "0 20 * * 1", duration: 3h}]
selection: {kinds: [%s]}
action: {suspend: true}
ceiling: {cpu: 50}
deadline: {expectedRunTime: %dh, margin: 0, after: %dh}
`, zone, random.IntN(10), random.IntN(10), pick("Job", "Job", "Job, CronJob"), 1+random.IntN(3), 1+random.IntN(12)), `
windows: [{timeZone: UTC, from: "12:00", to: "13:00"}]
selection: {kinds: [Job], labels: {matchLabels: {tier: `+pick("batch", "other")+`}}}
priority: 1
action: {suspend: false}
`)
		now := noon.Add(time.Duration(random.IntN(7*24*60*60)) * time.Second)
		cluster := clusterOf(t, of)
		b := Of(cluster, policy.At(now, all), now)
		b.Waiting(nil, 10_000)
		expected, work := b.Ahead(history.Series{}, day)
		got := map[time.Time]fate{}
		for _, j := range expected {
			got[j.Created.UTC()] = held
		}
		for _, use := range work.Coming {
			got[use.From.UTC()] = atOnce
		}
		want := map[time.Time]fate{}
		for at := now.Truncate(time.Minute).Add(time.Minute); at.Before(now.Add(day)); at = at.Add(time.Minute) {
			if fate := minuteTwin(t, cluster, all, of, at); fate != absent {
				want[at] = fate
				seen[fate]++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q in %s from %s on: %s", schedule, zone, now, diff)
		}
	}
	if seen[held] < 500 || seen[atOnce] < 500 {
		t.Errorf("the cases are too few: %v", seen)
	}
}

// minuteTwin tells what becomes of a minute's run.
func minuteTwin(t *testing.T, cluster *target.Cluster, all []*policy.Policy, of *unstructured.Unstructured, at time.Time) fate {
	t.Helper()
	schedule, err := scheduleOf(of)
	if err != nil {
		t.Fatal(err)
	}
	if !schedule.Next(at.Add(-time.Minute)).Equal(at) {
		return absent
	}
	state, err := ledger.Read(v1alpha1.CronJob, of)
	if err != nil {
		t.Fatal(err)
	}
	moment := policy.At(at, all)
	if moment.Decide(cluster.Object(v1alpha1.CronJob, of, state)).Want.Suspend {
		return absent
	}
	u := ranAt(t, of, at, 0)
	u.SetCreationTimestamp(metav1.NewTime(at))
	u.SetLabels(map[string]string{"tier": "batch"})
	unstructured.RemoveNestedField(u.Object, "status")
	if state, err = ledger.Read(v1alpha1.Job, u); err != nil {
		t.Fatal(err)
	}
	if moment.Decide(cluster.Object(v1alpha1.Job, u, state)).Want.Suspend {
		return held
	}
	return atOnce
}

// FuzzParse: whatever a CronJob's schedule is, parsing answers, and its runs come one after the other.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0 8 * * 1-5", "*/15 0-6 1,15 * SUN", "@monthly", "@every 1h", "@every 0s", "TZ=", "TZ=UTC", "CRON_TZ=Asia/Tokyo 0 8 * * *", "0 0 30 2 *", ""} {
		f.Add(seed, "")
		f.Add(seed, "Europe/Berlin")
	}
	f.Add("0 8 * * *", "Mars/Olympus Mons")
	f.Fuzz(func(t *testing.T, text, zone string) {
		schedule, err := parse(text, zone)
		if err != nil {
			return
		}
		c := cron{schedule: schedule}
		end := noon.Add(day)
		for at := noon; at.Before(end); {
			next := c.after(at, end)
			if !next.After(at) {
				t.Fatalf("%q in %q: after %s comes %s", text, zone, at, next)
			}
			at = next
		}
	})
}

// TestMostRuns: the plan stays small however often CronJobs run, and has the nearest of their runs.
func TestMostRuns(t *testing.T) {
	var objects []*unstructured.Unstructured
	for i := range 10 {
		objects = append(objects, cronJob(t, fmt.Sprint("c", i), `schedule: "* * * * *"`, labelled))
	}
	b := Of(clusterOf(t, objects...), policy.At(noon, policies(t, byDay)), noon)
	b.Waiting(nil, 10_000)
	expected, work := b.Ahead(history.Series{}, day)
	latest := noon
	for _, use := range work.Coming {
		latest = use.From
	}
	if n := len(expected) + len(work.Coming); n != mostRuns || len(expected) != 10*359 || !latest.Equal(noon.Add(mostRuns/10*time.Minute)) {
		t.Errorf("%d of %d runs wait, the last is at %s", len(expected), n, latest)
	}
}

// TestForecastOfCronJobs: whatever is there of earlier runs, those that are to come are in the forecast once.
func TestForecastOfCronJobs(t *testing.T) {
	const base, run = 3000, 1000
	for name, test := range map[string]struct {
		schedule string
		now      time.Time
		kept     int // of the Jobs that have ended
		since    int // days ago it was created
	}{
		"every day, no Job is kept":           {"0 20 * * *", hour(12), 0, 300},
		"every day, three are":                {"0 20 * * *", hour(12), 3, 300},
		"every day, while it runs":            {"0 20 * * *", hour(20.5), 3, 300},
		"every day, all are":                  {"0 20 * * *", hour(12), 15, 300},
		"twice a day, three are":              {"0 4,20 * * *", hour(12), 3, 300},
		"once a week, three are":              {"0 20 * * 1", hour(12), 3, 300},
		"once a week, the day after":          {"0 20 * * 0", hour(12), 3, 300},
		"once a week, while it runs":          {"0 20 * * 1", hour(20.5), 3, 300},
		"created today":                       {"0 20 * * *", hour(12), 3, 0},
		"every day, and by day it waits, too": {"0 20,15 * * *", hour(12), 3, 300},
	} {
		t.Run(name, func(t *testing.T) {
			of := cronJob(t, "c", fmt.Sprintf("schedule: %q", test.schedule), labelled+", spec: {}")
			of.SetCreationTimestamp(metav1.NewTime(hour(0).AddDate(0, 0, -test.since)))
			schedule, err := scheduleOf(of)
			if err != nil {
				t.Fatal(err)
			}
			// All hours of runs, but those of the window, up to a day ahead.
			truth := history.Series{Start: hour(0).AddDate(0, 0, -20), Step: meter.Step, CPU: make([]int64, 25*288)}
			load := valley.Load{Start: truth.Start, Step: truth.Step, CPU: truth.CPU}
			load.Add(base, truth.Start, time.Time{})
			objects := []*unstructured.Unstructured{of}
			used := int64(base)
			for at := schedule.Next(truth.Start); at.Before(test.now.Add(day)); at = schedule.Next(at) {
				if at.Before(of.GetCreationTimestamp().Time) || at.Hour() == 15 {
					continue
				}
				load.Add(run, at, at.Add(time.Hour))
				switch end := at.Add(time.Hour); {
				case at.After(test.now):
				case end.After(test.now):
					objects = append(objects, ranAt(t, of, at, 0))
					used += run
				default:
					objects = append(objects, ranAt(t, of, at, time.Hour))
				}
			}
			ended := len(objects) - 1
			if used > base {
				ended--
			}
			objects = append(objects[:1], objects[1+max(0, ended-test.kept):]...)
			past := history.Series{Start: truth.Start, Step: truth.Step, CPU: truth.CPU[:test.now.Sub(truth.Start)/truth.Step]}
			b := Of(clusterOf(t, objects...), policy.At(test.now, policies(t, byDay+"deadline: {expectedRunTime: 1h}")), test.now)
			b.Waiting(nil, 10_000)
			_, work := b.Ahead(past, day)
			got := work.Ahead(test.now, meter.Load{Used: used, Capacity: 10_000, At: test.now}, past, day)
			for i, cpu := range got.CPU {
				at := test.now.Add(time.Duration(i) * meter.Step)
				if want, _ := truth.At(at); cpu < want-50 || cpu > want+50 {
					t.Fatalf("at %s it is forecast as %d, and will be %d", at, cpu, want)
				}
			}
		})
	}
}

// TestFill: what is known to come is never released; and where all Jobs are alike, so that none fits better than another, the
// level is not lower for it.
func TestFill(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	higher := 0
	for round := range 500 {
		alike, took := round%2 == 0, 5+random.IntN(100)
		var objects []*unstructured.Unstructured
		for i := range 1 + random.IntN(4) {
			objects = append(objects, cronJob(t, fmt.Sprint("c", i), fmt.Sprintf(`schedule: "%d * * * *"`, random.IntN(60)), labelled))
		}
		now := noon.Add(time.Duration(random.IntN(24*60)) * time.Minute)
		text := strings.Replace(byDay, "50", "100", 1) + fmt.Sprintf("deadline: {expectedRunTime: %dm, after: %dh}\n", 5+random.IntN(100), 1+random.IntN(30))
		b := Of(clusterOf(t, objects...), policy.At(now, policies(t, text)), now)
		q := valley.Question{Now: now, Load: valley.Load{Start: now, Step: meter.Step}}
		for range 288 {
			q.Load.CPU = append(q.Load.CPU, 1000+random.Int64N(3000))
		}
		for i := range 1 + random.IntN(20) {
			j := valley.Job{Name: fmt.Sprint("waits-", i), Created: now, CPU: 1000, RunTime: time.Duration(took) * time.Minute}
			if !alike {
				j.CPU, j.RunTime = random.Int64N(2000), time.Duration(random.IntN(100))*time.Minute
			}
			q.Jobs = append(q.Jobs, j)
		}
		alone := valley.Fill(&q)
		b.Waiting(nil, 1_000_000)
		expected, _ := b.Ahead(history.Series{}, day)
		q.Jobs = append(q.Jobs, expected...)
		together := valley.Fill(&q)
		for _, r := range together.Release {
			if !strings.HasPrefix(r.Name, "waits-") {
				t.Fatalf("%s is released, and does not exist", r.Name)
			}
		}
		if alike && together.Level < alone.Level-alone.Level/128 {
			t.Errorf("the level is %d with %d that will come, and %d without", together.Level, len(expected), alone.Level)
		}
		if together.Level > alone.Level {
			higher++
		}
	}
	if higher < 100 {
		t.Errorf("the level is higher in %d cases", higher)
	}
}
