package explain

import (
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

// Explanation is what an autoscaler will do and why.
type Explanation struct {
	// Autoscaler is namespace/name, Target kind/name.
	Autoscaler string    `json:"autoscaler"`
	Target     string    `json:"target"`
	At         time.Time `json:"at"`
	// Replicas are those asked for at present, Ready those of them that are.
	Replicas int32 `json:"replicas"`
	Ready    int32 `json:"ready"`
	Min      int32 `json:"min"`
	Max      int32 `json:"max"`
	// ToleranceDown and ToleranceUp are how far usage may be from the target without a change, as a part of 1.
	ToleranceDown float64  `json:"toleranceDown"`
	ToleranceUp   float64  `json:"toleranceUp"`
	Metrics       []Metric `json:"metrics"`
	// Next is the size after the next loop, by an autoscaler that remembers nothing.
	Next int32 `json:"next"`
	// Holds are why there are not fewer replicas; none where there will be.
	Holds []Hold `json:"holds,omitempty"`
	// Falls is when the size falls if demand stays as it is; zero: it does not, or that cannot be told.
	Falls time.Time `json:"falls,omitzero"`
	// Conditions are what the autoscaler says itself.
	Conditions []autoscalingv2.HorizontalPodAutoscalerCondition `json:"conditions,omitempty"`
	// Unknown is what could not be read.
	Unknown []string `json:"unknown,omitempty"`
}

// Metric is what an autoscaler is told of one of its metrics. What is not known is left out.
type Metric struct {
	Name   string `json:"name"`
	Target string `json:"target"`
	// Total is the sum over the values that count, and Oldest the time of the oldest of them.
	Total  *resource.Quantity `json:"total,omitempty"`
	Values int                `json:"values"`
	Oldest time.Time          `json:"oldest,omitzero"`
	// Missing are pods that have no value.
	Missing int `json:"missing,omitempty"`
	// Ratio is usage by target.
	Ratio float64 `json:"ratio,omitempty"`
	// Asks is how many replicas it asks for, with the tolerance; Exactly is without.
	Asks    *int32 `json:"asks,omitempty"`
	Exactly *int32 `json:"exactly,omitempty"`
	// Error is why there is no value, and LastSeen what the autoscaler saw last.
	Error    string  `json:"error,omitempty"`
	LastSeen string  `json:"lastSeen,omitempty"`
	Window   *Window `json:"window,omitempty"`

	err   error
	worth int64 // what one pod is there for; 0: the target is none for a pod
}

// Window is the ScalingWindow over a metric, by its status.
type Window struct {
	Name string `json:"name"`
	// Written is when the status was; figures may be up to a minute older than a read.
	Written time.Time `json:"written,omitzero"`
	// Demand is the total as it is, Served what is told in its place, and DemandAsks how many replicas demand asks for.
	Demand     *resource.Quantity `json:"demand,omitempty"`
	Served     *resource.Quantity `json:"served,omitempty"`
	DemandAsks *int32             `json:"demandAsks,omitempty"`
	// HeldBy is the sample that holds it up, Until when it no longer does.
	HeldBy *v1alpha1.WindowSample `json:"heldBy,omitempty"`
	Until  *metav1.Time           `json:"until,omitempty"`
	// Faults are the conditions that are not as they should be.
	Faults []metav1.Condition `json:"faults,omitempty"`
}

// Hold is a reason why there are not fewer replicas.
type Hold struct {
	Reason Reason `json:"reason"`
	// Until is when it ends if demand stays as it is; zero: it does not, or that cannot be told.
	Until   time.Time `json:"until,omitzero"`
	Message string    `json:"message"`
}

// Reason says why there are not fewer replicas, in a word.
type Reason string

// The reasons, in the order in which an autoscaler comes to them.
const (
	ScalingDisabled  Reason = "ScalingDisabled"  // there are no replicas: an autoscaler lets that be
	Unreadable       Reason = "Unreadable"       // while a metric cannot be read nothing goes down
	NotComputed      Reason = "NotComputed"      // a metric that could not be looked at may ask for the size
	DemandAsks       Reason = "DemandAsks"       // demand itself asks for as many
	WindowHolds      Reason = "WindowHolds"      // demand asks for fewer, a ScalingWindow does not let go yet
	PodsWithoutValue Reason = "PodsWithoutValue" // pods that have no value count as at their target
	WithinTolerance  Reason = "WithinTolerance"  // it is too little of a difference
	ScaleDownOff     Reason = "ScaleDownOff"     // the behavior forbids it
	Stabilizing      Reason = "Stabilizing"      // the highest size asked for of late is kept
	Policies         Reason = "Policies"         // only so many at a time
	AtMinimum        Reason = "AtMinimum"        // minReplicas
)
