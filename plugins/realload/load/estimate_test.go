package load

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/subject"
)

func TestEstimate(t *testing.T) {
	const mib = 1 << 20
	web := usage.WorkloadOfName("ns", "web-5d89bdcf78-x2vz9")
	old := started(task("web-5d89bdcf78-x2vz9", "n0", "1", "1Gi"), time.Hour)
	tests := map[string]struct {
		reason  string
		pod     *v1.Pod
		know    func(*usage.Builder)
		cpu     [2]int64 // mean and deviation
		memory  [2]int64
		network [2]int64
		from    [4]origin
	}{
		"requests": {
			reason: "0.85 of the CPU and 0.7 of the memory requested, give or take half",
			pod:    task("p", "", "2", "1000Mi"),
			cpu:    [2]int64{1700, 850}, memory: [2]int64{700, 350},
			from: [4]origin{originRequests, originRequests, originNone, originNone},
		},
		"no requests": {
			reason: "a default",
			pod:    task("p", "", "", ""),
			cpu:    [2]int64{250, 125}, memory: [2]int64{200, 100},
			from: [4]origin{originDefault, originDefault, originNone, originNone},
		},
		"workload": {
			reason: "what its siblings use, in each dimension where that is known",
			pod:    task("web-5d89bdcf78-bbbbb", "", "2", "1000Mi"),
			know: func(b *usage.Builder) {
				b.Workload(web, usage.CPU, usage.Mean, 0.3, noon).Workload(web, usage.CPU, usage.Deviation, 0.1, noon)
				b.Workload(web, usage.Network, usage.Mean, 4096, noon).Workload(web, usage.Network, usage.Deviation, 1024, noon)
			},
			cpu: [2]int64{300, 100}, memory: [2]int64{700, 350}, network: [2]int64{4, 1},
			from: [4]origin{originWorkload, originRequests, originWorkload, originNone},
		},
		"workload of old": {
			reason: "what was learned stays learned when the source falls silent",
			pod:    task("web-5d89bdcf78-bbbbb", "", "2", "1000Mi"),
			know: func(b *usage.Builder) {
				b.Workload(web, usage.CPU, usage.Mean, 0.3, noon.Add(-time.Hour))
				b.Workload(web, usage.CPU, usage.Deviation, 0.1, noon.Add(-time.Hour))
			},
			cpu: [2]int64{300, 100}, memory: [2]int64{700, 350},
			from: [4]origin{originWorkload, originRequests, originNone, originNone},
		},
		"own": {
			reason: "a pod measured long enough is what it was measured to be",
			pod:    old,
			know: func(b *usage.Builder) {
				b.Pod("ns", old.Name, usage.CPU, usage.Mean, 0.7, noon).Pod("ns", old.Name, usage.CPU, usage.Deviation, 0.2, noon)
				b.Pod("ns", old.Name, usage.Memory, usage.Mean, 300*mib, noon)
				b.Workload(web, usage.CPU, usage.Mean, 0.3, noon).Workload(web, usage.CPU, usage.Deviation, 0.1, noon)
			},
			cpu: [2]int64{700, 200}, memory: [2]int64{300, 150},
			from: [4]origin{originOwn, originOwn, originNone, originNone},
		},
		"warming up": {
			reason: "half way through the warm-up it is half its workload",
			pod:    started(task("web-5d89bdcf78-x2vz9", "n0", "1", "1000Mi"), time.Minute),
			know: func(b *usage.Builder) {
				b.Pod("ns", old.Name, usage.CPU, usage.Mean, 0.7, noon).Pod("ns", old.Name, usage.CPU, usage.Deviation, 0.2, noon)
				b.Workload(web, usage.CPU, usage.Mean, 0.3, noon).Workload(web, usage.CPU, usage.Deviation, 0.1, noon)
			},
			cpu: [2]int64{500, 150}, memory: [2]int64{700, 350},
			from: [4]origin{originOwn, originRequests, originNone, originNone},
		},
		"own, long ago": {
			reason: "its own sample expired: its workload speaks",
			pod:    old,
			know: func(b *usage.Builder) {
				b.Pod("ns", old.Name, usage.CPU, usage.Mean, 0.7, noon.Add(-10*time.Minute))
				b.Workload(web, usage.CPU, usage.Mean, 0.3, noon).Workload(web, usage.CPU, usage.Deviation, 0.1, noon)
			},
			cpu: [2]int64{300, 100}, memory: [2]int64{716, 358},
			from: [4]origin{originWorkload, originRequests, originNone, originNone},
		},
		"garbage": {
			reason: "what is no number is not known",
			pod:    old,
			know: func(b *usage.Builder) {
				b.Pod("ns", old.Name, usage.CPU, usage.Mean, math.NaN(), noon)
				b.Workload(web, usage.CPU, usage.Mean, math.Inf(1), noon)
				b.Workload(web, usage.Memory, usage.Mean, -1, noon)
			},
			cpu: [2]int64{850, 425}, memory: [2]int64{716, 358},
			from: [4]origin{originRequests, originRequests, originNone, originNone},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := usage.NewBuilder(noon)
			if tc.know != nil {
				tc.know(b)
			}
			v := emptyView(policyOf(t, ""), b.Build(), noon.UnixMilli())
			s := v.subjectOf(tc.pod)
			got := v.estimate(&s, v.snapshot.Pod(s.Namespace, s.Name), subject.Start(tc.pod))
			want := estimate{origin: tc.from}
			for d, x := range [4][2]int64{tc.cpu, tc.memory, tc.network} {
				want.Mean[d], want.Variance[d] = x[0], x[1]*x[1]
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(estimate{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestClusterTeaches has twelve pods that use a fifth of their requests, and one of
// which nothing is known: it is believed to do, and to vary, as the others do.
func TestClusterTeaches(t *testing.T) {
	tests := map[string]struct {
		reason string
		know   func(b *usage.Builder, name, node string)
		spread int64 // of a request of two cores
	}{
		"by pods": {
			"the pods were measured",
			func(b *usage.Builder, name, _ string) {
				b.Pod("other", name, usage.CPU, usage.Mean, 0.2, noon).Pod("other", name, usage.CPU, usage.Deviation, 0.05, noon)
			},
			100,
		},
		"by pods of unknown spread": {
			"each is taken to vary by half of what it uses",
			func(b *usage.Builder, name, _ string) { b.Pod("other", name, usage.CPU, usage.Mean, 0.2, noon) },
			200,
		},
		"by pods that do not vary": {
			"all alike, and none moves: so will the next",
			func(b *usage.Builder, name, _ string) {
				b.Pod("other", name, usage.CPU, usage.Mean, 0.2, noon).Pod("other", name, usage.CPU, usage.Deviation, 0, noon)
			},
			0,
		},
		"by nodes": {
			"only the nodes were measured",
			func(b *usage.Builder, _, node string) { b.Node(node, usage.CPU, usage.Mean, 0.8, noon) },
			200, // which do not tell how pods vary
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newTestLedger(t, "")
			b := usage.NewBuilder(noon)
			for i := range 12 {
				node := []string{"n0", "n1", "n2"}[i%3]
				pod := started(task("p"+string(rune('a'+i)), node, "1", ""), time.Hour)
				pod.Namespace = "other"
				l.Observe(pod, noon.UnixMilli())
				tc.know(b, pod.Name, node)
			}
			v := l.Rebuild(nodesOf(3, 8, 16), b.Build(), noon.UnixMilli())
			got := v.Case(task("new", "", "2", "")).estimate
			if got.Mean[usage.CPU] != 400 || got.Variance[usage.CPU] != tc.spread*tc.spread {
				t.Errorf("%s: a request of 2 cores is taken for %d, give or take √%d, want 400 and %d",
					tc.reason, got.Mean[usage.CPU], got.Variance[usage.CPU], tc.spread)
			}
		})
	}
}
