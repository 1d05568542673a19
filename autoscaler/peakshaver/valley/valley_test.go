package valley

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var midnight = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// at is a time of the day, in hours.
func at(hours float64) time.Time { return midnight.Add(time.Duration(hours * float64(time.Hour))) }

// hourly is a load of an hour each, from midnight on.
func hourly(cpu ...int64) Load { return Load{Start: midnight, Step: time.Hour, CPU: cpu} }

func names(releases []Release) string {
	var all []string
	for _, r := range releases {
		all = append(all, r.Name+" "+string(r.Reason))
	}
	return strings.Join(all, ", ")
}

func TestFill(t *testing.T) {
	for name, test := range map[string]struct {
		reason string
		q      Question
		want   string
		level  int64
		next   time.Time
	}{
		"nothing waits": {
			reason: "there is nothing to ask again for",
			q:      Question{Load: hourly(1, 2, 3)},
		},
		"a valley": {
			reason: "one at a time keeps the load at 2, and the one that is due first goes first",
			q: Question{Load: hourly(1, 1, 9), Jobs: []Job{
				{Name: "later", CPU: 1, RunTime: time.Hour, Latest: at(2)}, {Name: "first", CPU: 1, RunTime: time.Hour, Latest: at(1)},
			}},
			want: "first Room", level: 2, next: at(1),
		},
		"the peak is now": {
			reason: "what can wait waits for the valley",
			q:      Question{Load: hourly(9, 1, 1), Jobs: []Job{{Name: "a", CPU: 1, RunTime: time.Hour, Latest: at(2)}}},
			level:  2, next: at(1),
		},
		"the whole run counts": {
			reason: "a run of two hours has no room before the peak of the second hour",
			q:      Question{Load: hourly(1, 9, 1, 1), Jobs: []Job{{Name: "a", CPU: 1, RunTime: 2 * time.Hour}, {Name: "short", CPU: 1, RunTime: time.Hour}}},
			want:   "short Room", level: 2, next: at(1),
		},
		"no room under the ceiling": {
			reason: "without a deadline it waits",
			q:      Question{Load: hourly(5, 5), Jobs: []Job{{Name: "a", CPU: 2, RunTime: time.Hour, Ceiling: 6}}},
			next:   at(1),
		},
		"a deadline beats the ceiling": {
			reason: "it goes where it is least in the way, which is now",
			q:      Question{Load: hourly(5, 6), Jobs: []Job{{Name: "a", CPU: 2, RunTime: time.Hour, Latest: at(1), Ceiling: 6}}},
			want:   "a Deadline",
		},
		"not yet": {
			reason: "the next hour is calmer, and in time",
			q:      Question{Load: hourly(7, 6), Jobs: []Job{{Name: "a", CPU: 2, RunTime: time.Hour, Latest: at(2), Ceiling: 6}}},
			next:   at(1),
		},
		"inside its window": {
			reason: "it would start too late when the window closes: it goes when there is room below the lowest load until then",
			q: Question{Load: hourly(5, 7, 6, 1), Jobs: []Job{
				{Name: "hurries", CPU: 2, RunTime: time.Hour, Earliest: at(3), Latest: at(2)}, {Name: "waits", CPU: 2, RunTime: time.Hour, Earliest: at(3), Latest: at(4)},
			}},
			want: "hurries Deadline", level: 7, next: at(1),
		},
		"one that hurries does not raise the valley": {
			reason: "it will start in the busy hour, and the other waits for the calm one all the same",
			q: Question{Load: hourly(2, 5, 1, 1), Jobs: []Job{
				{Name: "hurries", CPU: 1, RunTime: time.Hour, Created: at(1), Earliest: at(3), Latest: at(2)}, {Name: "waits", CPU: 3, RunTime: time.Hour},
			}},
			level: 6, next: at(1),
		},
		"too late": {
			reason: "a deadline that is missed already is missed by less",
			q:      Question{Load: hourly(9, 1), Jobs: []Job{{Name: "a", CPU: 1, RunTime: time.Hour, Latest: at(-5)}}},
			want:   "a Room", level: 10,
		},
		"before the windows open": {
			reason: "a run is over before they do, if it can be: one of three hours cannot, and starts when the other has ended",
			q: Question{Load: hourly(1, 1, 1, 1), Jobs: []Job{
				{Name: "long", CPU: 2, RunTime: 2 * time.Hour, Until: at(2)}, {Name: "longer", CPU: 2, RunTime: 3 * time.Hour, Until: at(2)},
			}},
			want: "long Room", level: 3, next: at(1),
		},
		"one that is to come": {
			reason: "room is kept for it",
			q: Question{Load: hourly(1, 1, 9), Jobs: []Job{
				{Name: "here", CPU: 1, RunTime: time.Hour, Latest: at(1)}, {Name: "comes", CPU: 1, RunTime: time.Hour, Created: at(1), Latest: at(2)},
			}},
			want: "here Room", level: 2, next: at(1),
		},
		"of equals the first group": {
			reason: "order decides among those that are equally urgent",
			q: Question{Load: hourly(1, 1), Jobs: []Job{
				{Name: "a", CPU: 1, RunTime: time.Hour, Order: 1}, {Name: "b", CPU: 1, RunTime: time.Hour, Order: 0},
			}},
			want: "b Room", level: 2, next: at(1),
		},
		"unknown use": {
			reason: "it counts as the largest that waits",
			q: Question{Load: hourly(0, 0, 9000), Jobs: []Job{
				{Name: "known", CPU: 3000, RunTime: time.Hour, Latest: at(1)}, {Name: "unknown", RunTime: time.Hour, Latest: at(2)},
			}},
			want: "known Room", level: 3001, next: at(1),
		},
		"unknown run time": {
			reason: "it is taken to run for all that is planned, and there is no calmer time for that",
			q:      Question{Load: hourly(1, 9), Jobs: []Job{{Name: "a", CPU: 1}}},
			want:   "a Room", level: 10,
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.q.Now = midnight
			got := Fill(&test.q)
			if names(got.Release) != test.want || got.Level != test.level || !got.Next.Equal(test.next) {
				t.Errorf("%s: got %q up to %d, again at %s; want %q up to %d, again at %s",
					test.reason, names(got.Release), got.Level, got.Next, test.want, test.level, test.next)
			}
		})
	}
}

// TestBlind: where the load is not known, Jobs come one by one over the ramp, and deadlines are met.
func TestBlind(t *testing.T) {
	q := Question{Now: midnight}
	for i := range 1000 {
		q.Jobs = append(q.Jobs, Job{Name: fmt.Sprint("job-", i), Created: at(-9), Earliest: at(-1)})
	}
	q.Jobs = append(q.Jobs, Job{Name: "due", Earliest: at(9), Latest: midnight}, Job{Name: "waits", Earliest: at(9), Latest: at(1)})
	for _, test := range []struct {
		hours       float64
		known       time.Time
		least, most int
		due         bool
	}{
		{hours: -1, least: 1, most: 3},
		{hours: -0.5, least: 450, most: 550},
		{hours: 0, least: 1000, most: 1000},
		{hours: 0, known: midnight, least: 1, most: 3},
		{hours: 0.5, known: midnight, least: 450, most: 550},
	} {
		q.Now, q.Known = at(test.hours), test.known
		got := Fill(&q)
		n := len(got.Release)
		if q.Now.Before(midnight) {
			n++ // due
		}
		if n-1 < test.least-1 || n-1 > test.most {
			t.Errorf("%.1f h after midnight, with a load known last at %s: %d are released", test.hours, test.known, n)
		}
		if due := len(got.Release) > 0 && got.Release[0] == (Release{"due", Deadline}); due != !q.Now.Before(midnight) {
			t.Errorf("%.1f h after midnight, due is released: %v", test.hours, due)
		}
		if slices.Contains(got.Release, Release{"waits", NoUsage}) || !got.Next.After(q.Now) {
			t.Errorf("%.1f h after midnight: %v, again at %s", test.hours, names(got.Release), got.Next)
		}
	}
}

func TestAdd(t *testing.T) {
	l := hourly(0, 0, 0)
	l.Add(100, at(0.5), at(1.25))
	l.Add(7, at(-3), at(1))
	l.Add(1000, at(2), time.Time{})
	l.Add(5, at(3), at(9))
	if diff := cmp.Diff([]int64{57, 25, 1000}, l.CPU); diff != "" {
		t.Error(diff)
	}
}

// draw is a random question of up to so many Jobs.
func draw(random *rand.Rand, jobs int) Question {
	q := Question{Now: midnight, Load: Load{Start: midnight, Step: 10 * time.Minute}}
	for range 6 + random.IntN(40) {
		q.Load.CPU = append(q.Load.CPU, random.Int64N(40))
	}
	moment := func() time.Time { return midnight.Add(time.Duration(random.IntN(600)-100) * time.Minute) }
	for i := range random.IntN(jobs) {
		j := Job{Name: fmt.Sprint("j", i), Created: midnight.Add(-time.Duration(random.IntN(300)) * time.Minute), CPU: random.Int64N(20),
			RunTime: time.Duration(random.IntN(120)) * time.Minute, Order: random.IntN(3)}
		for _, field := range []*time.Time{&j.Earliest, &j.Latest, &j.Until} {
			if random.IntN(2) == 0 {
				*field = moment()
			}
		}
		if random.IntN(2) == 0 {
			j.Ceiling = random.Int64N(60)
		}
		q.Jobs = append(q.Jobs, j)
	}
	return q
}

// twin places one Job by trying every start and adding up every step, as Fill says it in words.
type twin struct {
	load []int64
	step time.Duration
}

func (w *twin) span(j *Job) int {
	if j.RunTime == 0 {
		return len(w.load)
	}
	n := 0
	for time.Duration(n)*w.step < j.RunTime {
		n++
	}
	return n
}

// peak of a run that starts at a step.
func (w *twin) peak(j *Job, start int) int64 {
	most := int64(0)
	for i := start; i < start+w.span(j) && i < len(w.load); i++ {
		most = max(most, w.load[i])
	}
	return most
}

func (w *twin) starts(j *Job, earliest, latest time.Time) []int {
	var all []int
	for i := range w.load {
		begin := midnight.Add(time.Duration(i) * w.step)
		if !begin.Before(earliest) && (latest.IsZero() || !begin.After(latest)) {
			all = append(all, i)
		}
	}
	if !latest.IsZero() && latest.Before(midnight) && !earliest.After(midnight) {
		return []int{0}
	}
	return all
}

// choose a start as the rules of Fill have it, at a level.
func (w *twin) choose(j *Job, level int64) (start int, reason Reason) {
	earliest := j.Earliest
	if j.Created.After(earliest) {
		earliest = j.Created
	}
	hurries := false
	latest := j.Latest
	if !latest.IsZero() { // with a step to spare
		if latest = latest.Add(-w.step); latest.Before(midnight) {
			latest = midnight
		}
	}
	starts := w.starts(j, earliest, latest)
	if end := midnight.Add(time.Duration(len(w.load)-1) * w.step); len(starts) == 0 && !latest.IsZero() && latest.Before(end) {
		hurries, starts = true, w.starts(j, j.Created, latest)
		if len(starts) == 0 {
			starts = []int{0}
		}
	}
	if j.Ceiling > 0 {
		level = min(level, j.Ceiling)
	}
	for _, i := range starts {
		within := j.Until.IsZero() || !midnight.Add(time.Duration(i)*w.step+j.RunTime).After(j.Until)
		if canEver := !j.Until.IsZero() && midnight.Add(time.Duration(starts[0])*w.step+j.RunTime).After(j.Until); canEver {
			within = true
		}
		if within && w.peak(j, i)+j.CPU <= level {
			return i, map[bool]Reason{true: Deadline, false: Room}[hurries]
		}
	}
	if j.Latest.IsZero() || len(starts) == 0 {
		return 0, ""
	}
	slices.Reverse(starts)
	return slices.MinFunc(starts, func(a, b int) int { return int(w.peak(j, a) - w.peak(j, b)) }), Deadline
}

// TestTwin compares Fill with one Job, and at the level that it says, with the twin.
func TestTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[Reason]int{}
	for range 20_000 {
		q := draw(random, 2)
		if len(q.Jobs) == 0 {
			continue
		}
		j := &q.Jobs[0]
		j.CPU++ // known
		w := twin{load: q.Load.CPU, step: q.Load.Step}
		got := Fill(&q)
		start, reason := w.choose(j, got.Level)
		want := ""
		if reason != "" && start == 0 {
			want = j.Name + " " + string(reason)
		}
		seen[reason]++
		if names(got.Release) != want {
			t.Fatalf("%+v of %+v up to %d: released %q, want %q", *j, q.Load.CPU, got.Level, names(got.Release), want)
		}
		if _, lower := w.choose(j, got.Level-1-got.Level/64); lower == Room {
			t.Fatalf("%+v of %+v has room below the level %d, too", *j, q.Load.CPU, got.Level)
		}
	}
	if seen[Room] < 1000 || seen[Deadline] < 1000 || seen[""] < 1000 {
		t.Errorf("the cases are too few: %v", seen)
	}
}

// played is a Job that was started.
type played struct {
	*Job
	start  time.Time
	reason Reason
}

// play asks at every step until nobody waits or the load ends, with forecasts that are exact, and shuffles the question each
// time: it comes from another process.
func play(random *rand.Rand, q Question) (all []played, load Load) {
	load = Load{Start: q.Load.Start, Step: q.Load.Step, CPU: slices.Clone(q.Load.CPU)}
	waiting := slices.Clone(q.Jobs)
	for i := range load.CPU {
		now := load.Start.Add(time.Duration(i) * load.Step)
		random.Shuffle(len(waiting), func(a, b int) { waiting[a], waiting[b] = waiting[b], waiting[a] })
		answer := Fill(&Question{Now: now, Jobs: slices.Clone(waiting), Load: Load{Start: now, Step: load.Step, CPU: load.CPU[i:]}})
		for _, r := range answer.Release {
			k := slices.IndexFunc(waiting, func(j Job) bool { return j.Name == r.Name })
			j := waiting[k]
			waiting = slices.Delete(waiting, k, k+1)
			all = append(all, played{&j, now, r.Reason})
			steps := int((j.RunTime + load.Step - 1) / load.Step)
			if j.RunTime == 0 {
				steps = len(load.CPU)
			}
			for s := i; s < min(i+steps, len(load.CPU)); s++ {
				load.CPU[s] += j.CPU
			}
		}
	}
	return all, load
}

// TestPlay: what must hold of every day that is played with exact forecasts.
func TestPlay(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		q := draw(random, 30)
		for i := range q.Jobs {
			q.Jobs[i].CPU++
			q.Jobs[i].Created = midnight
		}
		all, load := play(random, q)
		started := map[string]played{}
		for _, p := range all {
			started[p.Name] = p
			if p.start.Before(p.Earliest) && p.reason == Room {
				t.Fatalf("%s starts before its earliest start for no deadline", p.Name)
			}
		}
		end := midnight.Add(time.Duration(len(load.CPU)-1) * load.Step)
		for i := range q.Jobs {
			j := &q.Jobs[i]
			p, ok := started[j.Name]
			if !j.Latest.IsZero() && j.Latest.Before(end) && (!ok || p.start.After(j.Latest) && p.start.After(midnight)) {
				t.Fatalf("%s misses its deadline: it starts at %s, latest %s", j.Name, p.start, j.Latest)
			}
		}
		checkCeilings(t, all, load)
	}
}

// checkCeilings: while one runs that was released into room, the load is above its ceiling only where one runs that a
// deadline forced.
func checkCeilings(t *testing.T, all []played, load Load) {
	t.Helper()
	runs := func(p *played, i int) bool {
		begin := load.Start.Add(time.Duration(i) * load.Step)
		return !begin.Before(p.start) && (p.RunTime == 0 || begin.Before(p.start.Add(p.RunTime)))
	}
	for i, cpu := range load.CPU {
		forced := slices.ContainsFunc(all, func(p played) bool { return p.reason == Deadline && runs(&p, i) })
		for k := range all {
			// One without a ceiling may start after it, up to the level.
			lowest := slices.ContainsFunc(all, func(p played) bool {
				return !p.start.Before(all[k].start) && (p.Ceiling == 0 || p.Ceiling > all[k].Ceiling)
			})
			if p := &all[k]; p.reason == Room && p.Ceiling > 0 && cpu > p.Ceiling && runs(p, i) && !forced && !lowest {
				t.Fatalf("the load is %d at step %d, above the ceiling %d of %s, and no deadline forced it", cpu, i, p.Ceiling, p.Name)
			}
		}
	}
}

// TestNoStampede: when a window ends at once for many, the load rises no higher than it must, and stays there.
func TestNoStampede(t *testing.T) {
	q := Question{Now: midnight, Load: Load{Start: midnight, Step: 5 * time.Minute, CPU: make([]int64, 96)}}
	for i := range 480 {
		q.Jobs = append(q.Jobs, Job{Name: fmt.Sprint(i), CPU: 1000, RunTime: 20 * time.Minute, Latest: at(7.5), Ceiling: 100_000})
	}
	_, load := play(rand.New(rand.NewPCG(5, 6)), q)
	// 480 runs of 4 steps in 94 steps, in which the last may start at step 90: 23 rounds, of 20.9.
	if most := slices.Max(load.CPU); most > 23_000 {
		t.Errorf("the load rises to %d", most)
	}
	if first := load.CPU[0]; first < 20_000 {
		t.Errorf("the valley is filled with %d only at first", first)
	}
}

// FuzzFill: each answer releases some of the Jobs, each once and none that is to come, in whatever order they are named,
// whether the load is known or not.
func FuzzFill(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 7))
		q := draw(random, 40)
		for i := range q.Jobs {
			if random.IntN(5) == 0 {
				q.Jobs[i].Created = midnight.Add(time.Duration(1 + random.Int64N(int64(12*time.Hour))))
			}
		}
		if random.IntN(4) == 0 {
			q.Load = Load{}
		}
		got := Fill(&q)
		load := slices.Clone(q.Load.CPU)
		random.Shuffle(len(q.Jobs), func(i, j int) { q.Jobs[i], q.Jobs[j] = q.Jobs[j], q.Jobs[i] })
		if diff := cmp.Diff(got, Fill(&q)); diff != "" {
			t.Errorf("the order of the Jobs matters: %s", diff)
		}
		if diff := cmp.Diff(load, q.Load.CPU); diff != "" {
			t.Errorf("the question was changed: %s", diff)
		}
		seen := map[string]bool{}
		for _, r := range got.Release {
			if seen[r.Name] {
				t.Errorf("%s is released twice", r.Name)
			}
			seen[r.Name] = true
		}
		for i := range q.Jobs {
			j := &q.Jobs[i]
			switch due := !j.Latest.IsZero() && !j.Latest.After(q.Now); {
			case j.Created.After(q.Now) && seen[j.Name]:
				t.Errorf("%s is to come and is released", j.Name)
			case !j.Created.After(q.Now) && due && !seen[j.Name]:
				t.Errorf("%s is due and waits", j.Name)
			}
		}
		if waits := len(seen) < len(q.Jobs); waits != got.Next.After(q.Now) {
			t.Errorf("%d of %d are released, and the next question is at %s", len(seen), len(q.Jobs), got.Next)
		}
	})
}
