package policy

import (
	"math"
	"time"
)

// resolve is a number of replicas, given as such or as a share of the owner's, rounded up; ok is false if neither is.
func resolve(number, percent *int32, original int32) (value int32, ok bool) {
	switch {
	case number != nil:
		return *number, true
	case percent != nil:
		share := (int64(original)*int64(*percent) + 99) / 100
		return int32(min(share, math.MaxInt32)), true
	}
	return 0, false
}

// bound caps and floors replicas: among equals the lowest cap and the highest floor, and where they contradict each
// other, the floor. Bounds move from what the policies before left. What its owner scaled to 0 is not raised.
func (t *turn) bound(level []phase) {
	r := replicas{base: t.Want.Replicas, original: t.object.Original.Replicas, cap: t.Want.Replicas, most: math.MaxInt32}
	for i := range level {
		f := &level[i]
		if f.policy.spec.Action.Replicas == nil {
			continue
		}
		t.until(f.edge())
		switch {
		case !t.object.Autoscaled:
			t.until(r.askCap(f))
			t.until(r.askFloor(f))
			if f.acts() {
				t.say(f.policy, WindowOpen)
			}
		case f.acts():
			t.say(f.policy, Autoscaled)
		}
	}
	if r.least > r.most {
		t.conflict("replicas", r.by...)
	}
	t.Want.Replicas = max(r.cap, r.floor)
}

// replicas collects the bounds of one level. Contradictions are judged by what is aimed at, wherever the ramps are.
type replicas struct {
	base, original int32
	cap, floor     int32
	most, least    int32
	by             []string
}

func (r *replicas) askCap(f *phase) (next time.Time) {
	bounds := f.policy.spec.Action.Replicas
	target, ok := resolve(bounds.AtMost, bounds.AtMostPercent, r.original)
	if !ok {
		return next
	}
	value, next := f.between(r.base, min(r.base, target))
	if f.acts() {
		r.cap, r.most = min(r.cap, value), min(r.most, target)
		r.by = append(r.by, f.policy.name)
	}
	return next
}

func (r *replicas) askFloor(f *phase) (next time.Time) {
	bounds := f.policy.spec.Action.Replicas
	target, ok := resolve(bounds.AtLeast, bounds.AtLeastPercent, r.original)
	if !ok || r.original == 0 {
		return next
	}
	value, next := f.between(min(r.base, target), target)
	if f.acts() {
		r.floor, r.least = max(r.floor, value), max(r.least, target)
		r.by = append(r.by, f.policy.name)
	}
	return next
}

// boundAutoscaler sets the bounds of an autoscaler: among equals the lowest of each. Where the minimum then is above
// the maximum, the bound that was not asked for gives way; if both were, the maximum.
func (t *turn) boundAutoscaler(level []phase) {
	original := t.object.Original
	least, most := side{base: t.Want.MinReplicas}, side{base: t.Want.MaxReplicas}
	for i := range level {
		f := &level[i]
		bounds := f.policy.spec.Action.Autoscaler
		if bounds == nil {
			continue
		}
		t.until(f.edge())
		if target, ok := resolve(bounds.MinReplicas, bounds.MinReplicasPercent, original.MinReplicas); ok {
			t.until(least.ask(f, max(target, min(1, original.MinReplicas)))) // a share of 0 wakes nobody
		}
		if target, ok := resolve(bounds.MaxReplicas, bounds.MaxReplicasPercent, original.MaxReplicas); ok {
			t.until(most.ask(f, max(1, target)))
		}
		if f.acts() {
			t.say(f.policy, WindowOpen)
		}
	}
	if len(least.targets) > 1 {
		t.conflict("autoscaler.minReplicas", least.by...)
	}
	if len(most.targets) > 1 {
		t.conflict("autoscaler.maxReplicas", most.by...)
	}
	t.settle(&least, &most)
}

func (t *turn) settle(least, most *side) {
	t.Want.MinReplicas, t.Want.MaxReplicas = least.value(), most.value()
	if t.Want.MinReplicas <= t.Want.MaxReplicas {
		return
	}
	if most.asked != nil && least.asked == nil {
		t.Want.MinReplicas = t.Want.MaxReplicas
		return
	}
	t.Want.MaxReplicas = t.Want.MinReplicas
	if most.asked != nil {
		t.conflict("autoscaler", append(least.by, most.by...)...)
	}
}

// side is one bound of an autoscaler, and who asks what of it.
type side struct {
	base    int32
	asked   *int32
	targets map[int32]bool
	by      []string
}

func (s *side) ask(f *phase, target int32) (next time.Time) {
	value, next := f.between(s.base, target)
	if !f.acts() {
		return next
	}
	if s.asked == nil || value < *s.asked {
		s.asked = &value
	}
	if s.targets == nil {
		s.targets = map[int32]bool{}
	}
	s.targets[target] = true
	s.by = append(s.by, f.policy.name)
	return next
}

func (s *side) value() int32 {
	if s.asked == nil {
		return s.base
	}
	return *s.asked
}
