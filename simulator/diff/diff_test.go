package diff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

const head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"

const (
	stock   = head
	spread  = head + "profiles: [{schedulerName: a, pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: LeastAllocated, resources: [{name: cpu, weight: 1}]}}}]}]\n"
	packed  = head + "profiles: [{schedulerName: b, plugins: {multiPoint: {enabled: [{name: AntiFragmentation, weight: 100}]}}}]\n"
	byLoad  = head + "profiles: [{schedulerName: c, plugins: {multiPoint: {enabled: [{name: RealLoad, weight: 5}]}}, pluginConfig: [{name: RealLoad, args: {usage: {metricsAPI: {}}}}]}]\n"
	typo    = head + "profiles: [{schedulerName: b, plugins: {multiPoint: {enabled: [{name: AntiFragmantation}]}}}]\n"
	badArgs = head + "profiles: [{schedulerName: b, plugins: {multiPoint: {enabled: [{name: AntiFragmentation}]}}, pluginConfig: [{name: AntiFragmentation, args: {mode: Best}}]}]\n"
	asks    = head + "extenders: [{urlPrefix: 'http://127.0.0.1:1', filterVerb: f}]\n"
)

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func workload(nodes, pods int) *trace.Workload {
	w := &trace.Workload{}
	for i := range nodes {
		amounts := v1.ResourceList{
			v1.ResourceCPU: resource.MustParse("4"), v1.ResourceMemory: resource.MustParse("16Gi"), v1.ResourcePods: resource.MustParse("110"),
		}
		w.Nodes = append(w.Nodes, &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i)}, Status: v1.NodeStatus{Allocatable: amounts, Capacity: amounts},
		})
	}
	for i := range pods {
		name := fmt.Sprintf("p%d", i)
		p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
		p.Spec.NodeName = "n0" // it runs already; it is placed anew all the same
		p.Spec.Containers = []v1.Container{{Name: "app", Resources: v1.ResourceRequirements{
			Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("1"), v1.ResourceMemory: resource.MustParse("1Gi")},
		}}}
		w.Pods = append(w.Pods, trace.Pod{Object: p})
	}
	return w
}

func run(t *testing.T, a, b string, w *trace.Workload) (*Comparison, *Result) {
	t.Helper()
	c := &Comparison{A: file(t, a), B: file(t, b), Workload: w, Seed: 1}
	r, err := c.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

func TestSpreadAgainstPacked(t *testing.T) {
	c, r := run(t, spread, packed, workload(4, 4))
	if r.Pods != 4 || r.PendingA+r.PendingB != 0 || r.NodesA != 4 || r.NodesB != 1 {
		t.Errorf("got %+v", r)
	}
	if len(r.Moves) != 3 { // one stays where it is
		t.Errorf("%d pods move", len(r.Moves))
	}
	var text, page bytes.Buffer
	d := c.Document(r)
	if err := errors.Join(d.WriteText(&text), d.WriteHTML(&page)); err != nil || !strings.Contains(text.String(), "3 end up elsewhere") {
		t.Errorf("%v, the report says:\n%s", err, text.String())
	}
	if c.Workload.Pods[0].Object.Spec.NodeName != "n0" {
		t.Error("the workload was written to")
	}
}

func TestWhoWaits(t *testing.T) {
	w := workload(1, 5)
	high := int32(10)
	w.Pods[4].Object.Spec.Priority = &high
	_, r := run(t, stock, packed, w)
	if r.PendingA != 1 || r.PendingB != 1 || len(r.Moves) != 0 {
		t.Errorf("the last of a low priority waits with both; got %+v", r)
	}
	small := workload(2, 8)
	small.Nodes[1].Spec.Unschedulable = true
	if _, r = run(t, stock, byLoad, small); r.PendingA != 4 || r.PendingB != 4 {
		t.Errorf("a cordoned node takes nobody; got %+v", r)
	}
}

func TestSameIsSame(t *testing.T) {
	_, first := run(t, packed, byLoad, workload(5, 12))
	_, again := run(t, packed, byLoad, workload(5, 12))
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("run again:\n%s", diff)
	}
	if _, r := run(t, packed, packed, workload(5, 12)); len(r.Moves) != 0 {
		t.Errorf("the same configuration moves %v", r.Moves)
	}
}

func TestBadConfiguration(t *testing.T) {
	for reason, tc := range map[string]struct{ config, want string }{
		"no such plugin":   {typo, "AntiFragmantation"},
		"bad arguments":    {badArgs, "mode"},
		"extenders":        {asks, "extenders"},
		"another kind":     {"kind: Pod\napiVersion: v1\n", "Pod"},
		"an empty file":    {"", "config.yaml"},
		"an unknown field": {head + "profile: []\n", "profile"},
	} {
		c := &Comparison{A: file(t, tc.config), B: file(t, stock), Workload: workload(1, 1)}
		if _, err := c.Run(context.Background()); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", reason, err, tc.want)
		}
	}
	c := &Comparison{A: "nowhere.yaml", B: file(t, stock), Workload: workload(1, 1)}
	if _, err := c.Run(context.Background()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestLongListsAreCut(t *testing.T) {
	r := &Result{Pods: 500}
	for i := range 300 {
		m := Move{Pod: fmt.Sprint(i), A: Place{Node: "a"}, B: Place{Node: "b"}}
		if i == 299 {
			m.B = Place{Reason: "no room"}
		}
		r.Moves = append(r.Moves, m)
	}
	var text bytes.Buffer
	if err := (&Comparison{}).Document(r).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "200 of 300") || !strings.Contains(text.String(), "waits: no room") {
		t.Errorf("the report says:\n%.600s", text.String())
	}
}
