package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

// fault is what is wrong with the usage source.
type fault int32

const (
	none fault = iota
	down
	hanging
	garbage
	stale   // ten minutes
	early   // clock five minutes ahead
	late    // clock five minutes behind
	nodeOut // the hot node is not in it
	allOut
	negative
	allHot
)

// faultySource is a load-watcher of three nodes, one of them hot, in which
// things go wrong on request.
type faultySource struct {
	fault atomic.Int32
	nodes [3]string // idle, half, hot
	done  chan struct{}
}

func (f *faultySource) set(what fault) { f.fault.Store(int32(what)) }

func (f *faultySource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	load := map[string]float64{f.nodes[0]: 5, f.nodes[1]: 50, f.nodes[2]: 97}
	switch fault(f.fault.Load()) {
	case down:
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	case hanging:
		select {
		case <-r.Context().Done():
		case <-f.done:
		}
		return
	case garbage:
		fmt.Fprint(w, `{"data": {"NodeMetricsMap": {"`)
		return
	case stale:
		now = now.Add(-10 * time.Minute)
	case early:
		now = now.Add(5 * time.Minute)
	case late:
		now = now.Add(-5 * time.Minute)
	case nodeOut:
		delete(load, f.nodes[2])
	case allOut:
		clear(load)
	case negative:
		load[f.nodes[2]] = -5
	case allHot:
		load = map[string]float64{f.nodes[0]: 95, f.nodes[1]: 96, f.nodes[2]: 97}
	}
	nodes := map[string]any{}
	for name, percent := range load {
		nodes[name] = map[string]any{"metrics": []map[string]any{{"type": "CPU", "operator": "AVG", "value": percent}}}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"timestamp": now.Unix(), "window": map[string]any{"start": now.Unix() - 900, "end": now.Unix()},
		"data": map[string]any{"NodeMetricsMap": nodes},
	})
}

func newFaultySource(t *testing.T, nodes [3]string) (*faultySource, string) {
	t.Helper()
	f := &faultySource{nodes: nodes, done: make(chan struct{})}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(f.done) })
	return f, server.URL
}

// TestUsageFaults: whatever is wrong with the usage source, pods are placed, the
// hot node is never taken for idle, and all is well again when the source is.
func TestUsageFaults(t *testing.T) {
	tests := map[string]struct {
		fault fault
		// atStart has the fault there before the scheduler is.
		atStart bool
		// forgets: what was measured must have lost its weight by the end.
		forgets bool
		avoids  bool // the hot node stays known as hot
	}{
		"down at start":      {fault: down, atStart: true, forgets: true},
		"lost":               {fault: down, forgets: true},
		"hanging":            {fault: hanging, forgets: true},
		"garbage":            {fault: garbage, forgets: true},
		"ten minutes old":    {fault: stale, forgets: true},
		"five minutes early": {fault: early, forgets: true},
		"five minutes late":  {fault: late, forgets: true},
		"hot node missing":   {fault: nodeOut},
		"all nodes missing":  {fault: allOut, forgets: true},
		"hot node negative":  {fault: negative},
		"every node hot":     {fault: allHot},
		"nothing is wrong":   {fault: none, avoids: true},
	}
	for name, tc := range tests {
		profile := "faults-" + strings.ReplaceAll(name, " ", "-")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := [3]string{profile + "-idle", profile + "-half", profile + "-hot"}
			newNodes(t, profile, nodes[:]...)
			newNamespace(t, profile)
			source, url := newFaultySource(t, nodes)
			if tc.atStart {
				source.set(tc.fault)
			}
			socket := schedule(t, head+fmt.Sprintf(`profiles:
- schedulerName: %s
  plugins: {multiPoint: {enabled: [{name: RealLoad, weight: 100}]}}
  pluginConfig:
  - name: RealLoad
    args:
      freshFor: 3s
      expireAfter: 5s
      usage: {refreshInterval: 200ms, timeout: 1s, loadWatcher: {address: "%s"}}
`, profile, url))
			if !tc.atStart {
				awaitUsage(t, socket, profile, profile, profile)
				expectNode(t, profile, "before", profile, nodes[0])
				source.set(tc.fault)
			}
			if tc.forgets {
				awaitDoubt(t, socket, profile)
			}
			for n := range 3 {
				pod := fmt.Sprintf("during-%d", n)
				createPod(t, newPod(profile, pod, profile, profile, "100m"))
				if node := nodeOf(t, profile, pod); tc.avoids && node == nodes[2] {
					t.Errorf("pod %s was placed on the hot node", pod)
				}
			}
			source.set(none)
			probe(t, socket, profile, "the idle node to be preferred again", func(record explain.Record) bool {
				return record.Node == nodes[0]
			})
		})
	}
}

func expectNode(t *testing.T, namespace, pod, profile, want string) {
	t.Helper()
	createPod(t, newPod(namespace, pod, profile, profile, "100m"))
	if got := nodeOf(t, namespace, pod); got != want {
		t.Errorf("pod %s is on node %q, want %q", pod, got, want)
	}
}

// awaitDoubt waits until nothing measured has weight any more.
func awaitDoubt(t *testing.T, socket, profile string) {
	t.Helper()
	probe(t, socket, profile, "old measurements to lose their weight", func(record explain.Record) bool {
		return !slices.ContainsFunc(record.Candidates, func(c explain.Candidate) bool {
			return slices.ContainsFunc(c.Beliefs, func(b explain.Belief) bool { return b.Trust > 0 })
		})
	})
}

// probe places a small pod a few times a second, and takes it away, until the
// way it was placed is as wanted.
func probe(t *testing.T, socket, profile, what string, wanted func(explain.Record) bool) {
	t.Helper()
	client := admin(t).CoreV1().Pods(profile)
	now, n := int64(0), 0
	err := wait.PollUntilContextTimeout(t.Context(), 300*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		n++
		pod := fmt.Sprintf("%s-%d", strings.ReplaceAll(what, " ", "-"), n)
		createPod(t, newPod(profile, pod, profile, profile, "1m"))
		nodeOf(t, profile, pod)
		done := wanted(ask(t, socket, profile, pod))
		return done, client.Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: &now})
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// TestNodeDeletedInABurst: pods are bound or wait, and none is bound to a node
// after it was gone.
func TestNodeDeletedInABurst(t *testing.T) {
	const pods = 120
	newNodes(t, "vanish", "vanish-1", "vanish-2")
	newNamespace(t, "vanish")
	client := admin(t)
	doomed := "vanish-3"
	node, err := client.CoreV1().Nodes().Get(t.Context(), "vanish-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	third := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: doomed, Labels: node.Labels, Annotations: node.Annotations}, Status: node.Status}
	if _, err := client.CoreV1().Nodes().Create(t.Context(), third, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	watcher := loadWatcher(t, map[string]float64{"vanish-1": 40, "vanish-2": 50, doomed: 5})
	schedule(t, head+fmt.Sprintf(`profiles:
- schedulerName: vanish
  plugins: {multiPoint: {enabled: [{name: RealLoad, weight: 100}]}}
  pluginConfig: [{name: RealLoad, args: {usage: {refreshInterval: 200ms, loadWatcher: {address: "%s"}}}}]
`, watcher))
	for i := range pods {
		if i == pods/2 {
			if err := client.CoreV1().Nodes().Delete(t.Context(), doomed, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		createPod(t, newPod("vanish", fmt.Sprintf("pod-%d", i), "vanish", "vanish", "50m"))
	}
	eventually(t, "every pod that is still there to have a node", func(ctx context.Context) (bool, error) {
		list, err := client.CoreV1().Pods("vanish").List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		return !slices.ContainsFunc(list.Items, func(p v1.Pod) bool { return p.Spec.NodeName == "" }), nil
	})
	// Long after the deletion nothing goes there.
	expectElsewhere(t, "vanish", "late", doomed)
}

func expectElsewhere(t *testing.T, profile, pod, gone string) {
	t.Helper()
	createPod(t, newPod(profile, pod, profile, profile, "50m"))
	if node := nodeOf(t, profile, pod); node == gone {
		t.Errorf("pod %s was bound to node %s, which is gone", pod, gone)
	}
}
