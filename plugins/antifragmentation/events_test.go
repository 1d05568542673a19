package antifragmentation

import (
	"testing"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

func TestWhatWakesAPod(t *testing.T) {
	c := alone(t, "extendedResources: [example.com/disk]", machine("a", "cpu=8 gpu=2", "A"))
	waits := task("known", "gpu=3")
	c.schedule(waits)
	for name, test := range map[string]struct {
		waits *v1.Pod
		gone  any
		want  fwk.QueueingHint
		err   bool
	}{
		"CPU for CPU":          {waits: task("p", "cpu=1"), gone: task("q", "cpu=2"), want: fwk.Queue},
		"CPU for devices":      {waits: task("p", "gpu=1"), gone: task("q", "cpu=2"), want: fwk.QueueSkip},
		"CPU for one tried":    {waits: waits, gone: task("q", "cpu=2"), want: fwk.QueueSkip},
		"devices for one":      {waits: waits, gone: task("q", "gpu=1"), want: fwk.Queue},
		"devices for CPU":      {waits: task("p", "cpu=1"), gone: task("q", "gpu=1"), want: fwk.QueueSkip},
		"a share for a device": {waits: task("p", "gpu=1"), gone: task("q", "milli=1"), want: fwk.Queue},
		"a device for a share": {waits: task("p", "milli=1"), gone: task("q", "gpu=1"), want: fwk.Queue},
		"disks for disks":      {waits: task("p", "disk=1"), gone: task("q", "disk=1"), want: fwk.Queue},
		"disks for memory":     {waits: task("p", "memory=1Gi"), gone: task("q", "disk=1"), want: fwk.QueueSkip},
		"for nonsense":         {waits: task("p", "gpu=1 milli=1"), gone: task("q", "gpu=1"), want: fwk.QueueSkip},
		"of nonsense":          {waits: task("p", "gpu=1"), gone: task("q", "gpu=1 milli=1"), want: fwk.Queue},
		"no pod":               {waits: task("p", "gpu=1"), gone: "what?", want: fwk.Queue, err: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.plugins["evenkeel"].afterPodDelete(logr.Discard(), test.waits, test.gone, nil)
			if got != test.want || (err != nil) != test.err {
				t.Errorf("the hint is %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

// TestEvents has every event registered that gives room: what this plugin turned away, no other wakes.
func TestEvents(t *testing.T) {
	c := alone(t, "")
	events, err := c.plugins["evenkeel"].EventsToRegister(c.ctx)
	if err != nil {
		t.Fatal(err)
	}
	registered := map[fwk.EventResource]fwk.ActionType{}
	for _, e := range events {
		registered[e.Event.Resource] |= e.Event.ActionType
	}
	for resource, action := range map[fwk.EventResource]fwk.ActionType{
		fwk.Node:        fwk.Add | fwk.UpdateNodeAllocatable | fwk.UpdateNodeLabel,
		fwk.AssignedPod: fwk.Delete | fwk.UpdatePodScaleDown,
		fwk.TargetPod:   fwk.UpdatePodScaleDown,
	} {
		if registered[resource] != action {
			t.Errorf("of %s events %b are registered, want %b", resource, registered[resource], action)
		}
	}
}
