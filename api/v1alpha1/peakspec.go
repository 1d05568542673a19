package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PeakPolicySpec says when, to what and how work is kept off the peak.
//
// +kubebuilder:validation:XValidation:rule="!self.selection.kinds.exists(k, k in ['Job', 'CronJob']) || has(self.action.suspend)",fieldPath=".action.suspend",message="selection.kinds has Job or CronJob: say whether to suspend them"
// +kubebuilder:validation:XValidation:rule="!self.selection.kinds.exists(k, k in ['Deployment', 'StatefulSet']) || has(self.action.replicas)",fieldPath=".action.replicas",message="selection.kinds has Deployment or StatefulSet: say what their replicas are to be"
// +kubebuilder:validation:XValidation:rule="!self.selection.kinds.exists(k, k == 'HorizontalPodAutoscaler') || has(self.action.autoscaler)",fieldPath=".action.autoscaler",message="selection.kinds has HorizontalPodAutoscaler: say what their minReplicas or maxReplicas are to be"
// +kubebuilder:validation:XValidation:rule="!self.selection.kinds.exists(k, k == 'ScaledObject') || has(self.action.pauseScaledObjects)",fieldPath=".action.pauseScaledObjects",message="selection.kinds has ScaledObject: say whether to pause them"
// +kubebuilder:validation:XValidation:rule="!self.selection.kinds.exists(k, k in ['LocalQueue', 'ClusterQueue']) || has(self.action.stopQueues)",fieldPath=".action.stopQueues",message="selection.kinds has LocalQueue or ClusterQueue: say how to stop them"
// +kubebuilder:validation:XValidation:rule="!has(self.action.suspend) || self.selection.kinds.exists(k, k in ['Job', 'CronJob'])",fieldPath=".selection.kinds",message="action.suspend is for Job and CronJob, and neither is selected"
// +kubebuilder:validation:XValidation:rule="!has(self.action.replicas) || self.selection.kinds.exists(k, k in ['Deployment', 'StatefulSet'])",fieldPath=".selection.kinds",message="action.replicas is for Deployment and StatefulSet, and neither is selected"
// +kubebuilder:validation:XValidation:rule="!has(self.action.autoscaler) || self.selection.kinds.exists(k, k == 'HorizontalPodAutoscaler')",fieldPath=".selection.kinds",message="action.autoscaler is for HorizontalPodAutoscaler, which is not selected"
// +kubebuilder:validation:XValidation:rule="!has(self.action.pauseScaledObjects) || self.selection.kinds.exists(k, k == 'ScaledObject')",fieldPath=".selection.kinds",message="action.pauseScaledObjects is for ScaledObject, which is not selected"
// +kubebuilder:validation:XValidation:rule="!has(self.action.stopQueues) || self.selection.kinds.exists(k, k in ['LocalQueue', 'ClusterQueue'])",fieldPath=".selection.kinds",message="action.stopQueues is for LocalQueue and ClusterQueue, and neither is selected"
// +kubebuilder:validation:XValidation:rule="!has(self.deadline) || self.selection.kinds.exists(k, k == 'Job')",fieldPath=".deadline",message="is for Jobs, and none is selected"
// +kubebuilder:validation:XValidation:rule="!has(self.grace) || self.selection.kinds.exists(k, k == 'Job')",fieldPath=".grace",message="is for Jobs, and none is selected"
type PeakPolicySpec struct {
	// Priority decides where policies overlap: they are applied from the lowest up, each to what those before left, so
	// that the highest has the last word. Among equals suspending, the lowest cap and the highest floor win, a floor over
	// a cap.
	//
	// +kubebuilder:validation:Minimum=-1000
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Priority int32 `json:"priority,omitempty"`

	// Windows in which the policy acts: whenever at least one is open.
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	Windows []PeakWindow `json:"windows"`

	// Selection says to which objects.
	Selection PeakSelection `json:"selection"`

	// Action says what they are to be while a window is open.
	Action PeakAction `json:"action"`

	// Grace is for Jobs that run when a window opens. If it is left out, they are let finish.
	//
	// +optional
	Grace *PeakGrace `json:"grace,omitempty"`

	// Begin spreads the change over the time after a window has opened.
	//
	// +optional
	Begin *PeakEdge `json:"begin,omitempty"`

	// End spreads the restoration over the time after a window has closed.
	//
	// +optional
	End *PeakEdge `json:"end,omitempty"`

	// Order has groups of the selected objects: at the beginning the first group is switched first, at the end
	// last. Objects of no group come after all groups.
	//
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	// +optional
	Order []metav1.LabelSelector `json:"order,omitempty"`

	// Deadline lets suspended Jobs start in time though a window is open.
	//
	// +optional
	Deadline *PeakDeadline `json:"deadline,omitempty"`

	// Ceiling bounds the load that suspended Jobs are released into when a window has closed.
	//
	// +optional
	Ceiling *PeakCeiling `json:"ceiling,omitempty"`

	// OnConflict says what to do when somebody else changes what the policy has set, while a window is open:
	// leave it and report it (Yield), or set it again a bounded number of times (Insist).
	//
	// +kubebuilder:default=Yield
	// +optional
	OnConflict ConflictRule `json:"onConflict,omitempty"`
}

// PeakSelection is a set of objects; all of its conditions must hold.
type PeakSelection struct {
	// Kinds of objects.
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=set
	Kinds []TargetKind `json:"kinds"`

	// Labels that an object has; any if left out.
	//
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['Exists', 'DoesNotExist'] || (e.operator in ['In', 'NotIn'] && has(e.values) && size(e.values) > 0))",message="an expression selects nothing or is none: the operators are Exists, DoesNotExist, and In and NotIn with values"
	// +optional
	Labels *metav1.LabelSelector `json:"labels,omitempty"`

	// Namespaces of a ClusterPeakPolicy; all but the control plane's if left out.
	//
	// +optional
	Namespaces *NamespaceSelection `json:"namespaces,omitempty"`

	// MaxPriority is the highest priority that an object's pods may have. Those of Kubernetes' own system
	// classes are never selected.
	//
	// +kubebuilder:validation:Minimum=-2147483648
	// +kubebuilder:validation:Maximum=1000000000
	// +optional
	MaxPriority *int32 `json:"maxPriority,omitempty"`
}

// TargetKind is a kind that a policy can change.
//
// +kubebuilder:validation:Enum=Job;CronJob;Deployment;StatefulSet;HorizontalPodAutoscaler;ScaledObject;LocalQueue;ClusterQueue
type TargetKind string

// The kinds that a policy can change: Kubernetes' own, KEDA's ScaledObject and Kueue's queues.
const (
	Job                     TargetKind = "Job"
	CronJob                 TargetKind = "CronJob"
	Deployment              TargetKind = "Deployment"
	StatefulSet             TargetKind = "StatefulSet"
	HorizontalPodAutoscaler TargetKind = "HorizontalPodAutoscaler"
	ScaledObject            TargetKind = "ScaledObject"
	LocalQueue              TargetKind = "LocalQueue"
	ClusterQueue            TargetKind = "ClusterQueue"
)

// NamespaceSelection is a set of namespaces, by name or by label.
//
// +kubebuilder:validation:XValidation:rule="has(self.names) != has(self.labels)",message="select namespaces either by names or by labels"
type NamespaceSelection struct {
	// Names of namespaces.
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.all(n, !(n in ['kube-system', 'kube-public', 'kube-node-lease', 'evenkeel-system']))",message="the control plane is never shaved: kube-system, kube-public, kube-node-lease and evenkeel-system cannot be selected"
	// +listType=set
	// +optional
	Names []string `json:"names,omitempty"`

	// Labels that a namespace has.
	//
	// +optional
	Labels *metav1.LabelSelector `json:"labels,omitempty"`
}

// PeakAction is what objects are to be while a window is open, for each family of kinds.
//
// +kubebuilder:validation:MinProperties=1
type PeakAction struct {
	// Suspend Jobs and CronJobs. False lets those run that a policy of lower priority would suspend.
	//
	// +optional
	Suspend *bool `json:"suspend,omitempty"`

	// Replicas of Deployments and StatefulSets. One that an autoscaler scales is left to it: select the
	// autoscaler in its place.
	//
	// +optional
	Replicas *ReplicaBounds `json:"replicas,omitempty"`

	// Autoscaler is for HorizontalPodAutoscalers.
	//
	// +optional
	Autoscaler *AutoscalerBounds `json:"autoscaler,omitempty"`

	// PauseScaledObjects pauses KEDA's ScaledObjects at the replicas that they have.
	//
	// +optional
	PauseScaledObjects *bool `json:"pauseScaledObjects,omitempty"`

	// StopQueues is the stopPolicy of Kueue's queues: Hold admits nothing new, HoldAndDrain evicts too.
	//
	// +kubebuilder:validation:Enum=None;Hold;HoldAndDrain
	// +optional
	StopQueues *string `json:"stopQueues,omitempty"`
}

// ReplicaBounds are a cap and a floor of replicas, each a number or a share of what the owner set. Shares are
// rounded up.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.atMost) || !has(self.atMostPercent)",fieldPath=".atMostPercent",message="give either atMost or atMostPercent"
// +kubebuilder:validation:XValidation:rule="!has(self.atLeast) || !has(self.atLeastPercent)",fieldPath=".atLeastPercent",message="give either atLeast or atLeastPercent"
// +kubebuilder:validation:XValidation:rule="!has(self.atLeast) || !has(self.atMost) || self.atLeast <= self.atMost",fieldPath=".atLeast",message="is above atMost"
// +kubebuilder:validation:XValidation:rule="!has(self.atLeastPercent) || !has(self.atMostPercent) || self.atLeastPercent <= self.atMostPercent",fieldPath=".atLeastPercent",message="is above atMostPercent"
type ReplicaBounds struct {
	// AtMost so many replicas.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	AtMost *int32 `json:"atMost,omitempty"`

	// AtMostPercent of the owner's replicas.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	AtMostPercent *int32 `json:"atMostPercent,omitempty"`

	// AtLeast so many replicas.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	AtLeast *int32 `json:"atLeast,omitempty"`

	// AtLeastPercent of the owner's replicas.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	AtLeastPercent *int32 `json:"atLeastPercent,omitempty"`
}

// AutoscalerBounds are the bounds of a HorizontalPodAutoscaler, each a number or a share of what the owner set.
// Shares are rounded up. Where only one bound is given and the other would contradict it, the other is moved to it.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || !has(self.minReplicasPercent)",fieldPath=".minReplicasPercent",message="give either minReplicas or minReplicasPercent"
// +kubebuilder:validation:XValidation:rule="!has(self.maxReplicas) || !has(self.maxReplicasPercent)",fieldPath=".maxReplicasPercent",message="give either maxReplicas or maxReplicasPercent"
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",fieldPath=".minReplicas",message="is above maxReplicas"
type AutoscalerBounds struct {
	// MinReplicas inside the window: at least 1, since an autoscaler cannot leave 0 by itself.
	//
	// +kubebuilder:validation:Minimum=1
	// +optional
	MinReplicas *int32 `json:"minReplicas,omitempty"`

	// MinReplicasPercent of the owner's minReplicas.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MinReplicasPercent *int32 `json:"minReplicasPercent,omitempty"`

	// MaxReplicas inside the window.
	//
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`

	// MaxReplicasPercent of the owner's maxReplicas.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MaxReplicasPercent *int32 `json:"maxReplicasPercent,omitempty"`
}

// PeakGrace is how Jobs are treated that run when a window opens. Suspending a Job ends its pods.
type PeakGrace struct {
	// Running Jobs are let finish, or stopped.
	//
	// +kubebuilder:default=Finish
	// +optional
	Running RunningRule `json:"running,omitempty"`

	// MinRunTime is how long a Job has run at least before it is stopped.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('744h')",message="must be at most 744h"
	// +optional
	MinRunTime *metav1.Duration `json:"minRunTime,omitempty"`
}

// RunningRule is what happens to running Jobs.
//
// +kubebuilder:validation:Enum=Finish;Stop
type RunningRule string

// What happens to running Jobs.
const (
	FinishRunning RunningRule = "Finish"
	StopRunning   RunningRule = "Stop"
)

// PeakEdge spreads a change over time, so that the edge of a window is no stampede.
type PeakEdge struct {
	// Stagger is the time over which objects are switched, one after the other, each at a moment of its own that
	// depends on nothing but its name and UID.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="must be at most 24h"
	// +optional
	Stagger *metav1.Duration `json:"stagger,omitempty"`

	// Ramp is the time that the replicas of one object take from one value to the other.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="must be at most 24h"
	// +optional
	Ramp *metav1.Duration `json:"ramp,omitempty"`
}

// PeakDeadline lets a suspended Job start so long before its deadline as it runs on average, with a margin, or as only one
// run in a hundred exceeds, if that is longer.
type PeakDeadline struct {
	// After is when a Job must be done, counted from its creation, unless its annotation evenkeel.dev/deadline says
	// another time (RFC 3339). Without either a Job has no deadline.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="must be longer than 0"
	// +optional
	After *metav1.Duration `json:"after,omitempty"`

	// ExpectedRunTime is for Jobs of which nothing like them has run before.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="must be longer than 0"
	ExpectedRunTime metav1.Duration `json:"expectedRunTime"`

	// Margin is added to the average run time, in per cent of it.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=20
	// +optional
	Margin *int32 `json:"margin,omitempty"`
}

// PeakCeiling bounds the release of Jobs by measured load.
type PeakCeiling struct {
	// CPU is the use of the cluster's CPU up to which suspended Jobs are released, in per cent.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	CPU int32 `json:"cpu"`
}

// ConflictRule is what to do about a change by somebody else.
//
// +kubebuilder:validation:Enum=Yield;Insist
type ConflictRule string

// What to do about a change by somebody else.
const (
	Yield  ConflictRule = "Yield"
	Insist ConflictRule = "Insist"
)
