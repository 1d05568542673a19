package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Conditions of a policy.
const (
	// ConditionReady: the policy can be carried out. Where it is False the message names the field at fault.
	ConditionReady = "Ready"
	// ConditionActive: a window is open.
	ConditionActive = "Active"
	// ConditionConflict: another policy of equal priority says the contrary, or somebody keeps changing what this one has set.
	ConditionConflict = "Conflict"
)

// AnnotationDeadline on a Job is the time by which it must be done, as RFC 3339 writes it.
const AnnotationDeadline = "evenkeel.dev/deadline"

// AnnotationRunTime on a Job is how long it is expected to run, as Go writes durations, where nothing like it has run before.
const AnnotationRunTime = "evenkeel.dev/expected-run-time"

// PeakPolicyStatus is what a policy does at present.
type PeakPolicyStatus struct {
	// ObservedGeneration of the spec that the rest speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, Active, Conflict.
	//
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// OpenWindows are those that are open.
	//
	// +listType=map
	// +listMapKey=name
	// +optional
	OpenWindows []OpenWindow `json:"openWindows,omitempty"`

	// NextChange is when a window opens or closes next; none if never again.
	//
	// +optional
	NextChange *metav1.Time `json:"nextChange,omitempty"`

	// Targets counts the objects that the policy selects.
	//
	// +optional
	Targets *PeakTargets `json:"targets,omitempty"`
}

// OpenWindow is a window that is open.
type OpenWindow struct {
	// Name of the window.
	Name string `json:"name"`

	// Until is when it closes; none if it never does.
	//
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
}

// PeakTargets counts objects.
type PeakTargets struct {
	// Selected by the policy.
	Selected int32 `json:"selected"`

	// Changed by it: they are not as their owners made them.
	Changed int32 `json:"changed"`

	// Waiting for their turn, for running work to end or for room under the ceiling.
	Waiting int32 `json:"waiting"`

	// Refused: selected, but part of the control plane or in conflict.
	Refused int32 `json:"refused"`
}
