package controller

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

// gathered are gauges and counters by their names and labels.
func gathered(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.Metric {
			name := strings.TrimPrefix(family.GetName(), "evenkeel_peakshaver_")
			for _, label := range metric.Label {
				name += " " + label.GetValue()
			}
			all[name] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	return all
}

// TestOverdue: a Job that is not done at its deadline is counted from then on, until it is done.
func TestOverdue(t *testing.T) {
	w := newWorld(t, waitingJob("late", 6), policyOf("day", `{`+windows+`, "selection": {"kinds": ["Job"]}, "action": {"suspend": true}, "deadline": {"expectedRunTime": "1h"}}`))
	registry := prometheus.NewRegistry()
	w.run(t, registry)
	overdue := func(what string, want float64) {
		t.Helper()
		eventually(t, what, func() bool {
			got, told := gathered(t, registry)["targets overdue"]
			return told && got == want
		})
	}
	w.at(5.9)
	overdue("nothing to be overdue", 0)
	w.at(6.1)
	overdue("it to be overdue", 1)
	w.set(t, v1alpha1.Job, "late", []any{map[string]any{"type": "Complete", "status": "True"}}, "status", "conditions")
	overdue("it to be done", 0)
}

// TestUnreadAnnotation: a Job the deadline of which cannot be read is told so, once, and waits as one without.
func TestUnreadAnnotation(t *testing.T) {
	text := strings.Replace(waitingJob("hurries", 0), `"annotations": {}`, `"annotations": {"`+v1alpha1.AnnotationDeadline+`": "at six"}`, 1)
	w := newWorld(t, text, underCeiling)
	w.at(2)
	w.run(t, nil)
	w.becomes(t, v1alpha1.Job, "hurries", true, "spec", "suspend")
	w.minutes(t, 10)
	told := 0
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, event := range w.events {
		if strings.Contains(event, `Job hurries: Unreadable: metadata.annotations[evenkeel.dev/deadline]: "at six"`) {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times: %v", told, w.events)
	}
}
