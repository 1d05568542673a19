package scheduler

import (
	"fmt"
	"os"
	"testing"

	"github.com/evenkeel/evenkeel/test/bench"
)

const area = "scheduler"

var (
	// full is scheduler_perf's 5000Nodes_10000Pods.
	full = workload{Nodes: 5000, InitPods: 1000, Pods: 10000}
	// small is for -short: its 500Nodes with enough pods to be sampled more than once.
	small = workload{Nodes: 500, InitPods: 500, Pods: 5000}
	warm  = workload{Nodes: 100, InitPods: 100, Pods: 2000}
)

// pairs of runs, one by each profile. The order changes from pair to pair, so that neither profile always
// has the warmer machine.
const pairs = 3

// BenchmarkThroughput lets both profiles schedule the same workload in turn. Both share the machine with
// their API server and etcd, as scheduler_perf has it.
func BenchmarkThroughput(b *testing.B) {
	size := full
	if testing.Short() {
		size = small
	}
	for range b.N {
		measureThroughput(b, size)
	}
}

func measureThroughput(b *testing.B, size workload) {
	b.Helper()
	schedule := func(p profile, w workload) outcome {
		o := (&trial{profile: p, workload: w, load: load{low: 0.25, high: 0.35, seed: 1}}).run(b)
		// Not b.Logf: scheduler_perf logs so much that the log of a benchmark is cut before this line.
		fmt.Fprintf(os.Stderr, "%s, %d nodes: %.0f pods/s, %.2f ms of processor a pod, %.0f pods by hints\n", p.name,
			w.Nodes, o.podsPerSecond, float64(o.processor.Microseconds())/1000/float64(w.InitPods+w.Pods), o.hintsUsed)
		return o
	}
	schedule(stock(), warm)
	var rates, ratios []float64
	for pair := range pairs {
		var ours, theirs outcome
		if pair%2 == 0 {
			theirs, ours = schedule(stock(), size), schedule(evenkeel(), size)
		} else {
			ours, theirs = schedule(evenkeel(), size), schedule(stock(), size)
		}
		rates = append(rates, ours.podsPerSecond)
		ratios = append(ratios, ours.podsPerSecond/theirs.podsPerSecond)
	}
	bench.Report(b, bench.Result{
		Area: area, Name: "throughput_ratio_stock", Value: bench.Median(rates...), Unit: "pods/s",
	}.Against(peer, bench.Median(ratios...)))
}
