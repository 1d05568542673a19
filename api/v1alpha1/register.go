package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is that of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "evenkeel.dev", Version: "v1alpha1"}

// AddToScheme makes the kinds known to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&PeakPolicy{}, &PeakPolicyList{},
		&ClusterPeakPolicy{}, &ClusterPeakPolicyList{},
		&PeakAdmission{}, &PeakAdmissionList{},
		&ScalingWindow{}, &ScalingWindowList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
