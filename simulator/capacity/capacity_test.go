package capacity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

func TestParseShape(t *testing.T) {
	s, err := ParseShape("big=cpu:32,memory:128Gi,gpu:8,model:A100,price:2.5")
	if err != nil {
		t.Fatal(err)
	}
	n := s.node(3)
	if n.Name != "big-3" || n.Labels[trace.LabelGPUModel] != "A100" || trace.NodeGPUMilli(n) != 8000 || s.Price != 2.5 ||
		n.Status.Allocatable.Cpu().Value() != 32 || n.Status.Allocatable.Memory().Value() != 128<<30 {
		t.Errorf("got %+v", n)
	}
	for reason, tc := range map[string]struct{ text, want string }{
		"no name":          {"cpu:1,memory:1Gi", "want name="},
		"a capital":        {"Big=cpu:1,memory:1Gi", "small letters"},
		"no memory":        {"a=cpu:1", "cpu and memory must be given"},
		"a typo":           {"a=cpu:1,memroy:1Gi", `"memroy"`},
		"twice":            {"a=cpu:1,cpu:2,memory:1Gi", "cpu is given twice"},
		"negative":         {"a=cpu:-1,memory:1Gi", `cpu "-1"`},
		"no number":        {"a=cpu:x,memory:1Gi", `cpu "x"`},
		"half a GPU":       {"a=cpu:1,memory:1Gi,gpu:0.5", `gpu "0.5"`},
		"free":             {"a=cpu:1,memory:1Gi,price:0", `price "0"`},
		"not a number":     {"a=cpu:1,memory:1Gi,price:NaN", `price "NaN"`},
		"no label's value": {"a=cpu:1,memory:1Gi,model:a b", `model "a b"`},
	} {
		if _, err := ParseShape(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", reason, err, tc.want)
		}
	}
}

func TestParseSLO(t *testing.T) {
	if slo, err := ParseSLO("pending=3, p99cpu<=0.7"); err != nil || slo.Pending != 3 || slo.P99CPU != 0.7 || !slo.Usage() {
		t.Errorf("got %+v, %v", slo, err)
	}
	if slo, err := ParseSLO("pending=0"); err != nil || slo.Usage() || !slo.kept(&Outcome{P99CPU: math.NaN()}) || slo.kept(&Outcome{Pending: 1}) {
		t.Errorf("got %+v, %v", slo, err)
	}
	for _, text := range []string{"", "pending", "pending=-1", "pending=x", "p99cpu<=0", "p99cpu<=NaN", "p50cpu<=1"} {
		if _, err := ParseSLO(text); err == nil || !strings.Contains(err.Error(), "objective") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("big=cpu:32,memory:128Gi,gpu:8,price:2.5")
	f.Add("pending=0,p99cpu<=0.7")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseShape(text); err == nil && (s.CPU.Sign() <= 0 || !(s.Price > 0) || s.node(0).Name == "") {
			t.Errorf("%q is %+v", text, s)
		}
		if slo, err := ParseSLO(text); err == nil && slo.Pending < 0 {
			t.Errorf("%q is %+v", text, slo)
		}
	})
}

func shapes(t *testing.T, texts ...string) []Shape {
	t.Helper()
	var list []Shape
	for _, text := range texts {
		s, err := ParseShape(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// pods are count pods that ask for so much, all at once.
func pods(count int, cpu, memory string) []trace.Pod {
	var list []trace.Pod
	for i := range count {
		name := fmt.Sprintf("%s-%s-%d", cpu, strings.ToLower(memory), i)
		p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
		p.Spec.Containers = []v1.Container{{Name: "app", Resources: v1.ResourceRequirements{
			Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)},
		}}}
		list = append(list, trace.Pod{Object: p})
	}
	return list
}

func search(t *testing.T, list []trace.Pod, texts ...string) *Search {
	t.Helper()
	return &Search{
		Shapes: shapes(t, texts...), SLO: SLO{P99CPU: math.NaN()}, Seeds: []int64{1, 2},
		Trial: ByRequests("antifragmentation", list), Demand: Demand(list),
	}
}

func TestFindsTheCheapest(t *testing.T) {
	for reason, tc := range map[string]struct {
		pods   []trace.Pod
		shapes []string
		want   Mix
	}{
		"one shape":                        {pods(10, "2", "1Gi"), []string{"a=cpu:4,memory:64Gi"}, Mix{5}},
		"one pod is all that a node holds": {pods(3, "3", "1Gi"), []string{"a=cpu:4,memory:64Gi"}, Mix{3}},
		"memory binds":                     {pods(8, "1", "16Gi"), []string{"a=cpu:32,memory:32Gi"}, Mix{4}},
		"the cheaper of two": {
			pods(16, "2", "1Gi"), []string{"dear=cpu:4,memory:64Gi,price:3", "cheap=cpu:4,memory:64Gi,price:2"}, Mix{0, 8},
		},
		"dearer each, cheaper in all": {
			pods(16, "2", "1Gi"), []string{"big=cpu:16,memory:64Gi,price:3", "small=cpu:4,memory:64Gi"}, Mix{2, 0},
		},
		"large pods on large nodes, small ones on small ones": {
			append(pods(2, "16", "1Gi"), pods(4, "1", "8Gi")...),
			[]string{"large=cpu:16,memory:4Gi,price:4", "small=cpu:2,memory:16Gi"}, Mix{2, 2},
		},
	} {
		t.Run(reason, func(t *testing.T) {
			s := search(t, tc.pods, tc.shapes...)
			plan, err := s.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, plan.Mix); diff != "" {
				t.Errorf("the mix (-want +got):\n%s", diff)
			}
			for _, f := range plan.Fewer {
				if f.Broken == 0 {
					t.Errorf("one %s less would do", f.Shape)
				}
			}
		})
	}
}

func TestPlanTellsWhy(t *testing.T) {
	list := pods(8, "1", "16Gi")
	s := search(t, list, "a=cpu:32,memory:32Gi,price:2")
	noted := 0
	s.Note = func(string) { noted++ }
	plan, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if name, part := plan.Binding(); name != v1.ResourceMemory || part != 1 {
		t.Errorf("%s binds, of which %.2f is requested", name, part)
	}
	if got := plan.Risk(); math.Abs(got-(1-math.Sqrt(0.05))) > 1e-9 {
		t.Errorf("the risk is %v", got)
	}
	sum := s.Summary(plan)
	if sum.Price != 8 || sum.Nodes["a"] != 4 || sum.OneFewer["a"].Seeds != 2 || sum.OneFewer["a"].Pending != 2 || noted == 0 {
		t.Errorf("the summary is %+v", sum)
	}
	for reason := range sum.OneFewer["a"].Reasons {
		if !strings.Contains(reason, "too little memory") {
			t.Errorf("those who wait are told %q", reason)
		}
	}
	var text, page bytes.Buffer
	d := s.Document(plan)
	if err := errors.Join(d.WriteText(&text), d.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "4 a") || !strings.Contains(text.String(), "Memory binds") {
		t.Errorf("the report says:\n%s", text.String())
	}
}

func TestCheckNamesWhatNeverFits(t *testing.T) {
	list := pods(1, "64", "1Gi")
	if err := search(t, list, "a=cpu:32,memory:32Gi").Check(list); err == nil || !strings.Contains(err.Error(), "1 pods can never run") {
		t.Errorf("got %v", err)
	}
	if err := search(t, list, "a=cpu:64,memory:32Gi").Check(list); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestRunGivesUp(t *testing.T) {
	s := search(t, pods(1, "64", "1Gi"), "a=cpu:32,memory:32Gi")
	s.Most = 20
	if _, err := s.Run(context.Background()); !errors.Is(err, ErrTooMany) {
		t.Errorf("what never fits: %v", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	if _, err := search(t, pods(1, "1", "1Gi"), "a=cpu:32,memory:32Gi").Run(ctx); !errors.Is(err, why) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestTimeIsKept: what has gone makes room, who waits is tried again, and what was requested at once is what counts.
func TestTimeIsKept(t *testing.T) {
	list := pods(3, "4", "1Gi")
	for i := range list {
		list[i].Arrival, list[i].Departure = time.Duration(i)*time.Hour, time.Duration(i+1)*time.Hour
	}
	node := shapes(t, "a=cpu:4,memory:64Gi")[0].node(0)
	trial := ByRequests("bestfit", list)
	o, err := trial(context.Background(), []*v1.Node{node}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if o.Pending != 0 || o.Requested[v1.ResourceCPU] != 1 {
		t.Errorf("one after another: %+v", o)
	}
	list[0].Departure = 90 * time.Minute // now the second waits half an hour
	if o, err = trial(context.Background(), []*v1.Node{node}, 1); err != nil || o.Pending != 1 || len(o.Reasons) != 1 {
		t.Errorf("one overlaps: %+v, %v", o, err)
	}
	list[1].Departure = 80 * time.Minute // and goes before it had a place
	if o, err = trial(context.Background(), []*v1.Node{node}, 1); err != nil || o.Pending != 1 {
		t.Errorf("one leaves while it waits: %+v, %v", o, err)
	}
	if _, err := ByRequests("none", list)(context.Background(), nil, 1); err == nil {
		t.Error("a policy that does not exist was tried")
	}
}

func TestDemand(t *testing.T) {
	d := Demand(append(pods(2, "1500m", "1Gi"), pods(1, "1", "2Gi")...))
	if d.Cpu().MilliValue() != 4000 || d.Memory().Value() != 4<<30 {
		t.Errorf("got %v", d)
	}
}
