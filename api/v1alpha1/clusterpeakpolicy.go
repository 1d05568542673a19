package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterPeakPolicy is a PeakPolicy for many namespaces. Those of the control plane (kube-system, kube-public,
// kube-node-lease and evenkeel's own) are never among them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cpeak,categories=evenkeel
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].status`
// +kubebuilder:printcolumn:name="Next",type=string,format=date-time,JSONPath=`.status.nextChange`
// +kubebuilder:printcolumn:name="Selected",type=integer,JSONPath=`.status.targets.selected`
// +kubebuilder:printcolumn:name="Changed",type=integer,JSONPath=`.status.targets.changed`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.spec.windows.all(w, !has(w.holidays) || has(w.holidays.configMap.namespace))",fieldPath=".spec.windows",message="a ClusterPeakPolicy says where its holidays are: set holidays.configMap.namespace"
type ClusterPeakPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec PeakPolicySpec `json:"spec"`
	// +optional
	Status PeakPolicyStatus `json:"status,omitempty"`
}

// ClusterPeakPolicyList is what a list request answers.
//
// +kubebuilder:object:root=true
type ClusterPeakPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ClusterPeakPolicy `json:"items"`
}
