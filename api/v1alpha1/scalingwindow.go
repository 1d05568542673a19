package v1alpha1

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ScalingWindow makes a metric that an autoscaler reads slow to fall. It serves, in place of the total demand,
// what a window over the total says: never less than the demand, so that scaling up is as fast as without.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=swin,categories=evenkeel
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.status.target`
// +kubebuilder:printcolumn:name="Metric",type=string,JSONPath=`.spec.metric.name`
// +kubebuilder:printcolumn:name="Demand",type=string,JSONPath=`.status.demand`
// +kubebuilder:printcolumn:name="Served",type=string,JSONPath=`.status.served`
// +kubebuilder:printcolumn:name="Held until",type=string,format=date-time,JSONPath=`.status.heldUntil`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ScalingWindow struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ScalingWindowSpec `json:"spec"`
	// +optional
	Status ScalingWindowStatus `json:"status,omitempty"`
}

// ScalingWindowList is what a list request answers.
//
// +kubebuilder:object:root=true
type ScalingWindowList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ScalingWindow `json:"items"`
}

// ScalingWindowSpec names a metric, what a pod can bear of it, and how it falls.
//
// +kubebuilder:validation:XValidation:rule="has(self.scaleTargetRef) != has(self.autoscaler)",fieldPath=".scaleTargetRef",message="name either scaleTargetRef or autoscaler"
// +kubebuilder:validation:XValidation:rule="has(self.maxWindow) || has(self.slowScaleDown) || has(self.deadBand) || has(self.seasonalFloor) || has(self.percentile)",message="asks for nothing: set at least one of maxWindow, slowScaleDown, deadBand, seasonalFloor"
// +kubebuilder:validation:XValidation:rule="!has(self.percentile) || has(self.maxWindow) || has(self.slowScaleDown)",fieldPath=".percentile",message="alone it makes the size flap: set maxWindow or slowScaleDown with it"
type ScalingWindowSpec struct {
	// ScaleTargetRef is what is scaled.
	//
	// +optional
	ScaleTargetRef *autoscalingv2.CrossVersionObjectReference `json:"scaleTargetRef,omitempty"`

	// Autoscaler is the name of the HorizontalPodAutoscaler, in place of scaleTargetRef.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Autoscaler string `json:"autoscaler,omitempty"`

	// AutoscalerPolicy says what becomes of an autoscaler whose own behavior spoils the window: Observe tells in the
	// condition AutoscalerFits, Apply sets its spec.behavior.scaleDown.
	//
	// +kubebuilder:default=Observe
	// +optional
	AutoscalerPolicy AutoscalerPolicy `json:"autoscalerPolicy,omitempty"`

	// Metric is what the autoscaler reads.
	Metric WindowMetric `json:"metric"`

	// Target is how much of the metric one pod bears.
	Target WindowTarget `json:"target"`

	// MaxWindow: what is served is the highest demand of this time.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('168h')",message="must be longer than 0 and at most 168h (7 days)"
	// +optional
	MaxWindow *metav1.Duration `json:"maxWindow,omitempty"`

	// SlowScaleDown: what is served falls slowly from each demand that was.
	//
	// +optional
	SlowScaleDown *SlowScaleDown `json:"slowScaleDown,omitempty"`

	// Percentile: at least this percentile of the demand is served.
	//
	// +optional
	Percentile *WindowPercentile `json:"percentile,omitempty"`

	// DeadBand: small changes are not passed on.
	//
	// +optional
	DeadBand *DeadBand `json:"deadBand,omitempty"`

	// SeasonalFloor: at least what the same time of earlier weeks asked for is served.
	//
	// +optional
	SeasonalFloor *SeasonalFloor `json:"seasonalFloor,omitempty"`
}

// AutoscalerPolicy is what becomes of an autoscaler that spoils a window.
//
// +kubebuilder:validation:Enum=Observe;Apply
type AutoscalerPolicy string

// What becomes of an autoscaler.
const (
	ObserveAutoscaler AutoscalerPolicy = "Observe"
	ApplyAutoscaler   AutoscalerPolicy = "Apply"
)

// WindowMetric is a metric of custom.metrics.k8s.io or external.metrics.k8s.io.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Object') == has(self.describedObject)",fieldPath=".describedObject",message="goes with metrics of type Object, and those need it"
type WindowMetric struct {
	// Type is where the metric is read, as in an autoscaler.
	Type WindowMetricType `json:"type"`

	// Name of the metric.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^/%]+$`
	// +kubebuilder:validation:XValidation:rule="self != '.' && self != '..'",message="is no name of a metric"
	Name string `json:"name"`

	// Selector narrows the metric by labels, as the autoscaler's does.
	//
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// DescribedObject is the object that a metric of type Object tells about.
	//
	// +optional
	DescribedObject *autoscalingv2.CrossVersionObjectReference `json:"describedObject,omitempty"`
}

// WindowMetricType is where a metric is read.
//
// +kubebuilder:validation:Enum=Pods;Object;External
type WindowMetricType string

// Where a metric is read.
const (
	PodsMetric     WindowMetricType = "Pods"
	ObjectMetric   WindowMetricType = "Object"
	ExternalMetric WindowMetricType = "External"
)

// WindowTarget is a target per pod. A target of type Value is refused: what an autoscaler makes of it depends on
// today's size, and a window over it would feed on itself.
//
// +kubebuilder:validation:XValidation:rule="!has(self.value)",fieldPath=".value",message="a window over a Value target feeds on itself; give the target per pod as averageValue"
// +kubebuilder:validation:XValidation:rule="has(self.averageValue)",fieldPath=".averageValue",message="say how much one pod bears"
type WindowTarget struct {
	// AverageValue is how much one pod bears.
	//
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) > 0 : isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",message="must be a quantity above 0"
	// +optional
	AverageValue *resource.Quantity `json:"averageValue,omitempty"`

	// Value is always refused; it is here so that the refusal says why.
	//
	// +optional
	Value *resource.Quantity `json:"value,omitempty"`
}

// SlowScaleDown holds each demand for a time, and lets it fall after: by half each halfLife, or by pods in each
// period.
//
// +kubebuilder:validation:XValidation:rule="has(self.halfLife) != has(self.pods)",fieldPath=".halfLife",message="say how fast demand falls: either halfLife, or pods and period"
// +kubebuilder:validation:XValidation:rule="has(self.pods) == has(self.period)",fieldPath=".period",message="pods and period go together"
type SlowScaleDown struct {
	// Hold is how long a demand is served in full after it was.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('168h')",message="must be at most 168h (7 days)"
	// +optional
	Hold *metav1.Duration `json:"hold,omitempty"`

	// HalfLife is the time in which what is served falls by half.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('168h')",message="must be longer than 0 and at most 168h (7 days)"
	// +optional
	HalfLife *metav1.Duration `json:"halfLife,omitempty"`

	// Pods is how many pods' worth of demand at most falls away in each period.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Pods *int32 `json:"pods,omitempty"`

	// Period that pods are counted in.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('24h')",message="must be longer than 0 and at most 24h"
	// +optional
	Period *metav1.Duration `json:"period,omitempty"`
}

// WindowPercentile is a percentile of the demand over a window.
type WindowPercentile struct {
	// Value of the percentile, in per cent.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Value int32 `json:"value"`

	// Window that it is taken over.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('168h')",message="must be longer than 0 and at most 168h (7 days)"
	Window metav1.Duration `json:"window"`
}

// DeadBand serves the highest demand of the dwell, rounded up to a grid whose points lie a step apart.
type DeadBand struct {
	// Step from one point of the grid to the next, in per cent.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Step int32 `json:"step"`

	// Dwell is how long demand stays below a point before a lower one is served.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('168h')",message="must be longer than 0 and at most 168h (7 days)"
	Dwell metav1.Duration `json:"dwell"`
}

// SeasonalFloor serves at least the highest demand that earlier weeks had at the same time, with a margin.
type SeasonalFloor struct {
	// Weeks to look back.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8
	// +kubebuilder:default=1
	// +optional
	Weeks int32 `json:"weeks,omitempty"`

	// Lead is how long before demand is expected it is served.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(h|m|s))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="must be at most 24h"
	// +optional
	Lead *metav1.Duration `json:"lead,omitempty"`

	// Margin is what the floor is of that demand, in per cent.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=100
	// +optional
	Margin *int32 `json:"margin,omitempty"`
}

// ScalingWindowStatus says what is served and why. A figure that is not known is left out.
type ScalingWindowStatus struct {
	// ObservedGeneration of the spec that the rest speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, and what the HorizontalPodAutoscaler's own behaviour spoils.
	//
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Target is what is scaled, as kind/name.
	//
	// +optional
	Target string `json:"target,omitempty"`

	// Demand is the total at present.
	//
	// +optional
	Demand *resource.Quantity `json:"demand,omitempty"`

	// Served is what the autoscaler is told in its place.
	//
	// +optional
	Served *resource.Quantity `json:"served,omitempty"`

	// HeldBy is the sample that keeps what is served above the demand.
	//
	// +optional
	HeldBy *WindowSample `json:"heldBy,omitempty"`

	// HeldUntil is when it no longer does, if demand stays as it is.
	//
	// +optional
	HeldUntil *metav1.Time `json:"heldUntil,omitempty"`

	// Replicas that demand asks for, and those that what is served asks for.
	//
	// +optional
	Replicas *WindowReplicas `json:"replicas,omitempty"`
}

// WindowSample is a demand that was.
type WindowSample struct {
	// Time of the sample.
	Time metav1.Time `json:"time"`

	// Value of the sample.
	Value resource.Quantity `json:"value"`

	// Part of the window that it counts by.
	Part WindowPart `json:"part"`
}

// WindowPart is a part of a ScalingWindow, by the name of its field.
//
// +kubebuilder:validation:Enum=maxWindow;slowScaleDown;percentile;deadBand;seasonalFloor
type WindowPart string

// The parts of a ScalingWindow.
const (
	MaxWindowPart     WindowPart = "maxWindow"
	SlowScaleDownPart WindowPart = "slowScaleDown"
	PercentilePart    WindowPart = "percentile"
	DeadBandPart      WindowPart = "deadBand"
	SeasonalFloorPart WindowPart = "seasonalFloor"
)

// WindowReplicas are two sizes of what is scaled.
type WindowReplicas struct {
	// Demand at present asks for so many.
	Demand int32 `json:"demand"`

	// Served is how many what is served asks for.
	Served int32 `json:"served"`
}
