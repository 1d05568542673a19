package kubelet

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RunForAnnotation on a pod is how long its containers run before they succeed, as a Go duration
// ("90s"). Without it they run until the pod is deleted, unless the pod belongs to a Job.
const RunForAnnotation = "evenkeel.dev/run-for"

// jobPodDuration is how long a Job's pod runs when it does not say.
const jobPodDuration = time.Second

// placement is what a pod learns from the node it was bound to.
type placement struct {
	hostIP, podIP string
	// stopAfter is how long containers take to stop once asked.
	stopAfter time.Duration
}

// step is what a node does next for a pod. The zero step is: nothing, ever.
type step struct {
	// status is to be written, if not nil.
	status *v1.PodStatus
	// remove is set when the last container is gone and the object should be too.
	remove bool
	// after, if positive, is when to look again.
	after time.Duration
}

// nextStep decides what a node does with a pod bound to it: start what is pending, finish what has
// run its time, remove what is being deleted.
func nextStep(pod *v1.Pod, at placement, now time.Time) (step, error) {
	switch {
	case pod.DeletionTimestamp != nil:
		return terminate(pod, at.stopAfter, now), nil
	case pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed:
		return step{}, nil
	case pod.Status.Phase == v1.PodRunning:
		return finish(pod, now)
	}
	return step{status: runningStatus(pod, at, metav1.NewTime(now))}, nil
}

// terminate removes the pod once its containers had the time to stop, which is never more than its
// grace period. The deletion timestamp is the end of that period, not its start.
func terminate(pod *v1.Pod, stopAfter time.Duration, now time.Time) step {
	var grace time.Duration
	if seconds := pod.DeletionGracePeriodSeconds; seconds != nil {
		grace = time.Duration(*seconds) * time.Second
	}
	if grace == 0 {
		// Removed already; what is left waits for somebody's finalizer.
		return step{}
	}
	gone := pod.DeletionTimestamp.Add(min(stopAfter, grace) - grace)
	if now.Before(gone) {
		return step{after: gone.Sub(now)}
	}
	return step{remove: true}
}

func finish(pod *v1.Pod, now time.Time) (step, error) {
	duration, ends, err := runDuration(pod)
	if !ends || err != nil {
		return step{}, err
	}
	began := pod.CreationTimestamp.Time
	if pod.Status.StartTime != nil {
		began = pod.Status.StartTime.Time
	}
	if ending := began.Add(duration); now.Before(ending) {
		return step{after: ending.Sub(now)}, nil
	}
	return step{status: succeededStatus(pod, metav1.NewTime(now))}, nil
}

// runDuration tells how long the pod's containers run, and whether they end by themselves at all.
func runDuration(pod *v1.Pod) (duration time.Duration, ends bool, err error) {
	text, found := pod.Annotations[RunForAnnotation]
	if !found {
		owner := metav1.GetControllerOf(pod)
		return jobPodDuration, owner != nil && owner.Kind == "Job", nil
	}
	duration, err = time.ParseDuration(text)
	if err != nil || duration < 0 {
		return 0, false, fmt.Errorf("reading annotation %s of pod %q: %q is not a duration of zero or more, such as 90s: the pod runs on",
			RunForAnnotation, pod.Namespace+"/"+pod.Name, text)
	}
	return duration, true, nil
}

func runningStatus(pod *v1.Pod, at placement, now metav1.Time) *v1.PodStatus {
	status := pod.Status.DeepCopy()
	status.Phase = v1.PodRunning
	status.StartTime = &now
	status.ObservedGeneration = pod.Generation
	status.HostIP, status.HostIPs = at.hostIP, []v1.HostIP{{IP: at.hostIP}}
	status.PodIP, status.PodIPs = at.podIP, []v1.PodIP{{IP: at.podIP}}
	for _, condition := range readyConditions(pod) {
		setCondition(status, v1.PodCondition{
			Type: condition, Status: v1.ConditionTrue, ObservedGeneration: pod.Generation, LastTransitionTime: now,
		})
	}
	running := v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: now}}
	status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, containerStatus(container, running))
	}
	status.InitContainerStatuses = nil
	for _, container := range pod.Spec.InitContainers {
		state := running
		if container.RestartPolicy == nil || *container.RestartPolicy != v1.ContainerRestartPolicyAlways {
			state = completed(now, now)
		}
		status.InitContainerStatuses = append(status.InitContainerStatuses, containerStatus(container, state))
	}
	return status
}

func succeededStatus(pod *v1.Pod, now metav1.Time) *v1.PodStatus {
	status := pod.Status.DeepCopy()
	status.Phase = v1.PodSucceeded
	for _, condition := range []v1.PodConditionType{v1.PodReady, v1.ContainersReady} {
		setCondition(status, v1.PodCondition{
			Type: condition, Status: v1.ConditionFalse, Reason: "PodCompleted",
			ObservedGeneration: pod.Generation, LastTransitionTime: now,
		})
	}
	for _, statuses := range [][]v1.ContainerStatus{status.ContainerStatuses, status.InitContainerStatuses} {
		for i := range statuses {
			if running := statuses[i].State.Running; running != nil {
				stopped := false
				statuses[i].State = completed(running.StartedAt, now)
				statuses[i].Ready, statuses[i].Started = false, &stopped
			}
		}
	}
	return status
}

// readyConditions are those that hold for a pod whose containers run, its readiness gates included.
func readyConditions(pod *v1.Pod) []v1.PodConditionType {
	conditions := []v1.PodConditionType{v1.PodReadyToStartContainers, v1.PodInitialized, v1.ContainersReady, v1.PodReady}
	for _, gate := range pod.Spec.ReadinessGates {
		conditions = append(conditions, gate.ConditionType)
	}
	return conditions
}

// setCondition puts the condition in the place of the one of its type. One whose status stays keeps its
// time of transition.
func setCondition(status *v1.PodStatus, condition v1.PodCondition) {
	for i := range status.Conditions {
		if status.Conditions[i].Type == condition.Type {
			if status.Conditions[i].Status == condition.Status {
				condition.LastTransitionTime = status.Conditions[i].LastTransitionTime
			}
			status.Conditions[i] = condition
			return
		}
	}
	status.Conditions = append(status.Conditions, condition)
}

func containerStatus(container v1.Container, state v1.ContainerState) v1.ContainerStatus {
	started := state.Running != nil
	return v1.ContainerStatus{
		Name:    container.Name,
		Image:   container.Image,
		ImageID: container.Image,
		State:   state,
		// A completed init container counts as ready.
		Ready:   true,
		Started: &started,
	}
}

func completed(from, to metav1.Time) v1.ContainerState {
	return v1.ContainerState{Terminated: &v1.ContainerStateTerminated{Reason: "Completed", StartedAt: from, FinishedAt: to}}
}
