// Package v1alpha1 has the custom resources of evenkeel.dev/v1alpha1: data alone, no behaviour.
//
// What an API server can judge when an object is applied is said here, as validation of the CRDs. What needs
// more (a calendar that is not there, two objects that contradict each other) is told by conditions.
//
// Durations are written as Go writes them (90s, 1h30m), shares as whole per cents, and quantities as Kubernetes
// writes them: nothing is a floating-point number.
//
// +kubebuilder:object:generate=true
// +groupName=evenkeel.dev
package v1alpha1

//go:generate go tool -modfile=../../go.tools.mod controller-gen object crd paths=. output:crd:dir=../../manifests/crd
