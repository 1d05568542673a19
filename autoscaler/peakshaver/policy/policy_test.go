package policy

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

func noCalendar(v1alpha1.CalendarReference) (*calendar.Holidays, error) {
	return nil, errors.New("there are no calendars here")
}

// day is a window of the test's day, 08:00 to 18:00 UTC, and its night's from 20:00 to 04:00.
const (
	day   = `windows: [{name: day, timeZone: UTC, from: "08:00", to: "18:00"}]`
	night = `windows: [{name: night, timeZone: UTC, from: "20:00", to: "04:00", toDaysLater: 1}]`
)

func specOf(tb testing.TB, lines ...string) *v1alpha1.PeakPolicySpec {
	tb.Helper()
	spec := &v1alpha1.PeakPolicySpec{}
	if err := yaml.UnmarshalStrict([]byte(strings.Join(lines, "\n")), spec); err != nil {
		tb.Fatalf("%v in %s", err, lines)
	}
	return spec
}

// newPolicy is a cluster's policy of a name.
func newPolicy(tb testing.TB, name string, lines ...string) *Policy {
	tb.Helper()
	p, errs := Compile("", name, specOf(tb, lines...), noCalendar)
	if len(errs) > 0 {
		tb.Fatal(errs.ToAggregate())
	}
	return p
}

// clock is a time of the tests' day.
func clock(hour, minute int) time.Time {
	return time.Date(2026, time.November, 24, hour, minute, 0, 0, time.UTC)
}

func object(kind v1alpha1.TargetKind, original Values) *Object {
	return &Object{Kind: kind, Namespace: "shop", Name: "it", UID: "1", Labels: labels.Set{"tier": "batch"}, Original: original}
}

func job(j Job) *Object {
	o := object(v1alpha1.Job, Values{})
	o.Job = &j
	return o
}

const (
	jobs        = `selection: {kinds: [Job, CronJob]}`
	deployments = `selection: {kinds: [Deployment]}`
	autoscalers = `selection: {kinds: [HorizontalPodAutoscaler]}`
	suspend     = `action: {suspend: true}`
)

func TestDecide(t *testing.T) {
	deployment := func(n int32) *Object { return object(v1alpha1.Deployment, Values{Replicas: n}) }
	autoscaler := func(least, most int32) *Object {
		return object(v1alpha1.HorizontalPodAutoscaler, Values{MinReplicas: least, MaxReplicas: most})
	}
	for name, test := range map[string]struct {
		policies [][]string
		object   *Object
		now      time.Time
		want     Values
		reason   Reason
		until    time.Time
		by       []string
	}{
		"before the window": {[][]string{{day, jobs, suspend}}, job(Job{}), clock(7, 59), Values{}, "", clock(8, 0), nil},
		"in the window":     {[][]string{{day, jobs, suspend}}, job(Job{}), clock(8, 0), Values{Suspend: true}, WindowOpen, clock(18, 0), []string{"0"}},
		"after the window":  {[][]string{{day, jobs, suspend}}, job(Job{}), clock(18, 0), Values{}, "", clock(32, 0), nil},
		"suspended by its owner, after": {
			[][]string{{day, jobs, suspend}}, object(v1alpha1.CronJob, Values{Suspend: true}), clock(18, 0), Values{Suspend: true}, "", clock(32, 0), nil,
		},
		"a CronJob": {[][]string{{day, jobs, suspend}}, object(v1alpha1.CronJob, Values{}), clock(9, 0), Values{Suspend: true}, WindowOpen, clock(18, 0), []string{"0"}},

		"a cap":                {[][]string{{day, deployments, `action: {replicas: {atMost: 2}}`}}, deployment(10), clock(9, 0), Values{Replicas: 2}, WindowOpen, clock(18, 0), []string{"0"}},
		"a cap above":          {[][]string{{day, deployments, `action: {replicas: {atMost: 20}}`}}, deployment(10), clock(9, 0), Values{Replicas: 10}, WindowOpen, clock(18, 0), []string{"0"}},
		"to zero":              {[][]string{{day, deployments, `action: {replicas: {atMost: 0}}`}}, deployment(10), clock(9, 0), Values{}, WindowOpen, clock(18, 0), []string{"0"}},
		"a share, rounded up":  {[][]string{{day, deployments, `action: {replicas: {atMostPercent: 50}}`}}, deployment(3), clock(9, 0), Values{Replicas: 2}, WindowOpen, clock(18, 0), []string{"0"}},
		"a floor":              {[][]string{{day, deployments, `action: {replicas: {atLeast: 5}}`}}, deployment(3), clock(9, 0), Values{Replicas: 5}, WindowOpen, clock(18, 0), []string{"0"}},
		"a floor of nothing":   {[][]string{{day, deployments, `action: {replicas: {atLeast: 5}}`}}, deployment(0), clock(9, 0), Values{}, WindowOpen, clock(18, 0), []string{"0"}},
		"half, but at least 3": {[][]string{{day, deployments, `action: {replicas: {atMostPercent: 50, atLeast: 3}}`}}, deployment(4), clock(9, 0), Values{Replicas: 3}, WindowOpen, clock(18, 0), []string{"0"}},

		"an autoscaler":      {[][]string{{day, autoscalers, `action: {autoscaler: {minReplicas: 1, maxReplicas: 4}}`}}, autoscaler(2, 10), clock(9, 0), Values{MinReplicas: 1, MaxReplicas: 4}, WindowOpen, clock(18, 0), []string{"0"}},
		"max below min":      {[][]string{{day, autoscalers, `action: {autoscaler: {maxReplicas: 2}}`}}, autoscaler(5, 10), clock(9, 0), Values{MinReplicas: 2, MaxReplicas: 2}, WindowOpen, clock(18, 0), []string{"0"}},
		"min above max":      {[][]string{{day, autoscalers, `action: {autoscaler: {minReplicas: 12}}`}}, autoscaler(5, 10), clock(9, 0), Values{MinReplicas: 12, MaxReplicas: 12}, WindowOpen, clock(18, 0), []string{"0"}},
		"a share of 0 is 0":  {[][]string{{day, autoscalers, `action: {autoscaler: {minReplicasPercent: 50, maxReplicas: 4}}`}}, autoscaler(0, 10), clock(9, 0), Values{MinReplicas: 0, MaxReplicas: 4}, WindowOpen, clock(18, 0), []string{"0"}},
		"shares, at least 1": {[][]string{{day, autoscalers, `action: {autoscaler: {minReplicasPercent: 10, maxReplicasPercent: 50}}`}}, autoscaler(1, 3), clock(9, 0), Values{MinReplicas: 1, MaxReplicas: 2}, WindowOpen, clock(18, 0), []string{"0"}},

		"a paused ScaledObject": {[][]string{{day, `selection: {kinds: [ScaledObject]}`, `action: {pauseScaledObjects: true}`}}, object(v1alpha1.ScaledObject, Values{}), clock(9, 0), Values{Paused: true}, WindowOpen, clock(18, 0), []string{"0"}},
		"a queue":               {[][]string{{day, `selection: {kinds: [LocalQueue]}`, `action: {stopQueues: Hold}`}}, object(v1alpha1.LocalQueue, Values{}), clock(9, 0), Values{StopPolicy: "Hold"}, WindowOpen, clock(18, 0), []string{"0"}},
		"a drained queue":       {[][]string{{day, `selection: {kinds: [LocalQueue]}`, `action: {stopQueues: Hold}`}}, object(v1alpha1.LocalQueue, Values{StopPolicy: "HoldAndDrain"}), clock(9, 0), Values{StopPolicy: "HoldAndDrain"}, WindowOpen, clock(18, 0), []string{"0"}},

		"a running Job is let finish":     {[][]string{{day, jobs, suspend}}, job(Job{Started: clock(7, 0)}), clock(9, 0), Values{}, Finishing, clock(18, 0), []string{"0"}},
		"one that slipped in is not":      {[][]string{{day, jobs, suspend}}, job(Job{Started: clock(8, 30)}), clock(9, 0), Values{Suspend: true}, WindowOpen, clock(18, 0), []string{"0"}},
		"a running Job is stopped":        {[][]string{{day, jobs, suspend, `grace: {running: Stop}`}}, job(Job{Started: clock(7, 0)}), clock(9, 0), Values{Suspend: true}, WindowOpen, clock(18, 0), []string{"0"}},
		"but not when it has just begun":  {[][]string{{day, jobs, suspend, `grace: {running: Stop, minRunTime: 2h}`}}, job(Job{Started: clock(7, 30)}), clock(9, 0), Values{}, TooYoung, clock(9, 30), []string{"0"}},
		"it has run long enough":          {[][]string{{day, jobs, suspend, `grace: {running: Stop, minRunTime: 2h}`}}, job(Job{Started: clock(7, 0)}), clock(9, 0), Values{Suspend: true}, WindowOpen, clock(18, 0), []string{"0"}},
		"a finished Job is no one's":      {[][]string{{day, jobs, suspend}}, job(Job{Finished: true}), clock(9, 0), Values{}, "", clock(18, 0), nil},
		"a deadline is far":               {[][]string{{day, jobs, suspend, `deadline: {expectedRunTime: 1h, margin: 50}`}}, job(Job{Deadline: clock(15, 0)}), clock(9, 0), Values{Suspend: true}, WindowOpen, clock(13, 30), []string{"0"}},
		"a deadline is near":              {[][]string{{day, jobs, suspend, `deadline: {expectedRunTime: 1h, margin: 50}`}}, job(Job{Deadline: clock(15, 0)}), clock(13, 30), Values{}, Deadline, clock(18, 0), []string{"0"}},
		"by the policy's own time":        {[][]string{{day, jobs, suspend, `deadline: {after: 6h, expectedRunTime: 1h}`}}, job(Job{Created: clock(8, 0)}), clock(12, 48), Values{}, Deadline, clock(18, 0), []string{"0"}},
		"a forecast is better":            {[][]string{{day, jobs, suspend, `deadline: {expectedRunTime: 1h, margin: 0}`}}, job(Job{Deadline: clock(15, 0), RunTime: history.RunTime{Likely: 4 * time.Hour, Surely: 5 * time.Hour}}), clock(10, 0), Values{}, Deadline, clock(18, 0), []string{"0"}},
		"steady runs have the margin":     {[][]string{{day, jobs, suspend, `deadline: {expectedRunTime: 1h, margin: 50}`}}, job(Job{Deadline: clock(15, 0), RunTime: history.RunTime{Mean: 4 * time.Hour, Likely: 4 * time.Hour, Surely: 5 * time.Hour}}), clock(9, 0), Values{}, Deadline, clock(18, 0), []string{"0"}},
		"runs that vary have their own":   {[][]string{{day, jobs, suspend, `deadline: {expectedRunTime: 1h, margin: 10}`}}, job(Job{Deadline: clock(15, 0), RunTime: history.RunTime{Mean: 4 * time.Hour, Likely: 4 * time.Hour, Surely: 5 * time.Hour}}), clock(9, 59), Values{Suspend: true}, WindowOpen, clock(10, 0), []string{"0"}},
		"too late to be sure":             {[][]string{{day, jobs, suspend, `deadline: {expectedRunTime: 1h, margin: 0}`}}, job(Job{Created: clock(8, 30), Deadline: clock(13, 0), RunTime: history.RunTime{Likely: 3 * time.Hour, Surely: 5 * time.Hour}}), clock(9, 0), Values{Suspend: true}, WindowOpen, clock(10, 0), []string{"0"}},
		"without a deadline":              {[][]string{{day, jobs, suspend, `deadline: {expectedRunTime: 1h}`}}, job(Job{}), clock(17, 0), Values{Suspend: true}, WindowOpen, clock(18, 0), []string{"0"}},
		"no room yet":                     {[][]string{{day, jobs, suspend, `ceiling: {cpu: 80}`}}, job(Job{Held: true}), clock(18, 5), Values{Suspend: true}, WaitingForRoom, clock(32, 0), []string{"0"}},
		"room":                            {[][]string{{day, jobs, suspend, `ceiling: {cpu: 80}`}}, job(Job{Held: true, Admitted: valley.Room}), clock(18, 5), Values{}, "", clock(32, 0), nil},
		"a new Job needs no room":         {[][]string{{day, jobs, suspend, `ceiling: {cpu: 80}`}}, job(Job{}), clock(18, 5), Values{}, "", clock(32, 0), nil},
		"no room, but no time either":     {[][]string{{day, jobs, suspend, `ceiling: {cpu: 80}`, `deadline: {expectedRunTime: 1h, margin: 0}`}}, job(Job{Held: true, Deadline: clock(19, 0)}), clock(18, 5), Values{}, Deadline, clock(32, 0), []string{"0"}},
		"by plan, inside its window":      {[][]string{{day, jobs, suspend, `ceiling: {cpu: 80}`}}, job(Job{Held: true, Admitted: valley.Deadline}), clock(9, 0), Values{}, Deadline, clock(18, 0), []string{"0"}},
		"and not stopped again":           {[][]string{{day, jobs, suspend, `ceiling: {cpu: 80}`}}, job(Job{Started: clock(9, 0), Released: true}), clock(9, 5), Values{}, Deadline, clock(18, 0), []string{"0"}},
		"room is for valleys":             {[][]string{{day, jobs, suspend, `ceiling: {cpu: 80}`}}, job(Job{Held: true, Admitted: valley.Room}), clock(9, 0), Values{Suspend: true}, WindowOpen, clock(18, 0), []string{"0"}},
		"what an autoscaler scales":       {[][]string{{day, deployments, `action: {replicas: {atMost: 1}}`}}, &Object{Kind: v1alpha1.Deployment, Namespace: "shop", Original: Values{Replicas: 3}, Autoscaled: true}, clock(9, 0), Values{Replicas: 3}, Autoscaled, clock(18, 0), []string{"0"}},
		"the control plane":               {[][]string{{day, deployments, `action: {replicas: {atMost: 1}}`}}, &Object{Kind: v1alpha1.Deployment, Namespace: "kube-system", Original: Values{Replicas: 3}}, clock(9, 0), Values{Replicas: 3}, Protected, time.Time{}, nil},
		"of a system class":               {[][]string{{day, deployments, `action: {replicas: {atMost: 1}}`}}, &Object{Kind: v1alpha1.Deployment, Namespace: "shop", Original: Values{Replicas: 3}, Priority: 2000000000}, clock(9, 0), Values{Replicas: 3}, Protected, time.Time{}, nil},
		"other labels":                    {[][]string{{day, `selection: {kinds: [Deployment], labels: {matchLabels: {tier: other}}}`, `action: {replicas: {atMost: 1}}`}}, deployment(3), clock(9, 0), Values{Replicas: 3}, "", time.Time{}, nil},
		"too important":                   {[][]string{{day, `selection: {kinds: [Deployment], maxPriority: -1}`, `action: {replicas: {atMost: 1}}`}}, deployment(3), clock(9, 0), Values{Replicas: 3}, "", time.Time{}, nil},
		"another namespace":               {[][]string{{day, `selection: {kinds: [Deployment], namespaces: {names: [other]}}`, `action: {replicas: {atMost: 1}}`}}, deployment(3), clock(9, 0), Values{Replicas: 3}, "", time.Time{}, nil},
		"namespaces of a label":           {[][]string{{day, `selection: {kinds: [Deployment], namespaces: {labels: {matchLabels: {a: b}}}}`, `action: {replicas: {atMost: 1}}`}}, deployment(3), clock(9, 0), Values{Replicas: 3}, "", time.Time{}, nil},
		"exempted by a higher priority":   {[][]string{{day, jobs, suspend}, {day, jobs, `action: {suspend: false}`, `priority: 1`}}, job(Job{}), clock(9, 0), Values{}, Exempted, clock(18, 0), []string{"0", "1"}},
		"exempted, but its owner's":       {[][]string{{day, jobs, `action: {suspend: false}`}}, object(v1alpha1.CronJob, Values{Suspend: true}), clock(9, 0), Values{Suspend: true}, Exempted, clock(18, 0), []string{"0"}},
		"not by a lower one":              {[][]string{{day, jobs, suspend}, {day, jobs, `action: {suspend: false}`, `priority: -1`}}, job(Job{}), clock(9, 0), Values{Suspend: true}, WindowOpen, clock(18, 0), []string{"0", "1"}},
		"a floor above a lower's cap":     {[][]string{{day, deployments, `action: {replicas: {atMost: 2}}`}, {day, deployments, `action: {replicas: {atLeast: 5}}`, `priority: 1`}}, deployment(10), clock(9, 0), Values{Replicas: 5}, WindowOpen, clock(18, 0), []string{"0", "1"}},
		"a cap below a lower's floor":     {[][]string{{day, deployments, `action: {replicas: {atLeast: 5}}`}, {day, deployments, `action: {replicas: {atMost: 2}}`, `priority: 1`}}, deployment(10), clock(9, 0), Values{Replicas: 2}, WindowOpen, clock(18, 0), []string{"0", "1"}},
		"the lowest of equal caps":        {[][]string{{day, deployments, `action: {replicas: {atMost: 2}}`}, {day, deployments, `action: {replicas: {atMost: 3}}`}}, deployment(10), clock(9, 0), Values{Replicas: 2}, WindowOpen, clock(18, 0), []string{"0", "1"}},
		"shares are of the owner's":       {[][]string{{day, deployments, `action: {replicas: {atMostPercent: 50}}`}, {day, deployments, `action: {replicas: {atMostPercent: 50}}`, `priority: 1`}}, deployment(8), clock(9, 0), Values{Replicas: 4}, WindowOpen, clock(18, 0), []string{"0", "1"}},
		"a new cap begins where one left": {[][]string{{day, deployments, `action: {replicas: {atMost: 4}}`}, {`windows: [{name: a, timeZone: UTC, from: "09:00", to: "18:00"}]`, deployments, `action: {replicas: {atMost: 0}}`, `begin: {ramp: 4m}`, `priority: 1`}}, deployment(10), clock(9, 1), Values{Replicas: 3}, WindowOpen, clock(9, 2), []string{"0", "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var policies []*Policy
			for i, lines := range test.policies {
				policies = append(policies, newPolicy(t, fmt.Sprint(i), lines...))
			}
			got := At(test.now, policies).Decide(test.object)
			want := Decision{Want: test.want, Reason: test.reason, Until: test.until, By: test.by}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRamp(t *testing.T) {
	p := newPolicy(t, "p", day, deployments, `action: {replicas: {atMost: 1}}`, `begin: {ramp: 10m}`, `end: {ramp: 20m}`)
	o := object(v1alpha1.Deployment, Values{Replicas: 5})
	at := clock(7, 0)
	var got []string
	for {
		d := At(at, []*Policy{p}).Decide(o)
		got = append(got, fmt.Sprintf("%s %d", at.Format("15:04:05"), d.Want.Replicas))
		if at = d.Until; at.After(clock(19, 0)) || at.IsZero() {
			break
		}
	}
	want := []string{
		"07:00:00 5", "08:00:00 5", "08:02:30 4", "08:05:00 3", "08:07:30 2", "08:10:00 1",
		"18:00:00 1", "18:05:00 2", "18:10:00 3", "18:15:00 4", "18:20:00 5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestStagger: objects of the first group are switched first and released last, evenly, and never all at once.
func TestStagger(t *testing.T) {
	p := newPolicy(t, "p", day, deployments, `action: {replicas: {atMost: 0}}`, `begin: {stagger: 20m}`, `end: {stagger: 40m}`, `order: [{matchLabels: {tier: free}}]`)
	perMinute := map[int]int{}
	for i := range 2000 {
		o := object(v1alpha1.Deployment, Values{Replicas: 1})
		o.Name = fmt.Sprint("it-", i)
		free := i%2 == 0
		if free {
			o.Labels = labels.Set{"tier": "free"}
		}
		down, up := switched(p, o, 0, clock(8, 0)), switched(p, o, 1, clock(18, 0))
		perMinute[int(down/time.Minute)]++
		if free != (down < 10*time.Minute) || free != (up >= 20*time.Minute) || down >= 20*time.Minute || up >= 40*time.Minute {
			t.Fatalf("%s, free %v: switched after %s and released after %s", o.Name, free, down, up)
		}
	}
	if len(perMinute) != 20 {
		t.Errorf("switched in %d of 20 minutes", len(perMinute))
	}
	for minute, n := range perMinute {
		if n > 150 {
			t.Errorf("%d of 2000 are switched in minute %d", n, minute)
		}
	}
}

// switched is how long after edge the replicas become those.
func switched(p *Policy, o *Object, replicas int32, edge time.Time) time.Duration {
	for at := edge; ; {
		d := At(at, []*Policy{p}).Decide(o)
		if d.Want.Replicas == replicas || d.Until.IsZero() {
			return at.Sub(edge)
		}
		at = d.Until
	}
}

// TestShortWindow: a window that closes before an object's turn has come leaves it alone.
func TestShortWindow(t *testing.T) {
	p := newPolicy(t, "p", `windows: [{name: w, timeZone: UTC, from: "08:00", duration: 1m}]`, deployments, `action: {replicas: {atMost: 0}}`,
		`begin: {stagger: 1h}`, `end: {stagger: 1h}`)
	changed := 0
	for i := range 600 {
		o := object(v1alpha1.Deployment, Values{Replicas: 1})
		o.UID = fmt.Sprint(i)
		for minute := range 120 {
			if At(clock(8, minute), []*Policy{p}).Decide(o).Want.Replicas == 0 {
				changed++
				break
			}
		}
	}
	if changed == 0 || changed > 30 {
		t.Errorf("%d of 600 were changed, want the tenth or so whose turn comes within the minute", changed)
	}
}

// TestNewcomers: a Job that is created while others wait for their turn is from the first as those that had theirs.
func TestNewcomers(t *testing.T) {
	p := newPolicy(t, "p", day, jobs, suspend, `begin: {stagger: 2h}`, `end: {stagger: 2h}`)
	for hour := range 24 {
		for minute := 0; minute < 60; minute += 7 {
			for uid := range 20 {
				now := clock(hour, minute)
				o := job(Job{Created: now})
				o.UID = fmt.Sprint(uid)
				if got, want := At(now, []*Policy{p}).Decide(o).Want.Suspend, hour >= 8 && hour < 18; got != want {
					t.Fatalf("created at %s: suspended: %t", now, got)
				}
			}
		}
	}
	early, late := job(Job{Created: clock(8, 30)}), job(Job{Created: clock(7, 0)})
	waits := 0
	for uid := range 50 {
		early.UID, late.UID = fmt.Sprint(uid), fmt.Sprint(uid)
		m := At(clock(8, 45), []*Policy{p})
		if !m.Decide(early).Want.Suspend {
			t.Fatal("a Job that was created in the window runs")
		}
		if !m.Decide(late).Want.Suspend {
			waits++
		}
	}
	if waits < 10 {
		t.Errorf("%d of 50 Jobs that were there before wait for their turn", waits)
	}
}

// TestQueued: what Kueue suspends and releases is left to it, and a Job that is held since before that was known is given back.
func TestQueued(t *testing.T) {
	p := newPolicy(t, "p", day, jobs, suspend)
	if d := At(clock(9, 0), []*Policy{p}).Decide(job(Job{Queued: true, Held: true})); d.Want.Suspend || d.Reason != Queued {
		t.Errorf("in the window: %+v", d)
	}
	if d := At(clock(19, 0), []*Policy{p}).Decide(job(Job{Queued: true})); d.Want.Suspend || d.Reason != "" {
		t.Errorf("after it: %+v", d)
	}
}

// TestAdmissionRules: rules are there while they may be needed; what they mean, the controller's tests compare with Decide.
func TestAdmissionRules(t *testing.T) {
	a, exempt := newPolicy(t, "a", day, jobs, suspend), newPolicy(t, "b", day, jobs, `action: {suspend: false}`)
	scales := newPolicy(t, "c", day, deployments, `action: {replicas: {atMost: 1}}`)
	broken, _ := Compile("shop", "p", specOf(t, `windows: [{name: w, timeZone: Mars/Olympus, from: "08:00", to: "09:00"}]`, jobs, suspend), noCalendar)
	for name, test := range map[string]struct {
		policies []*Policy
		now      time.Time
		want     string
	}{
		"long before":          {[]*Policy{a}, clock(7, 50), ""},
		"just before":          {[]*Policy{a}, clock(7, 59), "a 08:00-18:00"},
		"in the window":        {[]*Policy{exempt, a, scales}, clock(9, 0), "a 08:00-18:00, b 08:00-18:00"},
		"when it has closed":   {[]*Policy{a}, clock(18, 0), ""},
		"nothing to suspend":   {[]*Policy{exempt, scales}, clock(9, 0), ""},
		"one is broken":        {[]*Policy{a, broken}, clock(9, 0), "a 08:00-18:00, shop/p hold"},
		"all that suspend are": {[]*Policy{exempt, broken}, clock(9, 0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, rule := range At(test.now, test.policies).Admission(test.now.Add(2 * time.Minute)) {
				line := rule.Policy + " hold"
				if !rule.Hold {
					line = rule.Policy + rule.Begin.UTC().Format(" 15:04") + rule.End.UTC().Format("-15:04")
				}
				got = append(got, line)
			}
			if got := strings.Join(got, ", "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestLongWindow(t *testing.T) {
	p := newPolicy(t, "p", `windows: [{name: w, timeZone: UTC, from: "00:00", to: "00:00", toDaysLater: 1}]`, jobs, suspend)
	decide := func(started time.Time) Decision {
		return At(clock(9, 0), []*Policy{p}).Decide(job(Job{Started: started}))
	}
	if d := decide(clock(9, 0).AddDate(0, 0, -4)); d.Want.Suspend || d.Reason != Finishing {
		t.Errorf("a Job that may have run when the window opened: %+v", d)
	}
	if d := decide(clock(8, 0)); !d.Want.Suspend {
		t.Errorf("a Job that was started long after the window opened: %+v", d)
	}
}

func TestConflicts(t *testing.T) {
	queues := `selection: {kinds: [LocalQueue]}`
	for name, test := range map[string]struct {
		a, b   []string
		object *Object
		want   Values
		field  string
	}{
		"suspend or not": {[]string{day, jobs, suspend}, []string{day, jobs, `action: {suspend: false}`}, job(Job{}), Values{Suspend: true}, "spec.action.suspend"},
		"floor above cap": {
			[]string{day, deployments, `action: {replicas: {atMost: 2}}`}, []string{day, deployments, `action: {replicas: {atLeast: 5}}`},
			object(v1alpha1.Deployment, Values{Replicas: 10}), Values{Replicas: 5}, "spec.action.replicas",
		},
		"two maxima": {
			[]string{day, autoscalers, `action: {autoscaler: {maxReplicas: 3}}`}, []string{day, autoscalers, `action: {autoscaler: {maxReplicas: 4}}`},
			object(v1alpha1.HorizontalPodAutoscaler, Values{MinReplicas: 1, MaxReplicas: 10}), Values{MinReplicas: 1, MaxReplicas: 3}, "spec.action.autoscaler.maxReplicas",
		},
		"minimum above maximum": {
			[]string{day, autoscalers, `action: {autoscaler: {maxReplicas: 3}}`}, []string{day, autoscalers, `action: {autoscaler: {minReplicas: 4}}`},
			object(v1alpha1.HorizontalPodAutoscaler, Values{MinReplicas: 1, MaxReplicas: 10}), Values{MinReplicas: 4, MaxReplicas: 4}, "spec.action.autoscaler",
		},
		"two stops": {
			[]string{day, queues, `action: {stopQueues: Hold}`}, []string{day, queues, `action: {stopQueues: HoldAndDrain}`},
			object(v1alpha1.LocalQueue, Values{}), Values{StopPolicy: "HoldAndDrain"}, "spec.action.stopQueues",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newPolicy(t, "a", test.a...), newPolicy(t, "b", test.b...)
			got := At(clock(9, 0), []*Policy{b, a}).Decide(test.object)
			if got.Want != test.want {
				t.Errorf("want %+v, got %+v", test.want, got.Want)
			}
			if diff := cmp.Diff([]Conflict{{Field: test.field, Policies: []string{"a", "b"}}}, got.Conflicts); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := At(clock(19, 0), []*Policy{b, a}).Decide(test.object); len(got.Conflicts) > 0 {
				t.Errorf("conflicts outside of every window: %+v", got.Conflicts)
			}
		})
	}
}

func TestBrokenPolicyHolds(t *testing.T) {
	p, errs := Compile("shop", "p", specOf(t, `windows: [{name: w, timeZone: Mars/Olympus, from: "08:00", to: "09:00"}]`, jobs, suspend), noCalendar)
	if len(errs) != 1 || errs[0].Field != "spec.windows[0].timeZone" {
		t.Fatalf("errors are %v", errs)
	}
	good := newPolicy(t, "good", day, jobs, suspend)
	if d := At(clock(9, 0), []*Policy{good, p}).Decide(job(Job{})); !d.Hold || d.Want != (Values{}) || d.Reason != BrokenPolicy {
		t.Errorf("a Job of a broken policy: %+v", d)
	}
	other := job(Job{})
	other.Namespace = "elsewhere"
	if d := At(clock(9, 0), []*Policy{good, p}).Decide(other); d.Hold || !d.Want.Suspend {
		t.Errorf("a Job that the broken policy does not select: %+v", d)
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		namespace string
		lines     []string
		want      []string
	}{
		"the control plane's namespace":  {"kube-system", []string{day, jobs, suspend}, []string{"metadata.namespace"}},
		"the control plane by name":      {"", []string{day, `selection: {kinds: [Job], namespaces: {names: [a, kube-system]}}`, suspend}, []string{"spec.selection.namespaces.names[1]"}},
		"the control plane by priority":  {"", []string{day, `selection: {kinds: [Job], maxPriority: 2000000000}`, suspend}, []string{"spec.selection.maxPriority"}},
		"no kind":                        {"", []string{day, `selection: {}`, suspend}, []string{"spec.selection.kinds"}},
		"is and is not":                  {"", []string{day, `selection: {kinds: [Job], labels: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: NotIn, values: [b]}]}}`, suspend}, []string{"spec.selection.labels"}},
		"two values":                     {"", []string{day, `selection: {kinds: [Job], labels: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [c]}]}}`, suspend}, []string{"spec.selection.labels"}},
		"there and not":                  {"", []string{day, `selection: {kinds: [Job], labels: {matchExpressions: [{key: a, operator: Exists}, {key: a, operator: DoesNotExist}]}}`, suspend}, []string{"spec.selection.labels"}},
		"no operator":                    {"", []string{day, `selection: {kinds: [Job], labels: {matchExpressions: [{key: a, operator: Is}]}}`, suspend}, []string{"spec.selection.labels"}},
		"namespaces of no label":         {"", []string{day, `selection: {kinds: [Job], namespaces: {labels: {matchExpressions: [{key: a, operator: In}]}}}`, suspend}, []string{"spec.selection.namespaces.labels"}},
		"no order":                       {"", []string{day, jobs, suspend, `order: [{}, {matchExpressions: [{key: a, operator: In}]}]`}, []string{"spec.order[1]"}},
		"HPA min 0":                      {"", []string{day, autoscalers, `action: {autoscaler: {minReplicas: 0}}`}, []string{"spec.action.autoscaler.minReplicas"}},
		"HPA max 0":                      {"", []string{day, autoscalers, `action: {autoscaler: {minReplicas: 0, maxReplicasPercent: 0}}`}, []string{"spec.action.autoscaler.minReplicas", "spec.action.autoscaler.maxReplicasPercent"}},
		"all faults at once":             {"", []string{`selection: {}`, suspend}, []string{"spec.windows", "spec.selection.kinds"}},
		"nothing wrong":                  {"shop", []string{day, `selection: {kinds: [Job], labels: {matchExpressions: [{key: a, operator: NotIn, values: [b]}, {key: a, operator: DoesNotExist}]}}`, suspend}, nil},
		"a key that may be missing":      {"", []string{day, `selection: {kinds: [Job], labels: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}}`, suspend}, nil},
		"some values are left":           {"", []string{day, `selection: {kinds: [Job], labels: {matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: a, operator: NotIn, values: [b]}]}}`, suspend}, nil},
		"a calendar that cannot be read": {"", []string{`windows: [{name: w, timeZone: UTC, from: "08:00", to: "09:00", holidays: {configMap: {name: a, key: b}}}]`, jobs, suspend}, []string{"spec.windows[0].holidays.configMap"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, errs := Compile(test.namespace, "p", specOf(t, test.lines...), noCalendar)
			var fields []string
			for _, err := range errs {
				fields = append(fields, err.Field)
			}
			if diff := cmp.Diff(test.want, fields); diff != "" || p.broken != (len(errs) > 0) {
				t.Errorf("%v (-want +got)\n%s", errs, diff)
			}
		})
	}
}

// TestWaiting: what policies tell of a Job that waits.
func TestWaiting(t *testing.T) {
	const ceiling, due = `ceiling: {cpu: 80}`, `deadline: {expectedRunTime: 1h, margin: 0}`
	for name, test := range map[string]struct {
		policies [][]string
		object   *Object
		at       time.Time
		want     *valley.Job
	}{
		"inside its window": {
			[][]string{{day, jobs, suspend, ceiling, due}}, job(Job{Created: clock(8, 0), Deadline: clock(20, 0), CPU: 500, RunTime: history.RunTime{Mean: time.Minute, Likely: 2 * time.Hour, Surely: 3 * time.Hour}}), clock(9, 0),
			&valley.Job{Created: clock(8, 0), Earliest: clock(18, 0), Latest: clock(17, 0), Until: clock(32, 0), CPU: 500, RunTime: time.Minute, Ceiling: 8000},
		},
		"after it":                  {[][]string{{day, jobs, suspend, ceiling}}, job(Job{Held: true}), clock(19, 0), &valley.Job{Earliest: clock(18, 0), Until: clock(32, 0), Ceiling: 8000}},
		"a run time that is given":  {[][]string{{day, jobs, suspend, ceiling, due}}, job(Job{}), clock(9, 0), &valley.Job{Earliest: clock(18, 0), Until: clock(32, 0), RunTime: time.Hour, Ceiling: 8000}},
		"a window that never ends":  {[][]string{{`windows: [{name: always, timeZone: UTC, from: "00:00", to: "24:00"}]`, jobs, suspend, ceiling}}, job(Job{}), clock(9, 0), &valley.Job{Earliest: clock(9, 0).Add(schedule.Foresight), Ceiling: 8000}},
		"the strictest of two":      {[][]string{{day, jobs, suspend, ceiling}, {day, jobs, suspend, `ceiling: {cpu: 50}`, `end: {stagger: 0s}`}}, job(Job{}), clock(9, 0), &valley.Job{Earliest: clock(18, 0), Until: clock(32, 0), Ceiling: 5000}},
		"its group":                 {[][]string{{day, jobs, suspend, ceiling, `order: [{matchLabels: {tier: batch}}, {matchLabels: {tier: other}}]`}}, job(Job{}), clock(9, 0), &valley.Job{Earliest: clock(18, 0), Until: clock(32, 0), Order: 2, Ceiling: 8000}},
		"released already":          {[][]string{{day, jobs, suspend, ceiling, due}}, job(Job{Deadline: clock(17, 0), Released: true}), clock(9, 0), nil},
		"it runs":                   {[][]string{{day, jobs, suspend, ceiling}}, job(Job{}), clock(19, 0), nil},
		"without a ceiling":         {[][]string{{day, jobs, suspend}}, job(Job{}), clock(9, 0), nil},
		"suspended by its owner":    {[][]string{{day, jobs, suspend, ceiling}}, func() *Object { o := job(Job{}); o.Original.Suspend = true; return o }(), clock(9, 0), nil},
		"what it is is not a Job":   {[][]string{{day, deployments, `action: {replicas: {atMost: 1}}`}}, object(v1alpha1.Deployment, Values{Replicas: 3}), clock(9, 0), nil},
		"let finish by its policy":  {[][]string{{day, jobs, suspend, ceiling}}, job(Job{Started: clock(7, 0)}), clock(9, 0), nil},
		"admitted, and asked again": {[][]string{{day, jobs, suspend, ceiling}}, job(Job{Held: true, Admitted: valley.Room}), clock(19, 0), &valley.Job{Earliest: clock(18, 0), Until: clock(32, 0), Ceiling: 8000}},
	} {
		t.Run(name, func(t *testing.T) {
			var policies []*Policy
			for i, lines := range test.policies {
				policies = append(policies, newPolicy(t, fmt.Sprint(i), lines...))
			}
			got, ok := At(test.at, policies).Waiting(test.object, 10_000)
			if ok != (test.want != nil) {
				t.Fatalf("waits: %v", ok)
			}
			if !ok {
				return
			}
			if due := At(test.at, policies).Deadline(test.object); !test.object.Job.Deadline.IsZero() && !due.Equal(test.object.Job.Deadline) {
				t.Errorf("it is due at %s", due)
			}
			test.want.Name = "shop/it"
			if diff := cmp.Diff(*test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestWithoutRoom: a Job waits for room since the first window that it met has closed, whatever windows came after.
func TestWithoutRoom(t *testing.T) {
	const ceiling = `ceiling: {cpu: 80}`
	for name, test := range map[string]struct {
		policies    [][]string
		created, at time.Time
		want        time.Duration
		ceiling     int32
	}{
		"in its first window":       {[][]string{{day, jobs, suspend, ceiling}}, clock(7, 0), clock(9, 0), 0, 80},
		"since it closed":           {[][]string{{day, jobs, suspend, ceiling}}, clock(7, 0), clock(20, 0), 2 * time.Hour, 80},
		"in the next one":           {[][]string{{day, jobs, suspend, ceiling}}, clock(7, 0), clock(33, 0), 15 * time.Hour, 80},
		"after the next one":        {[][]string{{day, jobs, suspend, ceiling}}, clock(7, 0), clock(43, 0), 25 * time.Hour, 80},
		"created after one":         {[][]string{{day, jobs, suspend, ceiling}}, clock(19, 0), clock(33, 0), 0, 80},
		"for the last of two":       {[][]string{{day, jobs, suspend, ceiling}, {day, jobs, suspend, `ceiling: {cpu: 50}`, `end: {stagger: 0s}`}}, clock(7, 0), clock(19, 0), time.Hour, 50},
		"another has it wait still": {[][]string{{day, jobs, suspend, ceiling}, {night, jobs, suspend, ceiling}}, clock(7, 0), clock(23, 0), 0, 80},
		"without a ceiling":         {[][]string{{day, jobs, suspend}}, clock(7, 0), clock(20, 0), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var policies []*Policy
			for i, lines := range test.policies {
				policies = append(policies, newPolicy(t, fmt.Sprint(i), lines...))
			}
			moment := At(test.at, policies)
			since := moment.WithoutRoom(job(Job{Created: test.created, Held: true}))
			want := test.at.Add(-test.want)
			if test.want == 0 {
				want = time.Time{}
			}
			if !since.Equal(want) || moment.Ceiling() != test.ceiling {
				t.Errorf("since %s under %d %%, want %s under %d %%", since, moment.Ceiling(), want, test.ceiling)
			}
		})
	}
}

// TestRunTime: a Job of which no run is known does not run for ever.
func TestRunTime(t *testing.T) {
	const ceiling, hour = `ceiling: {cpu: 80}`, `deadline: {expectedRunTime: 1h}`
	forecast := history.RunTime{Mean: time.Minute, Likely: 2 * time.Minute, Surely: 3 * time.Minute}
	expected := func(d time.Duration) history.RunTime { return history.RunTime{Mean: d, Likely: d, Surely: d} }
	for name, test := range map[string]struct {
		policies [][]string
		known    history.RunTime
		want     history.RunTime
	}{
		"runs like it":        {[][]string{{day, jobs, suspend, ceiling, hour}}, forecast, forecast},
		"what a policy says":  {[][]string{{day, jobs, suspend, ceiling, hour}}, history.RunTime{}, expected(time.Hour)},
		"the longest of two":  {[][]string{{day, jobs, suspend, ceiling, hour}, {day, jobs, suspend, ceiling, `deadline: {expectedRunTime: 3h}`}}, history.RunTime{}, expected(3 * time.Hour)},
		"without a ceiling":   {[][]string{{day, jobs, suspend, hour}}, history.RunTime{}, history.RunTime{}},
		"no policy says more": {[][]string{{day, jobs, suspend, ceiling}}, history.RunTime{}, history.RunTime{}},
	} {
		t.Run(name, func(t *testing.T) {
			var policies []*Policy
			for i, lines := range test.policies {
				policies = append(policies, newPolicy(t, fmt.Sprint(i), lines...))
			}
			if diff := cmp.Diff(test.want, At(clock(9, 0), policies).RunTime(job(Job{RunTime: test.known}))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestOrderOfPolicies: in which order policies are listed is irrelevant.
func TestOrderOfPolicies(t *testing.T) {
	policies := []*Policy{
		newPolicy(t, "a", day, deployments, `action: {replicas: {atMost: 3}}`), newPolicy(t, "b", day, deployments, `action: {replicas: {atLeast: 4}}`),
		newPolicy(t, "c", day, deployments, `action: {replicas: {atMost: 2}}`, `priority: 5`), newPolicy(t, "d", night, deployments, `action: {replicas: {atMostPercent: 10}}`),
	}
	o := object(v1alpha1.Deployment, Values{Replicas: 9})
	want := At(clock(9, 0), policies).Decide(o)
	random := rand.New(rand.NewPCG(1, 2))
	for range 24 {
		random.Shuffle(len(policies), func(i, j int) { policies[i], policies[j] = policies[j], policies[i] })
		if diff := cmp.Diff(want, At(clock(9, 0), policies).Decide(o)); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	}
}

// TestEndlessRunTime: however long a Job may run, it must not start later for it.
func TestEndlessRunTime(t *testing.T) {
	p := newPolicy(t, "p", day, jobs, suspend, `deadline: {expectedRunTime: 1h, margin: 1000}`)
	last := p.latestStart(&Job{Created: clock(8, 0), Deadline: clock(20, 0)})
	for _, took := range []time.Duration{time.Hour, 5 * time.Hour, 1000 * time.Hour, math.MaxInt64 / 10, math.MaxInt64 / 2, math.MaxInt64} {
		latest := p.latestStart(&Job{Created: clock(8, 0), Deadline: clock(20, 0), RunTime: history.RunTime{Mean: took, Likely: took, Surely: took}})
		if latest.After(last) {
			t.Errorf("one that runs for %s may start at %s, a shorter one at %s", took, latest, last)
		}
		last = latest
	}
}
