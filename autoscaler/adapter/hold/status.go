package hold

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// Conditions of a ScalingWindow.
const (
	Ready          = "Ready"
	AutoscalerFits = "AutoscalerFits"
	HistoryReaches = "HistoryReaches"
)

// Reasons of AutoscalerFits and HistoryReaches.
const (
	Fits              = "Fits"
	Advice            = "Advice"
	Unfit             = "Unfit"
	NotApplied        = "NotApplied"
	NoAutoscaler      = "NoAutoscaler"
	Reaches           = "Reaches"
	RetentionTooShort = "RetentionTooShort"
	RetentionUnknown  = "RetentionUnknown"
)

// view is what is known of a window at a time.
type view struct {
	answer window.Answer
	err    error
	// explanation is there where something is held up.
	explanation *window.Explanation
	// retention is how far back Prometheus goes; 0: not known.
	retention time.Duration
	// unset is why the autoscalers could not be set as asked.
	unset error
}

// view looks at a window.
func (t *tracker) view(now time.Time, retention time.Duration) view {
	if fault := t.wish.Load().Fault; fault != nil {
		return view{err: fault, retention: retention}
	}
	answer, err := t.answer(now)
	return view{answer: answer, err: err, retention: retention}
}

// explain says what holds the answer up, where something does.
func (t *tracker) explain(v *view) {
	if v.err != nil || v.answer.Value <= v.answer.Demand {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.window.Explain(); ok {
		v.explanation = &e
	}
}

// statusOf is what to write about a window. Conditions that stay as they were keep their times.
func statusOf(w *wish.Wish, v *view, before []metav1.Condition, now time.Time) v1alpha1.ScalingWindowStatus {
	s := v1alpha1.ScalingWindowStatus{ObservedGeneration: w.Object.Generation}
	for i := range before {
		s.Conditions = append(s.Conditions, *before[i].DeepCopy())
	}
	if w.Scales != nil {
		s.Target = w.Scales.Kind + "/" + w.Scales.Name
	}
	for _, c := range []metav1.Condition{ready(w, v), fits(w, v.unset), reaches(w, v.retention)} {
		c.ObservedGeneration, c.LastTransitionTime = w.Object.Generation, metav1.NewTime(now.Truncate(time.Second))
		meta.SetStatusCondition(&s.Conditions, c)
	}
	if v.err != nil {
		return s
	}
	s.Demand, s.Served = quantity(v.answer.Demand), quantity(v.answer.Value)
	s.Replicas = &v1alpha1.WindowReplicas{Demand: pods(w, v.answer.Demand), Served: pods(w, v.answer.Value)}
	if e := v.explanation; e != nil {
		s.HeldBy = &v1alpha1.WindowSample{Time: metav1.NewTime(e.At), Value: *quantity(e.Sample), Part: partOf(e.Part)}
		if !e.FallsAt.IsZero() {
			s.HeldUntil = &metav1.Time{Time: e.FallsAt}
		}
	}
	return s
}

func quantity(milli int64) *resource.Quantity {
	return resource.NewMilliQuantity(milli, resource.DecimalSI)
}

// pods is how many bear a demand.
func pods(w *wish.Wish, milli int64) int32 {
	return int32(min((milli+w.Config.Target-1)/w.Config.Target, 1<<31-1))
}

// partOf names a part by its field in the object.
func partOf(p window.Part) v1alpha1.WindowPart {
	switch p {
	case window.MaxWindow:
		return v1alpha1.MaxWindowPart
	case window.PercentileWindow:
		return v1alpha1.PercentilePart
	case window.SeasonalFloor:
		return v1alpha1.SeasonalFloorPart
	case window.SlowDown:
		return v1alpha1.SlowScaleDownPart
	default:
		return v1alpha1.DeadBandPart // which also rounds up what is the demand itself
	}
}

// ready says whether something is served.
func ready(w *wish.Wish, v *view) metav1.Condition {
	c := metav1.Condition{Type: Ready, Status: metav1.ConditionFalse}
	var unknown *wish.Unknown
	var missing *window.Error
	switch {
	case v.err == nil && v.answer.Held:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, wish.Holding, "samples are missing; what is known is held"
	case v.err == nil:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, wish.Serving, "the window is served in place of the demand"
	case errors.As(v.err, &unknown):
		c.Reason, c.Message = unknown.Reason, unknown.Error()
	case errors.As(v.err, &missing):
		c.Reason, c.Message = string(missing.Reason), missing.Error()
		if missing.Reason == window.NoSamples && w.Key.Type == v1alpha1.PodsMetric {
			c.Message += fmt.Sprintf(": of no pod named after %s (as %s-0 or %s-5d89bdcf78-x2vz9)", w.Key.Name, w.Key.Name, w.Key.Name)
		}
	}
	return c
}

// fits says what the autoscalers lack beside the window.
func fits(w *wish.Wish, unset error) metav1.Condition {
	c := metav1.Condition{Type: AutoscalerFits, Status: metav1.ConditionTrue, Reason: Fits, Message: "nothing in its behavior spoils the window"}
	if len(w.Autoscalers) == 0 || w.Config.Step == 0 {
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, NoAutoscaler, "no HorizontalPodAutoscaler of a sound window scales the target"
		return c
	}
	var texts []string
	for _, a := range w.Autoscalers {
		for _, finding := range hpa.Check(&a.Spec, w.Key.Metric, w.Reads, &w.Config) {
			texts = append(texts, a.Name+": "+finding.String())
			if finding.Must {
				c.Status, c.Reason = metav1.ConditionFalse, Unfit
			} else if c.Reason == Fits {
				c.Reason = Advice
			}
		}
	}
	if len(texts) > 0 {
		c.Message = strings.Join(texts, "; ")
	}
	if unset != nil {
		c.Reason, c.Message = NotApplied, unset.Error()+"; "+c.Message
	}
	return c
}

// reaches says whether a restart finds all the history that it needs.
func reaches(w *wish.Wish, retention time.Duration) metav1.Condition {
	c := metav1.Condition{
		Type: HistoryReaches, Status: metav1.ConditionUnknown, Reason: RetentionUnknown,
		Message: "how long Prometheus keeps samples is not known",
	}
	if retention == 0 || w.Config.Step == 0 {
		return c
	}
	horizon := window.Horizon(&w.Config)
	if retention < horizon {
		c.Status, c.Reason = metav1.ConditionFalse, RetentionTooShort
		c.Message = fmt.Sprintf("a restart needs the last %s, Prometheus keeps %s: keep samples longer, or shorten what holds", horizon, retention)
		return c
	}
	c.Status, c.Reason = metav1.ConditionTrue, Reaches
	c.Message = fmt.Sprintf("a restart needs the last %s, Prometheus keeps %s", horizon, retention)
	return c
}
