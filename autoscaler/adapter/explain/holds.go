package explain

import (
	"fmt"
	"math"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
)

// Of explains an autoscaler.
func Of(f *Facts) *Explanation {
	j := &judge{facts: f, autoscaler: hpa.New(&f.Autoscaler.Spec, f.Options)}
	spec := &j.autoscaler.Spec
	j.tolerances = j.autoscaler.Tolerances()
	j.said = &Explanation{
		Autoscaler: f.Autoscaler.Namespace + "/" + f.Autoscaler.Name, Target: spec.ScaleTargetRef.Kind + "/" + spec.ScaleTargetRef.Name,
		At: f.Now, Replicas: f.Replicas, Min: *spec.MinReplicas, Max: spec.MaxReplicas,
		ToleranceDown: j.tolerances.Down, ToleranceUp: j.tolerances.Up,
		Conditions: f.Autoscaler.Status.Conditions, Unknown: f.Unknown,
	}
	for i := range f.Pods {
		if ready(&f.Pods[i]) {
			j.said.Ready++
		}
	}
	j.reading = reading(f, spec.Metrics)
	for i := range spec.Metrics {
		j.said.Metrics = append(j.said.Metrics, metric(f, i, &spec.Metrics[i], j.reading, j.tolerances))
	}
	j.size()
	j.falls()
	return j.said
}

// judge goes through the reasons as the autoscaler would.
type judge struct {
	facts      *Facts
	said       *Explanation
	autoscaler *hpa.Autoscaler
	tolerances hpa.Tolerances
	reading    *hpa.Reading
}

func (j *judge) hold(reason Reason, until time.Time, format string, args ...any) {
	j.said.Holds = append(j.said.Holds, Hold{Reason: reason, Until: until, Message: fmt.Sprintf(format, args...)})
}

// size finds the next size, and what keeps it from being smaller.
func (j *judge) size() {
	current := j.facts.Replicas
	if current == 0 && !j.wakes() {
		j.hold(ScalingDisabled, time.Time{}, "%s has no replicas; an autoscaler leaves that as it is unless it was the one to scale to zero", j.said.Target)
		return
	}
	decision, _ := j.fresh().Scale(j.facts.Now, j.reading) // its errors are those of the metrics
	j.said.Next = decision.Replicas
	if j.computed() && j.said.Next > current || current > j.said.Max || current < j.said.Min {
		return // it grows, or has to be within its bounds first
	}
	j.told(current)
	j.own(current)
}

// told tells of the metrics that keep the size.
func (j *judge) told(current int32) {
	j.unreadable()
	if len(j.said.Holds) > 0 {
		j.said.Next = j.unlooked(current)
	}
	for i := range j.said.Metrics {
		if m := &j.said.Metrics[i]; m.Asks != nil && *m.Asks >= current {
			j.asks(m, current)
		}
	}
}

// own tells of what the autoscaler keeps by itself, whatever its metrics ask for.
func (j *judge) own(current int32) {
	if b := j.autoscaler.Spec.Behavior; b != nil && *b.ScaleDown.SelectPolicy == autoscalingv2.DisabledPolicySelect {
		j.hold(ScaleDownOff, time.Time{}, "spec.behavior.scaleDown.selectPolicy is Disabled: nothing is ever scaled down")
	}
	if len(j.said.Holds) == 0 {
		j.slowed(current)
	}
	if current == j.said.Min {
		j.hold(AtMinimum, time.Time{}, "it has minReplicas, %d", j.said.Min)
	}
}

// fresh is an autoscaler that remembers nothing.
func (j *judge) fresh() *hpa.Autoscaler {
	a := hpa.New(&j.facts.Autoscaler.Spec, j.facts.Options)
	a.ScaledToZero = j.wakes()
	return a
}

// wakes tells whether the autoscaler was the one to scale to zero.
func (j *judge) wakes() bool {
	for _, c := range j.facts.Autoscaler.Status.Conditions {
		if c.Type == autoscalingv2.ScaledToZero {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

// computed tells whether each metric was looked at as the autoscaler does.
func (j *judge) computed() bool {
	for i := range j.said.Metrics {
		if j.said.Metrics[i].err != nil && foreign(j.said.Metrics[i].err) {
			return false
		}
	}
	return true
}

// unlooked is the next size where a metric could not be looked at: what the autoscaler said last, or what the others ask for.
func (j *judge) unlooked(current int32) int32 {
	if j.computed() {
		return current
	}
	next := j.facts.Autoscaler.Status.DesiredReplicas
	for i := range j.said.Metrics {
		if asks := j.said.Metrics[i].Asks; asks != nil {
			next = max(next, min(*asks, j.said.Max))
		}
	}
	return next
}

// unreadable tells of the metrics without which nothing goes down.
func (j *judge) unreadable() {
	for i := range j.said.Metrics {
		switch m := &j.said.Metrics[i]; {
		case m.err == nil:
		case foreign(m.err):
			seen := m.LastSeen
			if seen == "" {
				seen = "nothing"
			}
			j.hold(NotComputed, time.Time{}, "%s: %s; the autoscaler last saw %s", m.Name, m.Error, seen)
		default:
			j.hold(Unreadable, time.Time{}, "%s: an autoscaler goes down only while it can read each of its metrics: %s", m.Name, m.Error)
		}
	}
}

// asks says why a metric asks for the size that there is.
func (j *judge) asks(m *Metric, current int32) {
	switch {
	case m.Window != nil && m.Window.asks() < min(current, *m.Exactly):
		j.held(m, m.Window)
		j.lump(current)
	case m.Missing > 0 && m.Ratio < 1-j.tolerances.Down:
		j.hold(PodsWithoutValue, time.Time{}, "%s: %d pods have no value and count as at their target; the others are at %.3g of it",
			m.Name, m.Missing, m.Ratio)
	case *m.Exactly < current:
		j.hold(WithinTolerance, time.Time{}, "%s: it asks for %d, and usage is %.3g of the target: within the tolerance of %g, nothing changes. "+
			"It goes down once %d or fewer are asked for", m.Name, *m.Exactly, m.Ratio, j.tolerances.Down, j.beyond(current))
	case m.Window != nil && m.Window.DemandAsks == nil:
		j.hold(DemandAsks, time.Time{}, "%s: it asks for %d; ScalingWindow %s does not say what demand is by itself", m.Name, *m.Asks, m.Window.Name)
	default:
		j.hold(DemandAsks, time.Time{}, "%s: demand asks for %d", m.Name, *m.Asks)
	}
}

// asks is how many replicas demand alone asks for; where that is not known, more than any size.
func (w *Window) asks() int32 {
	if w.DemandAsks == nil {
		return math.MaxInt32
	}
	return *w.DemandAsks
}

// held tells which sample holds the size up.
func (j *judge) held(m *Metric, w *Window) {
	text := fmt.Sprintf("%s: demand is %s, for which %d would do; ScalingWindow %s serves %s", m.Name, w.Demand, *w.DemandAsks, w.Name, m.Total)
	if w.HeldBy != nil {
		text += fmt.Sprintf(", by the %s of %s (%s)", w.HeldBy.Value.String(), stamp(w.HeldBy.Time.Time), w.HeldBy.Part)
	}
	if w.Until == nil {
		j.hold(WindowHolds, time.Time{}, "%s; it falls only with demand", text)
		return
	}
	j.hold(WindowHolds, w.Until.Time, "%s", text)
}

// lump tells that one pod fewer, which is what a window lets go of first, may be too little of a difference.
func (j *judge) lump(current int32) {
	if beyond := j.beyond(current); beyond < current-1 {
		j.hold(WithinTolerance, time.Time{}, "the tolerance is %g: of %d it goes down only once %d or fewer are asked for; "+
			"spec.behavior.scaleDown.tolerance: 0 lets it go down one by one", j.tolerances.Down, current, beyond)
	}
}

// beyond is the largest size that is far enough below another.
func (j *judge) beyond(current int32) int32 {
	for n := current - 1; n > 0; n-- {
		if float64(n)/float64(current) < 1-j.tolerances.Down {
			return n
		}
	}
	return 0
}

// slowed tells of what the autoscaler itself keeps from going down, where the metrics ask for fewer.
func (j *judge) slowed(current int32) {
	proposed := int32(0)
	for i := range j.said.Metrics {
		proposed = max(proposed, *j.said.Metrics[i].Asks)
	}
	if proposed = max(proposed, j.said.Min); proposed >= current {
		return // it has its minimum
	}
	if s := j.stabilization(); s > 0 {
		j.hold(Stabilizing, j.facts.Now.Add(s), "%d are asked for; an autoscaler keeps the most that was asked for within %s%s",
			proposed, s, j.says(autoscalingv2.AbleToScale, "ScaleDownStabilized"))
	}
	j.said.Next = j.step(proposed)
	text, longest := policies(j.autoscaler.Spec.Behavior)
	if j.said.Next > proposed {
		until := time.Time{}
		if last := j.facts.Autoscaler.Status.LastScaleTime; last != nil && j.facts.Now.Before(last.Add(longest)) {
			until, j.said.Next = last.Add(longest), current
		}
		j.hold(Policies, until, "%d are asked for; its policies let go of %s%s", proposed, text, j.says(autoscalingv2.ScalingLimited, "ScaleDownLimit"))
	}
	if len(j.said.Holds) > 0 && j.said.Holds[0].Reason == Stabilizing {
		j.said.Next = current
	}
}

// says quotes the autoscaler where it says as much itself.
func (j *judge) says(of autoscalingv2.HorizontalPodAutoscalerConditionType, reason string) string {
	for _, c := range j.facts.Autoscaler.Status.Conditions {
		if c.Type == of && c.Reason == reason {
			return ", and says that it does"
		}
	}
	return ""
}

// stabilization is for how long the autoscaler keeps to the most that was asked for.
func (j *judge) stabilization() time.Duration {
	if b := j.autoscaler.Spec.Behavior; b != nil && b.ScaleDown.StabilizationWindowSeconds != nil {
		return time.Duration(*b.ScaleDown.StabilizationWindowSeconds) * time.Second
	}
	return j.facts.Options.Stabilization
}

// step is the size after one loop, were there no stabilisation and nothing scaled of late.
func (j *judge) step(proposed int32) int32 {
	if j.autoscaler.Spec.Behavior == nil {
		return proposed
	}
	spec := j.autoscaler.Spec.DeepCopy()
	spec.Behavior.ScaleDown.StabilizationWindowSeconds = new(int32)
	decision, _ := hpa.New(spec, j.facts.Options).Scale(j.facts.Now, j.reading) // all metrics were read
	return decision.Replicas
}

// policies are those downwards, and the longest of their periods.
func policies(b *autoscalingv2.HorizontalPodAutoscalerBehavior) (text string, longest time.Duration) {
	if b == nil {
		return "all at once", 0
	}
	var texts []string
	for _, p := range b.ScaleDown.Policies {
		period := time.Duration(p.PeriodSeconds) * time.Second
		longest = max(longest, period)
		unit := "pods"
		if p.Type == autoscalingv2.PercentScalingPolicy {
			unit = "percent"
		}
		texts = append(texts, fmt.Sprintf("%d %s in %s", p.Value, unit, period))
	}
	return strings.Join(texts, ", "), longest
}

// falls says when all that holds has let go. A window lets go before the stabilisation that follows it.
func (j *judge) falls() {
	latest, windows := time.Time{}, false
	for _, h := range j.said.Holds {
		if h.Until.IsZero() {
			return
		}
		windows = windows || h.Reason == WindowHolds
		latest = later(latest, h.Until)
	}
	if windows {
		latest = later(latest, j.facts.Now).Add(j.stabilization())
	}
	j.said.Falls = latest
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
