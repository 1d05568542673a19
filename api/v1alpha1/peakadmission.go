package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PeakAdmission tells the API server which Jobs start suspended. The peak shaver keeps the one named by
// PeakAdmissionName current, from the policies; it is nobody else's to write. The MutatingAdmissionPolicy in
// manifests/overlays/peakshaver/admission.yaml reads it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=evenkeel
// +kubebuilder:printcolumn:name="Expires",type=string,format=date-time,JSONPath=`.spec.expires`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type PeakAdmission struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec PeakAdmissionSpec `json:"spec"`
}

// PeakAdmissionName is that of the PeakAdmission which is read.
const PeakAdmissionName = "evenkeel-peakshaver"

// PeakAdmissionList is what a list request answers.
//
// +kubebuilder:object:root=true
type PeakAdmissionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []PeakAdmission `json:"items"`
}

// PeakAdmissionSpec is what the API server needs to know to do what policies want of a Job that is created.
type PeakAdmissionSpec struct {
	// Expires is from when on no Job is suspended, so that nobody waits for a peak shaver that is gone.
	//
	// +optional
	Expires *metav1.Time `json:"expires,omitempty"`

	// Ahead is how far the clock of the policies is ahead of the API server's: 0s, but in simulations.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +optional
	Ahead *metav1.Duration `json:"ahead,omitempty"`

	// Queues tells that Kueue suspends and releases the Jobs that name a queue.
	//
	// +optional
	Queues bool `json:"queues,omitempty"`

	// DefaultPriority of pods that name no class.
	//
	// +optional
	DefaultPriority int32 `json:"defaultPriority,omitempty"`

	// PriorityClasses of the cluster.
	//
	// +kubebuilder:validation:MaxItems=256
	// +listType=atomic
	// +optional
	PriorityClasses []PeakPriorityClass `json:"priorityClasses,omitempty"`

	// Rules are the policies that may have a say before it expires, by name.
	//
	// +kubebuilder:validation:MaxItems=512
	// +listType=atomic
	// +optional
	Rules []PeakAdmissionRule `json:"rules,omitempty"`
}

// PeakPriorityClass is a PriorityClass.
type PeakPriorityClass struct {
	// Name of the class.
	//
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Value that its pods have.
	Value int32 `json:"value"`
}

// PeakAdmissionRule is what one policy says of Jobs.
type PeakAdmissionRule struct {
	// Policy that says so, with its namespace if it has one.
	//
	// +kubebuilder:validation:MaxLength=317
	Policy string `json:"policy"`

	// Rank orders rules: of those that have a say, the highest is right.
	Rank int32 `json:"rank"`

	// Suspend a Job, or let it run.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// Hold leaves a Job as it is, whatever other rules say: the policy cannot be carried out.
	//
	// +optional
	Hold bool `json:"hold,omitempty"`

	// Begin of the window, by the clock of the policies; none if it is long open.
	//
	// +optional
	Begin *metav1.Time `json:"begin,omitempty"`

	// End of the window; none if it never closes.
	//
	// +optional
	End *metav1.Time `json:"end,omitempty"`

	// Namespaces of the Jobs; any if left out.
	//
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=atomic
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`

	// NamespaceLabels that their namespace has.
	//
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	NamespaceLabels []metav1.LabelSelectorRequirement `json:"namespaceLabels,omitempty"`

	// Labels that they have.
	//
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Labels []metav1.LabelSelectorRequirement `json:"labels,omitempty"`

	// MaxPriority that their pods have.
	//
	// +optional
	MaxPriority *int32 `json:"maxPriority,omitempty"`

	// Deadline from which on they are not suspended.
	//
	// +optional
	Deadline *PeakAdmissionDeadline `json:"deadline,omitempty"`
}

// PeakAdmissionDeadline is when a Job must be done, and how long before that it must run.
type PeakAdmissionDeadline struct {
	// After the Job's creation, unless its annotation evenkeel.dev/deadline says another time.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +optional
	After *metav1.Duration `json:"after,omitempty"`

	// Lead is the time that the Job is believed to need, with a margin.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	Lead metav1.Duration `json:"lead"`
}
