package explain

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/utils/clock"
)

// BenchmarkSchedulePod tells what remembering costs: the same scheduling cycle
// on 5,000 nodes with and without it, where all fit and where most do not.
func BenchmarkSchedulePod(b *testing.B) {
	for name, cpu := range map[string]string{"fits": "8", "mostly full": "1"} {
		var nodes []*v1.Node
		for i := range 5000 {
			size := cpu
			if i%10 == 0 {
				size = "8"
			}
			nodes = append(nodes, node(fmt.Sprintf("node-%d", i), size))
		}
		for _, recorded := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/recorded=%v", name, recorded), func(b *testing.B) {
				c := newCluster(b, nodes...)
				if recorded {
					recorder := NewRecorder(DefaultCapacity, clock.RealClock{})
					recorder.Attach(c.sched, nil)
					go recorder.Run(c.ctx)
				}
				i := 0
				for b.Loop() {
					i++
					if _, err := c.schedule(pod(fmt.Sprintf("p-%d", i), "1500m"), 1); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestMemoryIsBounded fills a ring with the largest records that there can be.
func TestMemoryIsBounded(t *testing.T) {
	const capacity = 2000
	before := heap()
	r := newRing(capacity)
	for i := range 2 * capacity {
		r.add(largest(i))
	}
	perRecord := (heap() - before) / capacity
	runtime.KeepAlive(r)
	t.Logf("the largest records take %d bytes each", perRecord)
	if perRecord > 12<<10 {
		t.Errorf("a record takes %d bytes, want 12 KiB at most: the README says what to expect", perRecord)
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// largest is a record with everything in it, and strings of its own as long as
// they may be.
func largest(i int) entry {
	text := func(length int) string { return fmt.Sprintf("%0*d", length, i) }
	e := entry{record: Record{
		Namespace: text(63), Name: text(253), UID: text(36), Profile: "evenkeel", At: time.Unix(int64(i), 0),
		Outcome: Unschedulable, Node: text(253), Message: text(maxMessage), ReusedFrom: text(317),
	}, plugins: make([]string, 12), scores: make([]int64, 12*maxCandidates)}
	for range maxCandidates {
		e.record.Candidates = append(e.record.Candidates, Candidate{Node: "shared with the node", Beliefs: make([]Belief, 4)})
	}
	for range maxRejections {
		e.record.Rejected = append(e.record.Rejected, Rejection{Plugin: "shared", Reason: text(maxReason), Examples: make([]string, maxExamples)})
	}
	return e
}

// BenchmarkFinish is what the scheduling thread itself pays for a pod: finding
// and copying the best of 5,000 scored nodes.
func BenchmarkFinish(b *testing.B) {
	c := newCluster(b, node("a", "8"))
	r := rand.New(rand.NewPCG(1, 2))
	scored := scoresOf(r, 5000)
	p := pod("p", "1")
	one := &cycle{}
	var last []string
	b.ReportAllocs()
	for b.Loop() {
		one.reset(c.sched.Profiles[profileName], p, 1, 5000, noon)
		one.scored = scored
		one.finish(scheduler.ScheduleResult{SuggestedHost: "node-1"}, nil, noon, last, nil)
		last = one.entry.plugins
		one.clear()
	}
}

// BenchmarkDigest is what another goroutine pays for a pod that 5,000 nodes refuse.
func BenchmarkDigest(b *testing.B) {
	one := &cycle{}
	for i := range 5000 {
		reason := "Insufficient cpu"
		if i%3 == 0 {
			reason = "Insufficient memory"
		}
		one.out = append(one.out, rejected{fmt.Sprintf("node-%d", i), status("NodeResourcesFit", reason)})
	}
	one.outs.Store(5000)
	b.ReportAllocs()
	for b.Loop() {
		one.digest()
	}
}
