package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PeakPolicy keeps low-priority work of its namespace off the peak. Inside its windows the objects that it
// selects are as its action says; outside they are as their owners made them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=peak,categories=evenkeel
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].status`
// +kubebuilder:printcolumn:name="Next",type=string,format=date-time,JSONPath=`.status.nextChange`
// +kubebuilder:printcolumn:name="Selected",type=integer,JSONPath=`.status.targets.selected`
// +kubebuilder:printcolumn:name="Changed",type=integer,JSONPath=`.status.targets.changed`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="!has(self.spec.selection.namespaces)",fieldPath=".spec.selection.namespaces",message="a PeakPolicy is for its own namespace; a ClusterPeakPolicy selects others"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.selection.kinds) || !self.spec.selection.kinds.exists(k, k == 'ClusterQueue')",fieldPath=".spec.selection.kinds",message="a ClusterQueue belongs to no namespace; use a ClusterPeakPolicy"
// +kubebuilder:validation:XValidation:rule="!self.spec.windows.exists(w, has(w.holidays) && has(w.holidays.configMap.namespace))",fieldPath=".spec.windows",message="a PeakPolicy reads its holidays from a ConfigMap of its own namespace; leave holidays.configMap.namespace out"
type PeakPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec PeakPolicySpec `json:"spec"`
	// +optional
	Status PeakPolicyStatus `json:"status,omitempty"`
}

// PeakPolicyList is what a list request answers.
//
// +kubebuilder:object:root=true
type PeakPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []PeakPolicy `json:"items"`
}
