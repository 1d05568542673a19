package peak

import (
	"bytes"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
	"github.com/evenkeel/evenkeel/internal/controlplane"
)

// TestRun plays seven hours with a window of two: Jobs of the namespace with a policy wait for its end, and are released after
// it, when their deadlines are near at the latest.
func TestRun(t *testing.T) {
	p := New()
	p.Length, p.Speed, p.Services, p.Window, p.Due = 7*time.Hour, mostSpeed, 1, 2*time.Hour, 6*time.Hour
	plan, err := workload.Draw(&p.Options)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	setting := &scenario.Setting{View: scenario.NewView(&log, false), Clock: clock.RealClock{}}
	plane, err := setting.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	}()
	s, err := newStage(p, plan, plane, setting)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.set(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.perform(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := s.result()
	t.Logf("%s%+v", log.String(), r.Verdicts)
	free, shaved := r.Verdicts[noPolicy], r.Verdicts[withPolicy]
	if free.Jobs < 5 || free.Jobs != shaved.Jobs || free.Done == 0 || shaved.Done == 0 || shaved.Done > free.Done {
		t.Errorf("without: %+v, with: %+v", free, shaved)
	}
	// What the control plane does takes its time, which is worth that much of the day.
	late := time.Duration(2 * p.Speed * float64(time.Second))
	inWindow := func(name string) (cores float64) {
		for _, load := range r.Loads[name] {
			if load.At > plan.Open+late && load.At < plan.Close {
				cores += load.Cores
			}
		}
		return cores
	}
	if inWindow(withPolicy) >= inWindow(noPolicy) {
		t.Errorf("in the window %g cores are asked for with the policy, %g without", inWindow(withPolicy), inWindow(noPolicy))
	}
	suspended, ended := 0, s.watch.ended[withPolicy]
	for i := range plan.Jobs {
		job := &plan.Jobs[i]
		end, done := ended[job.Name]
		if job.Arrives <= plan.Open+late || job.Arrives >= plan.Close {
			continue
		}
		if suspended++; done && end < plan.Close {
			t.Errorf("%s arrived in the window, at %s, and was done at %s", job.Name, job.Arrives, end)
		}
	}
	if suspended == 0 {
		t.Error("no Job arrived in the window")
	}
	kept, err := s.client.BatchV1().Jobs(withPolicy).Get(t.Context(), plan.Jobs[0].Name+"-0", metav1.GetOptions{})
	if err != nil || !isDone(kept) || kept.Status.Succeeded != 1 {
		t.Errorf("a run of an earlier day is %+v, %v", kept.Status, err)
	}
	u, err := s.dynamic.Resource(peakPolicies).Namespace(withPolicy).Get(t.Context(), policyName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var policy v1alpha1.PeakPolicy
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &policy); err != nil || !meta.IsStatusConditionTrue(policy.Status.Conditions, "Ready") {
		t.Errorf("the policy says %+v, %v", policy.Status.Conditions, err)
	}
	for reason, least := range map[string]int{"PeakBegun": suspended, "PeakEnded": 1} {
		events, err := s.client.CoreV1().Events(withPolicy).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=" + reason})
		if err != nil || len(events.Items) < least {
			t.Errorf("%d events %s, where %d Jobs were suspended, %v", len(events.Items), reason, suspended, err)
		}
	}
}
