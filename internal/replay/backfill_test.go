package replay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

const day = 24 * time.Hour

// daily uses 3 cores in the hour before noon of every day, and 1 otherwise.
type daily struct{}

func (daily) Mean(from, to time.Duration) float64 {
	sum, n := 0.0, 0
	for at := from; at < to; at += time.Minute {
		n++
		if hour := (at%day + day) % day / time.Hour; hour == 11 {
			sum += 3
		} else {
			sum++
		}
	}
	return sum / float64(n)
}

func TestBackfill(t *testing.T) {
	// A day is 24 s long: an hour is a second.
	s := newStage(t, Options{Assign: always(daily{}), Speed: 3600, BackfillStep: 500 * time.Millisecond},
		apiNode("n", "8", "2"), apiNode("other", "8", "8"), apiPod("web-3", "n", corev1.PodRunning))
	histories := []History{
		{Namespace: "shop", Pod: "web-1", Node: "n", Curve: daily{}, MemoryBytes: 1 << 30, From: -3 * day, To: -day},
		{Namespace: "shop", Pod: "web-2", Curve: daily{}, Container: "main", From: -day, To: 0},
		{Namespace: "shop", Pod: "web-4", Node: "elsewhere", Curve: daily{}, From: -2 * day, To: -day},
	}
	if err := s.Backfill(t.Context(), histories); err != nil {
		t.Fatal(err)
	}
	s.start0()
	for range 13 { // one o'clock of the first day
		s.tick()
	}
	tests := map[string]struct {
		expression string
		want       map[string]float64
	}{
		"the same hours of earlier days: peaks": {
			`max_over_time(rate(container_cpu_usage_seconds_total[1500ms])[5s:500ms] offset 24s)`,
			map[string]float64{"web-2": 3},
		},
		"two days ago": {
			`max_over_time(rate(container_cpu_usage_seconds_total[1500ms])[5s:500ms] offset 48s)`,
			map[string]float64{"web-1": 2, "web-4": 3}, // web-1's node has no more
		},
		"the night of two days ago": {
			`rate(container_cpu_usage_seconds_total[3s] offset 54s)`,
			map[string]float64{"web-1": 1, "web-4": 1},
		},
		"only the living are seen now": {
			`container_cpu_usage_seconds_total * 0`,
			map[string]float64{"web-3": 0},
		},
		"memory of the past": {
			`container_memory_working_set_bytes{pod="web-1"} offset 54s`,
			map[string]float64{"web-1": 1 << 30},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := s.query(test.expression, "pod")
			if len(got) != len(test.want) {
				t.Errorf("%s is %v, want %v", test.expression, got, test.want)
			}
			for pod, want := range test.want {
				if !near(got[pod], want) {
					t.Errorf("%s of pod %s is %v, want %v", test.expression, pod, got[pod], want)
				}
			}
		})
	}
	node := s.query(`rate(node_cpu_seconds_total{mode="user",cpu="0"}[3s] offset 54s) * 8`, "node")
	if len(node) != 1 || !near(node["n"], 1) {
		t.Errorf("nodes that histories name used %v two nights ago, want n: 1", node)
	}
}

// start0 starts a stage whose clock stands at time zero still: the first step
// is no later than the last of the history, so it is not made.
func (s *stage) start0() {
	s.t.Helper()
	s.steps <- observed{}
	s.start()
}

// TestTheNodesCounterGoesOn: from history to replay without a reset.
func TestTheNodesCounterGoesOn(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(2)), BackfillStep: time.Second},
		apiNode("n", "4", "4"), apiPod("b", "n", corev1.PodRunning))
	if err := s.Backfill(t.Context(), []History{
		{Namespace: "shop", Pod: "a", Node: "n", Curve: Constant(2), From: -time.Minute, To: 0},
	}); err != nil {
		t.Fatal(err)
	}
	s.start0()
	for range 60 {
		s.tick()
	}
	if got := s.query(`resets(node_cpu_seconds_total{mode="user",cpu="0"}[2m])`, "node"); got["n"] != 0 {
		t.Errorf("counter was reset %v times", got["n"])
	}
	// 60 s before and 59 s after the start: the first step only finds the pod.
	if got := s.query(`sum by (node) (node_cpu_seconds_total{mode="user"})`, "node"); !near(got["n"], 2*60+2*59) {
		t.Errorf("node was busy for %v s, want %v", got["n"], 2*60+2*59)
	}
}

func TestBackfillErrors(t *testing.T) {
	good := History{Namespace: "shop", Pod: "a", Curve: Constant(1), From: -day, To: 0}
	tests := map[string]struct {
		change func(*History)
		want   string
	}{
		"no namespace":         {func(h *History) { h.Namespace = "" }, "history 1 names no pod"},
		"no pod":               {func(h *History) { h.Pod = "" }, "history 1 names no pod"},
		"no curve":             {func(h *History) { h.Curve = nil }, "shop/a has no curve"},
		"ends before it is":    {func(h *History) { h.From, h.To = -day, -2*day }, "shop/a: From"},
		"begins in the future": {func(h *History) { h.From, h.To = time.Second, 2*time.Second }, "shop/a: From"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bad := good
			test.change(&bad)
			s := newStage(t, Options{Assign: always(Constant(1))})
			if err := s.Backfill(t.Context(), []History{good, bad}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
	t.Run("after Start", func(t *testing.T) {
		s := newStage(t, Options{Assign: always(Constant(1))})
		s.start()
		if err := s.Backfill(t.Context(), []History{good}); err == nil || !strings.Contains(err.Error(), "begun") {
			t.Errorf("error is %v, want one that says the replay has begun", err)
		}
	})
}

// threeDays are 600 pods that are replaced every day, on 48 nodes of 16 CPUs.
func threeDays(b *testing.B) ([]History, *fake.Clientset) {
	b.Helper()
	trace, err := bitbrains.Load()
	if err != nil {
		b.Fatal(err)
	}
	var histories []History
	var objects []runtime.Object
	for i := range 48 {
		objects = append(objects, apiNode(fmt.Sprint("n", i), "16", "15"))
	}
	for i := range 600 {
		curve := bitbrains.Curve{VM: &trace.VMs[i%len(trace.VMs)], Offset: time.Duration(i) * time.Hour, Share: 0.1}
		for d := range 3 {
			from := time.Duration(24*(d-3)) * time.Hour
			histories = append(histories, History{
				Namespace: "shop", Pod: fmt.Sprintf("p%d-%d", i, d), Node: fmt.Sprint("n", i%48),
				Curve: curve, From: from, To: from + day,
			})
		}
	}
	return histories, fake.NewClientset(objects...)
}

func backfilled(b *testing.B, histories []History, client *fake.Clientset) *Replayer {
	b.Helper()
	r, err := New(Options{Client: client, Assign: always(Constant(1)), Speed: 60})
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Backfill(b.Context(), histories); err != nil {
		b.Fatal(err)
	}
	return r
}

// BenchmarkBackfill writes three days at sixty-fold speed, a sample every five
// seconds.
func BenchmarkBackfill(b *testing.B) {
	histories, client := threeDays(b)
	for b.Loop() {
		if err := backfilled(b, histories, client).Stop(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQuery asks for the costliest things that a scheduler asks for.
func BenchmarkQuery(b *testing.B) {
	histories, client := threeDays(b)
	r := backfilled(b, histories, client)
	defer func() { _ = r.Stop() }()
	for name, query := range map[string]string{
		"mean of nodes":        `sum by (node) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))`,
		"p95 hour of nodes":    `quantile_over_time(0.95, (sum by (node) (rate(node_cpu_seconds_total{mode!="idle"}[1m])))[1h:15s])`,
		"p95 hour of pods":     `quantile_over_time(0.95, rate(container_cpu_usage_seconds_total[1m])[1h:15s])`,
		"peak of earlier days": `max_over_time(rate(container_cpu_usage_seconds_total[1m])[2m:15s] offset 24m)`,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				q, err := r.db.Query(b.Context(), query, r.zero)
				if err != nil {
					b.Fatal(err)
				}
				if result := q.Exec(b.Context()); result.Err != nil {
					b.Fatal(result.Err)
				}
				q.Close()
			}
		})
	}
}

// TestFormerPodsPlayOn: a pod of before the replay uses on until it makes way.
func TestFormerPodsPlayOn(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(1))})
	if err := s.Backfill(t.Context(), []History{
		{Namespace: "shop", Pod: "a-old", Curve: Constant(2), From: -time.Minute, To: 30 * time.Second},
	}); err != nil {
		t.Fatal(err)
	}
	s.start0()
	const rate = `sum by (pod) (rate(container_cpu_usage_seconds_total{pod="a-old"}[10s]))`
	for range 20 {
		s.tick()
	}
	if got := s.query(rate, "pod"); !near(got["a-old"], 2) {
		t.Errorf("20 s into the replay the former pod uses %v cores, want 2", got["a-old"])
	}
	for range 30 {
		s.tick()
	}
	if got, still := s.query(rate, "pod")["a-old"]; still {
		t.Errorf("20 s after it made way the former pod uses %v cores", got)
	}
}

// TestHold: the trace stands still until it is released.
func TestHold(t *testing.T) {
	s := newStage(t, Options{Assign: always(Constant(1))})
	s.Hold()
	seen := []time.Duration{s.start().trace}
	for step := range 4 {
		if step == 2 {
			s.Release()
		}
		seen = append(seen, s.tick().trace)
	}
	if seen[2] != 0 || seen[4] != 2*seen[3] || seen[3] <= 0 {
		t.Errorf("time of the trace at each step: %v; want 0 while held and then running from 0", seen)
	}
}
