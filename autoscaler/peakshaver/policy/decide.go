package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
)

// Reason says in one word why an object is to be as decided. They are the reasons of events and annotations.
type Reason string

// Why an object is changed, or let be though a window is open.
const (
	WindowOpen     Reason = "WindowOpen"     // a window is open, or its replicas are on their way back
	WaitingForRoom Reason = "WaitingForRoom" // the window has closed, but there is no room under the ceiling yet
	Finishing      Reason = "Finishing"      // the Job ran when the window opened, and is let finish
	TooYoung       Reason = "TooYoung"       // the Job has not run for grace.minRunTime
	Deadline       Reason = "Deadline"       // the Job would miss its deadline
	Exempted       Reason = "Exempted"       // a policy lets it run
	Autoscaled     Reason = "Autoscaled"     // an autoscaler sets its replicas
	Queued         Reason = "Queued"         // Kueue suspends and releases the Job
	Protected      Reason = "Protected"      // it is part of the control plane
	BrokenPolicy   Reason = "BrokenPolicy"   // a policy that selects it cannot be carried out
)

// Decision is what an object is to be.
type Decision struct {
	// Want are the values that it is to have: the owner's, where no policy says otherwise.
	Want Values
	// Hold tells to leave the object as it is, neither changed nor restored: what it should be is not known.
	Hold bool
	// By are the policies that select it and have a say now, by name.
	By []string
	// Reason why; empty where no policy has a say.
	Reason Reason
	// Until when the decision holds at least; zero where nothing is known that will change it.
	Until time.Time
	// Conflicts between policies of the same priority.
	Conflicts []Conflict
}

// Conflict is a field of which policies of the same priority say different things.
type Conflict struct {
	Field    string // as in a policy: spec.action.suspend
	Policies []string
}

// Moment is all policies at one moment. Any number may ask it at once.
type Moment struct {
	now      time.Time
	policies []*Policy
	spans    [][]schedule.Span
}

// At prepares policies, in any order, to decide about many objects at one moment.
func At(now time.Time, policies []*Policy) *Moment {
	m := &Moment{now: now, policies: slices.Clone(policies)}
	slices.SortStableFunc(m.policies, func(a, b *Policy) int {
		return cmp.Or(cmp.Compare(a.spec.Priority, b.spec.Priority), cmp.Compare(a.name, b.name))
	})
	for _, p := range m.policies {
		m.spans = append(m.spans, p.schedule.Spans(now))
	}
	return m
}

// At is the same policies at another moment.
func (m *Moment) At(now time.Time) *Moment { return At(now, m.policies) }

// Decide says what an object is to be. Policies are applied from the lowest priority up, each to what those before left;
// those of the same priority together, so that their order does not matter.
func (m *Moment) Decide(o *Object) Decision {
	t := turn{object: o, now: m.now, Decision: Decision{Want: o.Original}}
	var phases []phase
	for i, p := range m.policies {
		switch {
		case !p.Selects(o):
			continue
		case o.protected():
			return Decision{Want: o.Original, Reason: Protected}
		case p.broken:
			return Decision{Want: o.Original, Hold: true, By: []string{p.name}, Reason: BrokenPolicy}
		}
		phases = append(phases, phaseOf(p, m.now, m.spans[i], o))
	}
	for len(phases) > 0 {
		n := 1
		for n < len(phases) && phases[n].policy.spec.Priority == phases[0].policy.spec.Priority {
			n++
		}
		t.apply(phases[:n])
		phases = phases[n:]
	}
	slices.Sort(t.By)
	return t.Decision
}

// turn is a decision in the making.
type turn struct {
	object *Object
	now    time.Time
	Decision
}

// apply lets the policies of one priority act on what is wanted so far.
func (t *turn) apply(level []phase) {
	switch t.object.Kind {
	case v1alpha1.Job, v1alpha1.CronJob:
		t.suspend(level)
	case v1alpha1.Deployment, v1alpha1.StatefulSet:
		t.bound(level)
	case v1alpha1.HorizontalPodAutoscaler:
		t.boundAutoscaler(level)
	case v1alpha1.ScaledObject:
		t.pause(level)
	case v1alpha1.LocalQueue, v1alpha1.ClusterQueue:
		t.stop(level)
	}
}

// say records that a policy has a say.
func (t *turn) say(p *Policy, reason Reason) {
	t.By = append(t.By, p.name)
	t.Reason = reason
}

func (t *turn) until(candidate time.Time) { t.Until = sooner(t.Until, t.now, candidate) }

// conflict records that policies of one level differ about a field.
func (t *turn) conflict(field string, policies ...string) {
	slices.Sort(policies)
	if policies = slices.Compact(policies); len(policies) > 1 {
		t.Conflicts = append(t.Conflicts, Conflict{Field: "spec.action." + field, Policies: policies})
	}
}

// votes are what the policies of one level say of a field that is on or off, by name.
type votes map[bool][]string

func (v votes) add(on bool, p *Policy) { v[on] = append(v[on], p.name) }

// count is the field's value: among equals, on wins, and what its owner set to on stays so.
func (t *turn) count(v votes, field string, before, original bool) bool {
	if len(v) == 0 {
		return before
	}
	if len(v) > 1 {
		t.conflict(field, slices.Concat(v[true], v[false])...)
	}
	return original || len(v[true]) > 0
}

func (t *turn) suspend(level []phase) {
	v, reasons, before := votes{}, map[bool]Reason{}, t.Reason
	for i := range level {
		verdict := level[i].suspension(t.object)
		t.until(verdict.until)
		if verdict.suspend != nil {
			v.add(*verdict.suspend, level[i].policy)
			reasons[*verdict.suspend] = verdict.reason
		}
		if verdict.reason != "" {
			t.say(level[i].policy, verdict.reason)
		}
	}
	t.Want.Suspend = t.count(v, "suspend", t.Want.Suspend, t.object.Original.Suspend)
	if reason := reasons[len(v[true]) > 0]; reason != "" {
		t.Reason = reason
	} else if t.Want.Suspend && before != "" { // those below suspend it, and those of this level do not say otherwise
		t.Reason = before
	}
}

func (t *turn) pause(level []phase) {
	v := votes{}
	for i := range level {
		f := &level[i]
		t.until(f.edge())
		if _, inside := f.inside(); inside && f.policy.spec.Action.PauseScaledObjects != nil {
			v.add(*f.policy.spec.Action.PauseScaledObjects, f.policy)
			t.say(f.policy, WindowOpen)
		}
	}
	t.Want.Paused = t.count(v, "pauseScaledObjects", t.Want.Paused, t.object.Original.Paused)
}

// stop: among equals, the strongest policy wins. A queue is never stopped less than its owner stopped it.
func (t *turn) stop(level []phase) {
	strength := []string{stopNone, stopHold, stopHoldAndDrain}
	rank := func(policy string) int { return max(0, slices.Index(strength, policy)) }
	strongest, votes := -1, map[int]bool{}
	var names []string
	for i := range level {
		f := &level[i]
		t.until(f.edge())
		if _, inside := f.inside(); inside && f.policy.spec.Action.StopQueues != nil {
			vote := rank(*f.policy.spec.Action.StopQueues)
			strongest, votes[vote] = max(strongest, vote), true
			names = append(names, f.policy.name)
			t.say(f.policy, WindowOpen)
		}
	}
	if strongest < 0 {
		return
	}
	t.Want.StopPolicy = t.object.Original.StopPolicy
	if strongest > rank(t.object.Original.StopPolicy) {
		t.Want.StopPolicy = strength[strongest]
	}
	if len(votes) > 1 {
		t.conflict("stopQueues", names...)
	}
}
