// Package scheduler measures evenkeel's scheduler beside the stock one: with
// the workloads of Kubernetes' own scheduler_perf on an API server, and with
// the plugin alone. Everything is in its tests and benchmarks.
package scheduler
