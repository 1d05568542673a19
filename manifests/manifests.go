// Package manifests has what a cluster must have beside the custom resources, for binaries that bring a control plane with
// them.
package manifests

import _ "embed" // what follows

// PeakAdmission is the policy by which an API server suspends Jobs that are created in a window, and its binding.
//
//go:embed overlays/peakshaver/admission.yaml
var PeakAdmission []byte
