package realload

import (
	"context"
	"runtime"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// drive makes a driven plugin as a scheduler does. Its handle has no informers: asking for them would panic.
func drive(t *testing.T, p *provider, c *testingclock.FakeClock) *Plugin {
	t.Helper()
	factory := NewFactory(func(context.Context, usage.Config) (Provider, error) { return p, nil }, WithClock(c), Driven())
	made, err := factory(t.Context(), &kuberuntime.Unknown{Raw: []byte(`{}`)}, &handle{profile: "simulated"})
	if err != nil {
		t.Fatal(err)
	}
	plugin, ok := made.(*Plugin)
	if !ok {
		t.Fatalf("the factory made a %T", made)
	}
	return plugin
}

func TestDriven(t *testing.T) {
	p, clock := newProvider(), testingclock.NewFakeClock(noon)
	goroutines := runtime.NumGoroutine()
	plugin := drive(t, p, clock)
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("making it started %d goroutines", now-goroutines)
	}
	nodes := []*v1.Node{machine("n0", "10", "64Gi"), machine("n1", "10", "64Gi")}
	load := func(name string) int64 {
		info := framework.NewNodeInfo()
		info.SetNode(nodes[0])
		if name == "n1" {
			info.SetNode(nodes[1])
		}
		score, status := plugin.Score(t.Context(), framework.NewCycleState(), task("p", "100m", ""), info)
		if !status.IsSuccess() {
			t.Fatal(status)
		}
		return -score
	}
	plugin.Refresh(nodes)
	if load("n0") != load("n1") {
		t.Error("of nodes of which nothing is known one is preferred")
	}

	p.set(usage.NewBuilder(noon).Node("n0", usage.CPU, usage.Mean, 5, noon).Node("n1", usage.CPU, usage.Mean, 1, noon).Build())
	if load("n0") != load("n1") {
		t.Error("usage counts before Refresh says so")
	}
	plugin.Refresh(nodes)
	before := load("n1")
	if load("n0") <= before {
		t.Error("after Refresh the node in use is not the more loaded one")
	}

	pod := task("q", "4", "")
	pod.Spec.NodeName = "n1"
	plugin.Bound(pod)
	with := load("n1")
	if with <= before {
		t.Errorf("with a pod bound the load is %d, before %d", with, before)
	}
	clock.Step(time.Second)
	plugin.Gone(pod)
	if after := load("n1"); after >= with {
		t.Errorf("with the pod gone the load is %d, with it %d", after, with)
	}
}

func TestDrivenForgetsNodes(t *testing.T) {
	p, clock := newProvider(), testingclock.NewFakeClock(noon)
	plugin := drive(t, p, clock)
	n0, n1 := machine("n0", "10", "64Gi"), machine("n1", "10", "64Gi")
	for _, tc := range []struct {
		reason string
		nodes  []*v1.Node
	}{
		{"both are there", []*v1.Node{n0, n1}},
		{"one is gone", []*v1.Node{n1}},
		{"it came back", []*v1.Node{n0, n1}},
		{"none is left", nil},
	} {
		plugin.Refresh(tc.nodes)
		if got := plugin.ledger.View().Summary().Nodes; got != len(tc.nodes) {
			t.Errorf("%s: the view has %d nodes, want %d", tc.reason, got, len(tc.nodes))
		}
	}
}
