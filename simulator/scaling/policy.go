package scaling

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Policy is an HPA, and the window before it.
type Policy struct {
	Name string
	// Stabilization is the HPA's scaleDown.stabilizationWindowSeconds; negative: it is left to the controller.
	Stabilization time.Duration
	// Window is asked in place of the demand; nil: none is.
	Window *window.Config
}

// Policies are those compared where none are named.
func Policies() []string {
	return []string{"hpa", "hpa-30m", "max-30m", "slow-10m-30m+band-10m-20", "pods-30m-1-5m"}
}

// Grammar says how policies are named.
const Grammar = `hpa (as it comes: 5m of stabilisation), hpa-STABILISATION, and windows
max-WINDOW, slow-HOLD-HALFLIFE, pods-HOLD-PODS-PERIOD, band-DWELL-PERCENT or some of
them joined by +`

// ParsePolicy reads the name of a policy, as in slow-10m-30m.
func ParsePolicy(name string) (Policy, error) {
	p, n := Policy{Name: name}, &parser{name: name}
	switch kind, rest, _ := strings.Cut(name, "-"); {
	case name == "hpa":
		p.Stabilization = -1
	case kind == "hpa":
		if p.Stabilization = n.duration(rest); p.Stabilization > time.Hour {
			n.fail("an HPA stabilises for an hour at most")
		}
	default:
		p.Window = &window.Config{}
		for part := range strings.SplitSeq(name, "+") {
			n.part(p.Window, strings.Split(part, "-"))
		}
	}
	return p, n.err
}

// parser reads the parts of a name. The first error sticks.
type parser struct {
	name string
	err  error
}

func (n *parser) part(c *window.Config, words []string) {
	switch kind := fmt.Sprint(words[0], "-", len(words)-1); kind {
	case "max-1":
		c.Max = &window.Max{Window: n.duration(words[1])}
	case "slow-2":
		c.SlowScaleDown = &window.SlowScaleDown{Hold: n.duration(words[1]), HalfLife: n.duration(words[2])}
	case "pods-3":
		c.SlowScaleDown = &window.SlowScaleDown{Hold: n.duration(words[1]), Pods: int32(n.whole(words[2])), Period: n.duration(words[3])}
	case "band-2":
		c.DeadBand = &window.DeadBand{Dwell: n.duration(words[1]), Band: float64(n.whole(words[2])) / 100}
	default:
		n.fail("there are " + strings.ReplaceAll(Grammar, "\n", " "))
	}
}

func (n *parser) duration(text string) time.Duration {
	duration, err := time.ParseDuration(text)
	if err != nil || duration < 0 {
		n.fail(fmt.Sprintf("%q is no duration such as 30m", text))
	}
	return duration
}

func (n *parser) whole(text string) int64 {
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		n.fail(fmt.Sprintf("%q is no whole number", text))
	}
	return number
}

func (n *parser) fail(why string) {
	if n.err == nil {
		n.err = fmt.Errorf("reading policy %q: %s", n.name, why)
	}
}

// spec is the HPA: one External metric with an average value, in thousandths.
func (p *Policy) spec(target int64, most int32) *autoscalingv2.HorizontalPodAutoscalerSpec {
	spec := &autoscalingv2.HorizontalPodAutoscalerSpec{
		MaxReplicas: most,
		Metrics: []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ExternalMetricSourceType,
			External: &autoscalingv2.ExternalMetricSource{Target: autoscalingv2.MetricTarget{
				Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewMilliQuantity(target, resource.DecimalSI),
			}},
		}},
	}
	if p.Window != nil {
		return hpa.Fit(spec, p.Window)
	}
	if p.Stabilization >= 0 {
		seconds := int32(p.Stabilization / time.Second)
		spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &seconds}}
	}
	return spec
}

// before is the window of a run; nil: there is none.
func (p *Policy) before(step time.Duration, target int64, most int32) (*window.Window, error) {
	if p.Window == nil {
		return nil, nil
	}
	c := *p.Window
	c.Step, c.Target = step, target
	if s := c.SlowScaleDown; s != nil && s.Pods > 0 {
		line := *s
		line.MaxPods = most
		c.SlowScaleDown = &line
	}
	w, err := window.New(c)
	if err != nil {
		return nil, fmt.Errorf("reading policy %q: %w", p.Name, err)
	}
	return w, nil
}
