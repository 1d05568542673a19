package kubelet

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var (
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	there = placement{hostIP: "172.16.0.1", podIP: "10.128.0.7", stopAfter: 2 * time.Second}
)

func ago(d time.Duration) *metav1.Time { return ptr.To(metav1.NewTime(noon.Add(-d))) }

func pod(change ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", CreationTimestamp: *ago(time.Hour)},
		Spec:       v1.PodSpec{NodeName: "n", Containers: []v1.Container{{Name: "main", Image: "image:1"}}},
		Status:     v1.PodStatus{Phase: v1.PodPending},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func running(since time.Duration) func(*v1.Pod) {
	return func(p *v1.Pod) {
		p.Status = *runningStatus(p, there, *ago(since))
	}
}

func phase(phase v1.PodPhase) func(*v1.Pod) { return func(p *v1.Pod) { p.Status.Phase = phase } }

func annotated(value string) func(*v1.Pod) {
	return func(p *v1.Pod) { p.Annotations = map[string]string{RunForAnnotation: value} }
}

func ofJob(p *v1.Pod) {
	p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "j", Controller: ptr.To(true)}}
}

// deleted asks for the pod's end some time ago, with a grace period; the API server notes when it ends.
func deleted(since, grace time.Duration) func(*v1.Pod) {
	return func(p *v1.Pod) {
		p.DeletionTimestamp = ago(since - grace)
		p.DeletionGracePeriodSeconds = ptr.To(int64(grace / time.Second))
	}
}

func TestNextStep(t *testing.T) {
	for name, test := range map[string]struct {
		reason string
		pod    *v1.Pod
		phase  v1.PodPhase
		want   step
	}{
		"pending": {
			reason: "a bound pod starts",
			pod:    pod(),
			phase:  v1.PodRunning,
		},
		"without a phase": {
			reason: "as an object made by hand may be",
			pod:    pod(phase("")),
			phase:  v1.PodRunning,
		},
		"running":   {reason: "a service runs for ever", pod: pod(running(time.Hour))},
		"succeeded": {reason: "there is nothing after the end", pod: pod(phase(v1.PodSucceeded))},
		"failed":    {reason: "there is nothing after the end", pod: pod(phase(v1.PodFailed))},
		"before its time": {
			reason: "10 of 30 seconds have passed",
			pod:    pod(annotated("30s"), running(10*time.Second)),
			want:   step{after: 20 * time.Second},
		},
		"at its time": {
			reason: "the end is inclusive",
			pod:    pod(annotated("30s"), running(30*time.Second)),
			phase:  v1.PodSucceeded,
		},
		"past its time": {
			reason: "the kubelet may have been away",
			pod:    pod(annotated("30s"), running(time.Hour)),
			phase:  v1.PodSucceeded,
		},
		"runs for no time": {
			reason: "zero is a duration",
			pod:    pod(annotated("0s"), running(0)),
			phase:  v1.PodSucceeded,
		},
		"of a job": {
			reason: "a Job's pod ends by itself",
			pod:    pod(ofJob, running(0)),
			want:   step{after: time.Second},
		},
		"of a job, past": {
			reason: "a Job's pod ends by itself",
			pod:    pod(ofJob, running(time.Minute)),
			phase:  v1.PodSucceeded,
		},
		"of a job with a time": {
			reason: "the annotation goes before the default",
			pod:    pod(ofJob, annotated("1h"), running(time.Minute)),
			want:   step{after: 59 * time.Minute},
		},
		"just deleted": {
			reason: "containers stop after 2 s",
			pod:    pod(running(time.Hour), deleted(0, 30*time.Second)),
			want:   step{after: 2 * time.Second},
		},
		"deleted 2 s ago": {
			reason: "containers have stopped",
			pod:    pod(running(time.Hour), deleted(2*time.Second, 30*time.Second)),
			want:   step{remove: true},
		},
		"deleted with 1 s of grace": {
			reason: "grace bounds the time to stop",
			pod:    pod(running(time.Hour), deleted(time.Second, time.Second)),
			want:   step{remove: true},
		},
		"deleted while pending": {
			reason: "it never starts",
			pod:    pod(deleted(time.Minute, 30*time.Second)),
			want:   step{remove: true},
		},
		"removed, finalizer left": {reason: "somebody else's to finish", pod: pod(running(time.Hour), deleted(time.Minute, 0))},
		"deleted when done": {
			reason: "an ended pod goes as well",
			pod:    pod(phase(v1.PodSucceeded), deleted(time.Minute, 30*time.Second)),
			want:   step{remove: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := nextStep(test.pod, there, noon)
			if err != nil {
				t.Fatal(err)
			}
			var phase v1.PodPhase
			if got.status != nil {
				phase, got.status = got.status.Phase, nil
			}
			if phase != test.phase {
				t.Errorf("phase to write is %q, want %q: %s", phase, test.phase, test.reason)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(step{})); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", test.reason, diff)
			}
		})
	}
}

func TestNextStepLeavesThePodAlone(t *testing.T) {
	for name, p := range map[string]*v1.Pod{
		"starting":  pod(),
		"finishing": pod(annotated("1s"), running(time.Hour)),
	} {
		before := p.DeepCopy()
		if _, err := nextStep(p, there, noon); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, p); diff != "" {
			t.Errorf("%s: the cached pod was changed (-before +after)\n%s", name, diff)
		}
	}
}

func TestBadAnnotationNamesThePod(t *testing.T) {
	for _, value := range []string{"", "soon", "30", "-1s"} {
		_, err := nextStep(pod(annotated(value), running(time.Hour)), there, noon)
		if err == nil {
			t.Errorf("%q was accepted", value)
			continue
		}
		for _, want := range []string{RunForAnnotation, "ns/p", "90s"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %q does not mention %q", value, err, want)
			}
		}
	}
}

func TestRunningStatus(t *testing.T) {
	p := pod(func(p *v1.Pod) {
		p.Generation = 3
		p.Spec.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "example.com/gate"}}
		p.Spec.InitContainers = []v1.Container{
			{Name: "once", Image: "image:2"},
			{Name: "sidecar", Image: "image:3", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)},
		}
		p.Status.QOSClass = v1.PodQOSBurstable
		p.Status.Conditions = []v1.PodCondition{
			{Type: v1.PodScheduled, Status: v1.ConditionTrue, LastTransitionTime: *ago(time.Minute)},
			{Type: v1.PodReady, Status: v1.ConditionFalse, LastTransitionTime: *ago(time.Minute)},
		}
	})
	got := runningStatus(p, there, *ago(0))

	conditions := map[v1.PodConditionType]metav1.Time{}
	for _, condition := range got.Conditions {
		if condition.Status != v1.ConditionTrue {
			t.Errorf("condition %s is %s", condition.Type, condition.Status)
		}
		if _, twice := conditions[condition.Type]; twice {
			t.Errorf("condition %s is there twice", condition.Type)
		}
		conditions[condition.Type] = condition.LastTransitionTime
	}
	want := map[v1.PodConditionType]metav1.Time{
		v1.PodScheduled: *ago(time.Minute), v1.PodReady: *ago(0), v1.ContainersReady: *ago(0), v1.PodInitialized: *ago(0),
		v1.PodReadyToStartContainers: *ago(0), "example.com/gate": *ago(0),
	}
	if diff := cmp.Diff(want, conditions); diff != "" {
		t.Errorf("transitions (-want +got)\n%s", diff)
	}
	if got.QOSClass != v1.PodQOSBurstable || got.ObservedGeneration != 3 || got.PodIP != there.podIP || got.HostIP != there.hostIP {
		t.Errorf("status is %+v", got)
	}
	if c := got.ContainerStatuses; len(c) != 1 || c[0].State.Running == nil || !c[0].Ready || c[0].Image != "image:1" {
		t.Errorf("container statuses are %+v", c)
	}
	if c := got.InitContainerStatuses; len(c) != 2 || c[0].State.Terminated == nil || c[1].State.Running == nil {
		t.Errorf("init container statuses are %+v", c)
	}
}

func TestSucceededStatus(t *testing.T) {
	got := succeededStatus(pod(running(time.Minute)), *ago(0))
	ended := got.ContainerStatuses[0].State.Terminated
	if ended == nil || ended.ExitCode != 0 || !ended.StartedAt.Equal(ago(time.Minute)) || !ended.FinishedAt.Equal(ago(0)) {
		t.Errorf("container state is %+v", got.ContainerStatuses[0].State)
	}
	if got.ContainerStatuses[0].Ready || *got.ContainerStatuses[0].Started {
		t.Error("an ended container is ready or started")
	}
	for _, condition := range got.Conditions {
		if condition.Type == v1.PodReady && (condition.Status != v1.ConditionFalse || condition.Reason != "PodCompleted") {
			t.Errorf("ready condition is %+v", condition)
		}
	}
}

// A step is one of: write, remove, wait, nothing; and following the waits always ends.
func FuzzNextStep(f *testing.F) {
	f.Add("30s", uint8(1), int64(10), int64(30), false)
	f.Add("x", uint8(0), int64(-5), int64(0), true)
	f.Fuzz(func(t *testing.T, duration string, state uint8, age, grace int64, del bool) {
		age, grace = age%100000, grace%100000
		p := pod(annotated(duration))
		if state%3 > 0 {
			running(time.Duration(age) * time.Second)(p)
		}
		if del && grace >= 0 {
			deleted(time.Duration(age)*time.Second, time.Duration(grace)*time.Second)(p)
		}
		now := noon
		for range 2 {
			got, err := nextStep(p, there, now)
			if err != nil {
				if !strings.Contains(err.Error(), RunForAnnotation) {
					t.Errorf("error %q does not name the annotation", err)
				}
				return
			}
			if got.after < 0 || got.remove && got.status != nil || got.after > 0 && (got.remove || got.status != nil) {
				t.Fatalf("step is %+v", got)
			}
			if got.after == 0 {
				return
			}
			now = now.Add(got.after)
		}
		t.Error("waiting as long as told leads to more waiting")
	})
}
