package hpa

import (
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Finding is something that an HPA ought to have beside a window.
type Finding struct {
	// Field is its path in the object, Is what it has there and Should what it ought to have.
	Field, Is, Should string
	Why               string
	// Must says that without it the window's promise does not hold; otherwise it is advice.
	Must bool
}

// String is the finding in a line.
func (f Finding) String() string {
	return fmt.Sprintf("%s is %s, should be %s: %s", f.Field, f.Is, f.Should, f.Why)
}

const (
	// longestPeriod is the most seconds of a policy's period.
	longestPeriod = 1800
	unset         = "not set"
)

// Check says what an HPA lacks beside a window over a metric. The name alone does not tell which one that is: is does, by
// type, selector and object. Nil: it lacks nothing.
func Check(
	spec *autoscalingv2.HorizontalPodAutoscalerSpec, metric string, is func(*autoscalingv2.MetricSpec) bool, c *window.Config,
) []Finding {
	k := checker{spec: spec, window: c}
	if c.SlowScaleDown != nil && c.SlowScaleDown.Pods > 0 {
		k.line = c.SlowScaleDown
	}
	k.metrics(metric, is)
	k.tolerance()
	k.stabilization()
	k.policies()
	k.bounds()
	return k.found
}

type checker struct {
	spec   *autoscalingv2.HorizontalPodAutoscalerSpec
	window *window.Config
	line   *window.SlowScaleDown // nil: another form
	found  []Finding
}

func (k *checker) add(must bool, field, is, should, why string) {
	k.found = append(k.found, Finding{Field: field, Is: is, Should: should, Why: why, Must: must})
}

func (k *checker) down() *autoscalingv2.HPAScalingRules {
	if k.spec.Behavior == nil || k.spec.Behavior.ScaleDown == nil {
		return &autoscalingv2.HPAScalingRules{}
	}
	return k.spec.Behavior.ScaleDown
}

func (k *checker) metrics(name string, is func(*autoscalingv2.MetricSpec) bool) {
	seen := false
	for i := range k.spec.Metrics {
		m := &k.spec.Metrics[i]
		if !is(m) {
			continue
		}
		seen = true
		path := fmt.Sprintf("spec.metrics[%d].%s.target", i, fieldOf(m))
		target, _ := TargetOf(m)
		if target.AverageValue == nil {
			k.add(true, path+".type", string(target.Type), string(autoscalingv2.AverageValueMetricType),
				"with a Value the size follows from the size of today: what a window holds multiplies with every loop")
		} else if milli := target.AverageValue.MilliValue(); k.window.Target > 0 && milli != k.window.Target {
			k.add(k.line != nil, path+".averageValue", target.AverageValue.String(), quantity(k.window.Target),
				"the window counts pods by its target: at another one its rate and its status are of other pods")
		}
	}
	if !seen {
		k.add(true, "spec.metrics", fmt.Sprintf("%d others", len(k.spec.Metrics)), name,
			"the HPA does not read the metric of the window, with its selector and of its object")
	}
}

func fieldOf(m *autoscalingv2.MetricSpec) string {
	switch {
	case m.Pods != nil:
		return "pods"
	case m.Object != nil:
		return "object"
	default:
		return "external"
	}
}

func quantity(milli int64) string {
	return resource.NewMilliQuantity(milli, resource.DecimalSI).String()
}

func (k *checker) tolerance() {
	t := k.down().Tolerance
	if t != nil && t.IsZero() {
		return
	}
	is := "not set (the controller's, 0.1 unless it is told otherwise)"
	if t != nil {
		is = t.String()
	}
	k.add(k.line != nil, "spec.behavior.scaleDown.tolerance", is, "0",
		"from ten pods up a tenth is more than one: the size comes down in lumps, and stays a tenth above what is asked for")
}

func (k *checker) stabilization() {
	s := k.down().StabilizationWindowSeconds
	if s != nil && *s == 0 {
		return
	}
	is := "not set (the controller's, 300 unless it is told otherwise)"
	if s != nil {
		is = fmt.Sprint(*s)
	}
	k.add(false, "spec.behavior.scaleDown.stabilizationWindowSeconds", is, "0",
		"the window holds already; this holds on top of it, and is forgotten whenever the controller restarts")
}

func (k *checker) policies() {
	rules, path := k.down(), "spec.behavior.scaleDown."
	if rules.SelectPolicy != nil && *rules.SelectPolicy == autoscalingv2.DisabledPolicySelect {
		k.add(true, path+"selectPolicy", string(*rules.SelectPolicy), string(autoscalingv2.MaxChangePolicySelect), "nothing is ever scaled down")
		return
	}
	if k.line == nil {
		if slow := slowest(rules.Policies); slow != "" {
			k.add(false, path+"policies", slow, unset, "it may be slower than the window, whose status then speaks too early")
		}
		return
	}
	if want := belt(k.line); len(rules.Policies) != 1 || rules.Policies[0] != want {
		k.add(false, path+"policies", policiesText(rules.Policies), policyText(want),
			"while nobody serves the metric the window goes on, and the size would catch up at once")
	}
}

// belt is the policy that stands in where the HPA was blind for a while; its period has a bound.
func belt(line *window.SlowScaleDown) autoscalingv2.HPAScalingPolicy {
	period, pods := int64(line.Period/time.Second), int64(line.Pods)
	if period > longestPeriod {
		period, pods = longestPeriod, max(1, pods*longestPeriod/period)
	}
	return autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: int32(pods), PeriodSeconds: int32(period)}
}

// slowest names policies that let go of less than everything; empty: there are none.
func slowest(policies []autoscalingv2.HPAScalingPolicy) string {
	for _, p := range policies {
		if p.Type == autoscalingv2.PercentScalingPolicy && p.Value >= 100 {
			return ""
		}
	}
	if len(policies) == 0 {
		return ""
	}
	return policiesText(policies)
}

func policiesText(policies []autoscalingv2.HPAScalingPolicy) string {
	if len(policies) == 0 {
		return unset + " (100 percent per 15s)"
	}
	text := ""
	for i, p := range policies {
		if i > 0 {
			text += ", "
		}
		text += policyText(p)
	}
	return text
}

func policyText(p autoscalingv2.HPAScalingPolicy) string {
	unit := "pods"
	if p.Type == autoscalingv2.PercentScalingPolicy {
		unit = "percent"
	}
	return fmt.Sprintf("%d %s per %ds", p.Value, unit, p.PeriodSeconds)
}

func (k *checker) bounds() {
	if k.line != nil && k.spec.MaxReplicas > k.line.MaxPods {
		k.add(true, "spec.maxReplicas", fmt.Sprint(k.spec.MaxReplicas), fmt.Sprint(k.line.MaxPods),
			"the window lets what is above its maxPods go at once: lower this or raise that")
	}
}

// Fit is a copy of a specification whose scale-down behavior is what Check asks for. What a behavior cannot mend stays.
func Fit(spec *autoscalingv2.HorizontalPodAutoscalerSpec, c *window.Config) *autoscalingv2.HorizontalPodAutoscalerSpec {
	fitted := spec.DeepCopy()
	if fitted.Behavior == nil {
		fitted.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{}
	}
	rules := &autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: new(int32), Tolerance: resource.NewMilliQuantity(0, resource.DecimalSI),
		SelectPolicy: new(autoscalingv2.MaxChangePolicySelect),
		Policies:     []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}},
	}
	if s := c.SlowScaleDown; s != nil && s.Pods > 0 {
		rules.Policies = []autoscalingv2.HPAScalingPolicy{belt(s)}
	}
	fitted.Behavior.ScaleDown = rules
	return fitted
}
