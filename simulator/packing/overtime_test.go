package packing

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

func overTime(t *testing.T) *OverTime {
	t.Helper()
	pods, err := trace.ReadPods("testdata/openb_pod_list_default.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	return &OverTime{Nodes: nodes(t), Pods: pods[:500], Policies: []string{"antifragmentation", "random"}, Seed: 1, Full: 0.9}
}

func TestOverTime(t *testing.T) {
	o := overTime(t)
	done := 0
	o.Done = func() { done++ }
	runs, err := o.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	again, err := o.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(runs, again); diff != "" || done != 4 {
		t.Errorf("%d runs were told of; run again:\n%s", done, diff)
	}
	lowest := 1.0
	for i, run := range runs {
		if len(run) < 20 || len(run) > samples+1 {
			t.Errorf("%s: %d moments", o.Policies[i], len(run))
		}
		for _, m := range run {
			if m.Stranded < 0 || m.Stranded > m.Idle || m.Idle > 1 || m.Waiting < 0 {
				t.Fatalf("%s: %+v", o.Policies[i], m)
			}
			lowest = min(lowest, m.Idle)
		}
	}
	if lowest > 0.4 {
		t.Errorf("at the fullest moment %.2f of the GPUs are idle, of which 0.9 are asked for", lowest)
	}
	var text, table bytes.Buffer
	if err := errors.Join(o.Document(runs).WriteText(&text), o.WriteMoments(&table, runs)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "antifragmentation") || !strings.HasPrefix(table.String(), "sc_policy,seed,seconds,idle,stranded,waiting\nantifragmentation,1,0,") {
		t.Errorf("the report says:\n%s\n%.200s", text.String(), table.String())
	}
}

func TestOverTimeOfNothing(t *testing.T) {
	o := overTime(t)
	o.Pods = nil
	if _, err := o.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "ask for no GPUs") {
		t.Errorf("no pods: %v", err)
	}
	o = overTime(t)
	o.Policies = []string{"none"}
	if _, err := o.Run(context.Background()); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("no such policy: %v", err)
	}
}
