// Package crd has the definitions of evenkeel's custom resources, for binaries that bring a control plane with them.
package crd

import "embed"

// Files are the definitions, one in each.
//
//go:embed evenkeel.dev_*.yaml
var Files embed.FS
