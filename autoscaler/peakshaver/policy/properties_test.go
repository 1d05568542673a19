package policy

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// draw is a source of random policies and objects.
type draw struct{ *rand.Rand }

func (d draw) one(lines ...string) string { return lines[d.IntN(len(lines))] }

func (d draw) policy(tb testing.TB, name string) *Policy {
	windows := d.one(day, night,
		`windows: [{name: w, timeZone: Europe/Berlin, weekdays: [Friday], from: "18:00", to: "08:00", toDaysLater: 3}]`,
		`windows: [{name: w, timeZone: America/New_York, cron: "*/20 9-16 * * *", duration: 10m}]`,
		`windows: [{name: a, timeZone: UTC, from: "08:00", to: "12:00"}, {name: b, timeZone: Asia/Tokyo, from: "01:00", duration: 30h}]`)
	selection, action := jobs, d.one(suspend, suspend, `action: {suspend: false}`)
	switch d.IntN(3) {
	case 0:
		selection, action = deployments, d.one(`action: {replicas: {atMost: 3}}`, `action: {replicas: {atLeast: 6}}`, `action: {replicas: {atMostPercent: 30, atLeast: 2}}`)
	case 1:
		selection, action = autoscalers, d.one(`action: {autoscaler: {maxReplicas: 3}}`, `action: {autoscaler: {minReplicas: 4}}`, `action: {autoscaler: {minReplicasPercent: 50, maxReplicasPercent: 300}}`)
	}
	lines := []string{windows, selection, action, fmt.Sprintf("priority: %d", d.IntN(3)),
		d.one("", "begin: {stagger: 30m}", "begin: {ramp: 45m}", "begin: {stagger: 7m, ramp: 2h}"),
		d.one("", "end: {stagger: 50m}", "end: {ramp: 3h}", "end: {stagger: 11m, ramp: 1h}"), d.one("", "order: [{matchLabels: {tier: free}}]")}
	if selection == jobs {
		lines = append(lines, d.one("", "grace: {running: Stop, minRunTime: 20m}"), d.one("", "deadline: {after: 9h, expectedRunTime: 2h}"), d.one("", "ceiling: {cpu: 80}"))
	}
	return newPolicy(tb, name, lines...)
}

func (d draw) moment() time.Time {
	return clock(0, 0).Add(time.Duration(d.Int64N(int64(14 * 24 * time.Hour)))).Truncate(time.Second)
}

func (d draw) admission() valley.Reason {
	return valley.Reason(d.one("", "", string(valley.Room), string(valley.Deadline), string(valley.NoUsage)))
}

func (d draw) object() *Object {
	o := object(v1alpha1.Job, Values{Suspend: d.IntN(5) == 0})
	switch d.IntN(4) {
	case 0:
		o = object(v1alpha1.Deployment, Values{Replicas: d.Int32N(12)})
		o.Autoscaled = d.IntN(5) == 0
	case 1:
		least := 1 + d.Int32N(6)
		o = object(v1alpha1.HorizontalPodAutoscaler, Values{MinReplicas: least, MaxReplicas: least + d.Int32N(10)})
	case 2:
		o.Kind = v1alpha1.CronJob
	default:
		o.Job = &Job{Created: d.moment(), Held: d.IntN(2) == 0, Admitted: d.admission(), Released: d.IntN(9) == 0, Finished: d.IntN(8) == 0}
		if d.IntN(2) == 0 {
			o.Job.Started = o.Job.Created.Add(time.Minute)
		}
	}
	o.UID = fmt.Sprint(d.Uint64())
	if d.IntN(2) == 0 {
		o.Labels = labels.Set{"tier": "free"}
	}
	return o
}

// FuzzDecide draws policies, an object and a moment, and checks what must hold of every decision.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		d := draw{rand.New(rand.NewPCG(seed, 1))}
		var policies []*Policy
		for i := range 1 + d.IntN(4) {
			policies = append(policies, d.policy(t, fmt.Sprint("p", i)))
		}
		o, now := d.object(), d.moment()
		got := At(now, policies).Decide(o)
		d.Shuffle(len(policies), func(i, j int) { policies[i], policies[j] = policies[j], policies[i] })
		if diff := cmp.Diff(got, At(now, policies).Decide(o)); diff != "" {
			t.Errorf("the order of the policies matters: %s", diff)
		}
		checkShape(t, o, &got)
		checkOutside(t, now, policies, o, &got)
		until := got.Until
		if until.IsZero() {
			until = now.Add(48 * time.Hour)
		}
		if !until.After(now) {
			t.Fatalf("the decision holds until %s, which is past", until)
		}
		for range 8 {
			between := now.Add(time.Duration(d.Int64N(int64(until.Sub(now)))))
			if later := At(between, policies).Decide(o); later.Want != got.Want {
				t.Errorf("at %s: %+v until %s, but at %s: %+v", now, got.Want, until, between, later.Want)
			}
		}
	})
}

// checkShape: only the fields of the kind are set, in an order that the API server accepts, and nothing that its owner
// suspended runs.
func checkShape(t *testing.T, o *Object, d *Decision) {
	t.Helper()
	w := d.Want
	if o.Kind == v1alpha1.HorizontalPodAutoscaler {
		if w.MinReplicas < 1 || w.MinReplicas > w.MaxReplicas {
			t.Errorf("no bounds of an autoscaler: %+v", w)
		}
		w.MinReplicas, w.MaxReplicas = 0, 0
	}
	if o.Kind == v1alpha1.Deployment {
		if w.Replicas < 0 {
			t.Errorf("no replicas: %+v", w)
		}
		w.Replicas = 0
	}
	if o.Original.Suspend && !w.Suspend {
		t.Errorf("its owner suspended it: %+v", w)
	}
	w.Suspend = false
	if w != (Values{}) {
		t.Errorf("fields of another kind are set: %+v", w)
	}
	if d.Want != o.Original && (len(d.By) == 0 || d.Reason == "") {
		t.Errorf("changed by nobody, or for no reason: %+v", d)
	}
}

// checkOutside: where every window has been closed for longer than staggers and ramps are, the object is as its owner
// made it, unless it waits for room.
func checkOutside(t *testing.T, now time.Time, policies []*Policy, o *Object, d *Decision) {
	t.Helper()
	const longest = 4 * time.Hour
	for _, p := range policies {
		for at := now.Add(-longest); !at.After(now); at = at.Add(5 * time.Minute) {
			if p.Schedule().Open(at) {
				return
			}
		}
	}
	if d.Want != o.Original && d.Reason != WaitingForRoom {
		t.Errorf("outside of every window: %+v", d)
	}
}

// TestBetweenTwin counts the steps whose time has come one by one.
func TestBetweenTwin(t *testing.T) {
	d := draw{rand.New(rand.NewPCG(3, 4))}
	for range 2000 {
		outside, inside := d.Int32N(40), d.Int32N(40)
		s := shifted{begin: clock(8, 0), end: clock(10, 0), rise: time.Duration(d.Int64N(int64(3 * time.Hour))), settle: time.Duration(d.Int64N(int64(time.Hour)))}
		f := phase{now: clock(7, 0).Add(time.Duration(d.Int64N(int64(5 * time.Hour)))), spans: []shifted{s}}
		distance := int(max(inside-outside, outside-inside))
		risen, settled := 0, 0
		for k := 1; k <= distance; k++ {
			if come(f.now, s.begin, s.rise, k, distance) {
				risen++
			}
			if come(f.now, s.end, s.settle, k, distance) {
				settled++
			}
		}
		want := int(outside) + min(risen, distance-settled)
		if inside < outside {
			want = int(outside) - min(risen, distance-settled)
		}
		if got, next := f.between(outside, inside); int(got) != want || !next.IsZero() && !next.After(f.now) {
			t.Fatalf("%+v from %d to %d: got %d until %s, want %d", f, outside, inside, got, next, want)
		}
	}
}

// come tells whether the kth of n steps of a ramp has come: now ≥ start + ramp · k/n.
func come(now, start time.Time, ramp time.Duration, k, n int) bool {
	at := new(big.Rat).Mul(big.NewRat(int64(ramp), int64(n)), big.NewRat(int64(k), 1))
	return !now.Before(start) && big.NewRat(int64(now.Sub(start)), 1).Cmp(at) >= 0
}

// TestLargeNumbers: the arithmetic of ramps does not overflow.
func TestLargeNumbers(t *testing.T) {
	p := newPolicy(t, "p", day, deployments, `action: {replicas: {atMost: 0}}`, `begin: {ramp: 24h}`)
	const most = 1<<31 - 1
	d := At(clock(8, 0).Add(6*time.Hour), []*Policy{p}).Decide(object(v1alpha1.Deployment, Values{Replicas: most}))
	if got, want := d.Want.Replicas, int32(most-most/4); got != want || d.Until.Sub(clock(14, 0)) > time.Millisecond {
		t.Errorf("a quarter of the way there are %d replicas until %s, want %d", got, d.Until, want)
	}
	p = newPolicy(t, "p", day, deployments, `action: {replicas: {atLeastPercent: 1000}}`)
	if d := At(clock(9, 0), []*Policy{p}).Decide(object(v1alpha1.Deployment, Values{Replicas: most})); d.Want.Replicas != most {
		t.Errorf("ten times the most is %d", d.Want.Replicas)
	}
}

// TestReplicasTwin compares caps and floors without ramps with one pass over the policies by priority.
func TestReplicasTwin(t *testing.T) {
	d := draw{rand.New(rand.NewPCG(5, 6))}
	for range 500 {
		type bounds struct{ priority, cap, floor int32 }
		var drawn []bounds
		var policies []*Policy
		for i := range 1 + d.IntN(5) {
			b := bounds{d.Int32N(3), d.Int32N(12), 0}
			b.floor = d.Int32N(b.cap + 1)
			drawn = append(drawn, b)
			policies = append(policies, newPolicy(t, fmt.Sprint(i), day, deployments, fmt.Sprintf(`action: {replicas: {atMost: %d, atLeast: %d}}`, b.cap, b.floor), fmt.Sprintf("priority: %d", b.priority)))
		}
		original := 1 + d.Int32N(12)
		want := original
		for priority := range int32(3) {
			capped, floor := want, int32(0)
			for _, b := range drawn {
				if b.priority == priority {
					capped, floor = min(capped, b.cap), max(floor, b.floor)
				}
			}
			want = max(capped, floor)
		}
		if got := At(clock(9, 0), policies).Decide(object(v1alpha1.Deployment, Values{Replicas: original})).Want.Replicas; got != want {
			t.Fatalf("%d replicas with %+v: got %d, want %d", original, drawn, got, want)
		}
	}
}
