// Package integration has the tests that need a Kubernetes API server: evenkeel's
// parts, as they are built and deployed, against an embedded control plane.
package integration
