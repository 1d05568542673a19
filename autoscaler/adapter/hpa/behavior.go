package hpa

import (
	"math"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// recommendation is what the metrics asked for, and when.
type recommendation struct {
	replicas int32
	at       time.Time
}

// change is by how many pods the size changed, and when.
type change struct {
	replicas int32
	at       time.Time
}

// defaulted is a behavior as the API server fills it in: both directions, if there is any.
func defaulted(b *autoscalingv2.HorizontalPodAutoscalerBehavior) *autoscalingv2.HorizontalPodAutoscalerBehavior {
	if b == nil {
		return nil
	}
	up := autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: new(int32), SelectPolicy: new(autoscalingv2.MaxChangePolicySelect),
		Policies: []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
			{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
		},
	}
	down := autoscalingv2.HPAScalingRules{
		SelectPolicy: new(autoscalingv2.MaxChangePolicySelect),
		Policies:     []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}},
	}
	return &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: over(up, b.ScaleUp), ScaleDown: over(down, b.ScaleDown)}
}

func over(rules autoscalingv2.HPAScalingRules, given *autoscalingv2.HPAScalingRules) *autoscalingv2.HPAScalingRules {
	if given == nil {
		return &rules
	}
	if given.SelectPolicy != nil {
		rules.SelectPolicy = given.SelectPolicy
	}
	if given.StabilizationWindowSeconds != nil {
		rules.StabilizationWindowSeconds = given.StabilizationWindowSeconds
	}
	if given.Policies != nil {
		rules.Policies = given.Policies
	}
	if given.Tolerance != nil {
		rules.Tolerance = given.Tolerance
	}
	return &rules
}

// stabilize keeps to the lowest recommendation of the one window upwards, to the highest of the other downwards.
func (a *Autoscaler) stabilize(now time.Time, current, desired int32) int32 {
	b := a.Spec.Behavior
	up := now.Add(-seconds(*b.ScaleUp.StabilizationWindowSeconds))
	down := now.Add(-a.options.Stabilization)
	if given := b.ScaleDown.StabilizationWindowSeconds; given != nil {
		down = now.Add(-seconds(*given))
	}
	least, most := desired, desired
	kept := a.recommendations[:0]
	for _, r := range a.recommendations {
		if r.at.After(up) {
			least = min(least, r.replicas)
		}
		if r.at.After(down) {
			most = max(most, r.replicas)
		}
		if !r.at.Before(up) || !r.at.Before(down) {
			kept = append(kept, r)
		}
	}
	a.recommendations = append(kept, recommendation{desired, now})
	return min(max(current, least), most)
}

// stabilizeDown is stabilize without a behavior: downwards only, by the controller's own window.
func (a *Autoscaler) stabilizeDown(now time.Time, desired int32) int32 {
	cutoff, most := now.Add(-a.options.Stabilization), desired
	kept := a.recommendations[:0]
	for _, r := range a.recommendations {
		if !r.at.Before(cutoff) {
			most = max(most, r.replicas)
			kept = append(kept, r)
		}
	}
	a.recommendations = append(kept, recommendation{desired, now})
	return most
}

// limit is what the policies of a behavior and the bounds of the spec allow.
func (a *Autoscaler) limit(now time.Time, current, desired, least int32) int32 {
	switch b := a.Spec.Behavior; {
	case b == nil:
		return max(min(desired, a.Spec.MaxReplicas, max(2*current, 4)), least)
	case desired > current:
		return min(desired, a.Spec.MaxReplicas, max(current, a.limitUp(now, current, b.ScaleUp)))
	case desired < current:
		return max(desired, least, min(current, a.limitDown(now, current, b.ScaleDown)))
	default:
		return desired
	}
}

func (a *Autoscaler) limitUp(now time.Time, current int32, rules *autoscalingv2.HPAScalingRules) int32 {
	return chosen(rules, current, true, func(p *autoscalingv2.HPAScalingPolicy) int32 {
		start := a.periodStart(now, current, p.PeriodSeconds)
		if p.Type == autoscalingv2.PodsScalingPolicy {
			return start + p.Value
		}
		return int32(math.Ceil(float64(start) * (1 + float64(p.Value)/100)))
	})
}

func (a *Autoscaler) limitDown(now time.Time, current int32, rules *autoscalingv2.HPAScalingRules) int32 {
	return chosen(rules, current, false, func(p *autoscalingv2.HPAScalingPolicy) int32 {
		start := a.periodStart(now, current, p.PeriodSeconds)
		if p.Type == autoscalingv2.PodsScalingPolicy {
			return start - p.Value
		}
		return int32(float64(start) * (1 - float64(p.Value)/100))
	})
}

// chosen is what the policy allows that selectPolicy chooses: the largest change unless it says Min.
func chosen(rules *autoscalingv2.HPAScalingRules, current int32, up bool, allows func(*autoscalingv2.HPAScalingPolicy) int32) int32 {
	if *rules.SelectPolicy == autoscalingv2.DisabledPolicySelect {
		return current
	}
	largest := up == (*rules.SelectPolicy != autoscalingv2.MinChangePolicySelect)
	result := int32(math.MaxInt32)
	if largest {
		result = math.MinInt32
	}
	for i := range rules.Policies {
		if allowed := allows(&rules.Policies[i]); largest {
			result = max(result, allowed)
		} else {
			result = min(result, allowed)
		}
	}
	return result
}

// periodStart is the size at the beginning of a period.
func (a *Autoscaler) periodStart(now time.Time, current, period int32) int32 {
	cutoff := now.Add(-seconds(period))
	for _, c := range a.ups {
		if c.at.After(cutoff) {
			current -= c.replicas
		}
	}
	for _, c := range a.downs {
		if c.at.After(cutoff) {
			current += c.replicas
		}
	}
	return current
}

// record remembers a change of size for the policies.
func (a *Autoscaler) record(now time.Time, from, to int32) {
	b := a.Spec.Behavior
	switch {
	case b == nil:
	case to > from:
		a.ups = recorded(a.ups, change{to - from, now}, b.ScaleUp.Policies)
	default:
		a.downs = recorded(a.downs, change{from - to, now}, b.ScaleDown.Policies)
	}
}

// recorded puts a change in the place of the last one that is older than the longest period, as the controller does. Which
// one matters: the policies of the other direction may ask for a longer period.
func recorded(changes []change, c change, policies []autoscalingv2.HPAScalingPolicy) []change {
	longest := int32(0)
	for _, p := range policies {
		longest = max(longest, p.PeriodSeconds)
	}
	cutoff := c.at.Add(-seconds(longest))
	for i := len(changes) - 1; i >= 0; i-- {
		if changes[i].at.Before(cutoff) {
			changes[i] = c
			return changes
		}
	}
	return append(changes, c)
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
