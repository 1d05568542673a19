package policy

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/frag"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation"
)

// machine is a node of 96 cores with the GPUs that are left.
func machine(cpu int64, idle ...int16) *frag.Node {
	n := &frag.Node{
		Free: frag.Vector{frag.CPU: cpu, frag.Memory: 1 << 38}, Capacity: frag.Vector{frag.CPU: 96_000, frag.Memory: 1 << 38},
		Count: int32(len(idle)), Model: 1,
	}
	copy(n.Idle[:], idle)
	return n
}

func wants(cpu int64, devices, milli int32) *frag.Shape {
	return &frag.Shape{Request: frag.Vector{frag.CPU: cpu}, Devices: devices, Milli: milli}
}

// TestFormulas has scores that follow from the published formulas by hand.
func TestFormulas(t *testing.T) {
	share, whole, plain := wants(8_000, 1, 400), wants(8_000, 2, 1000), wants(8_000, 0, 0)
	used := machine(48_000, 1000, 500, 1000, 0)
	used.Kinds = share.Kind()
	mixed := machine(48_000, 1000, 500, 1000, 0)
	mixed.Kinds = share.Kind() | whole.Kind()
	for reason, tc := range map[string]struct {
		placer  antifragmentation.Placer
		node    *frag.Node
		shape   *frag.Shape
		score   float64
		devices frag.Mask
	}{
		// 1 − (40/128 + 2.1/8)/2 = 0.7125
		"best fit":                       {bestFit{}, used, share, 71, 0b0010},
		"best fit of whole GPUs":         {bestFit{}, used, whole, 81, 0b0101},
		"dot product":                    {dotProduct{}, used, share, 98, 0b0010}, // 1 − (48·8/128² + 2.5·0.4/8²)/2 = 0.980
		"clustering, the same kind":      {clustering{}, used, share, 92, 0b0010}, // 75 + 25·5.5/8
		"clustering, one of its kinds":   {clustering{}, mixed, share, 67, 0b0010},
		"clustering, another kind":       {clustering{}, used, whole, 17, 0b0101},
		"clustering, an idle node":       {clustering{}, machine(96_000, 1000, 1000), share, 43, 0b01},
		"clustering, no GPU":             {clustering{}, used, plain, 0, 0},
		"packing, a GPU in use":          {gpuPacking{}, used, share, 95, 0b0010},
		"packing, idle GPUs in use node": {gpuPacking{}, used, whole, 48, 0b0101},
		"packing, an idle node":          {gpuPacking{}, machine(96_000, 1000, 1000), share, 31, 0b01},
		"packing, no GPU":                {gpuPacking{}, used, plain, 0, 0},
		"tightest":                       {tightest{}, used, share, 100, 0b0010},
	} {
		cost, devices := tc.placer.Place(tc.node, tc.shape)
		if 100-cost != tc.score && reason != "tightest" || devices != tc.devices {
			t.Errorf("%s: score %v on devices %b, want %v on %b", reason, 100-cost, devices, tc.score, tc.devices)
		}
	}
}

// TestFGD: half of the pods want a whole GPU and 10 cores, half a share of 400 and 4.
func TestFGD(t *testing.T) {
	demand := []frag.Weighted{{Shape: *wants(10_000, 1, 1000), Weight: 0.5}, {Shape: *wants(4_000, 1, 400), Weight: 0.5}}
	f, ok := newFGD(demand, nil).(*fgd)
	if !ok || len(f.typical) != 2 {
		t.Fatalf("typical pods %+v", f.typical)
	}
	n := machine(20_000, 1000, 300)
	// The whole GPU is no fragment to either; the 300 are one to both.
	if got := f.fragment(n); got != 300 {
		t.Errorf("the fragment is %v", got)
	}
	// With 9 cores the first cannot run: all 1300 are a fragment to it.
	if got := f.fragment(machine(9_000, 1000, 300)); got != 0.5*1300+0.5*300 {
		t.Errorf("with too little CPU it is %v", got)
	}
	// A share on the whole GPU leaves 600 and 300: 0.5·900 + 0.5·300 = 600, so it rises by 300.
	cost, devices := f.Place(n, wants(4_000, 1, 400))
	if want := 100 - math.Floor(100/(1+math.Exp(0.3))); cost != want || devices != 1 {
		t.Errorf("a share costs %v on %b, want %v", cost, devices, want)
	}
	// On the one in use it costs less: 100 left of 300 for a pod of 200.
	if better, devices := f.Place(n, wants(1_000, 1, 200)); devices != 2 || better >= cost {
		t.Errorf("a small share costs %v on %b", better, devices)
	}
}

func TestTypicalPodsAreMost(t *testing.T) {
	var demand []frag.Weighted
	for i := range 100 {
		demand = append(demand, frag.Weighted{Shape: *wants(int64(1000+i), 1, 1000), Weight: 0.01})
	}
	f := newFGD(demand, nil).(*fgd)
	sum := 0.0
	for i := range f.typical {
		sum += f.typical[i].Weight
	}
	if len(f.typical) != 95 || math.Abs(sum-1) > 1e-9 {
		t.Errorf("%d typical pods of 100, which weigh %v", len(f.typical), sum)
	}
}

func TestRandomlyIsRepeatableAndFair(t *testing.T) {
	wins := map[frag.Mask]int{}
	for i := range int64(4000) {
		n := machine(96_000-i, 1000, 1000, 300, 1000)
		_, first := randomly{7}.Place(n, wants(1, 1, 400))
		if _, again := (randomly{7}).Place(n, wants(1, 1, 400)); again != first {
			t.Fatal("the same node gave another device")
		}
		wins[first]++
	}
	for _, devices := range []frag.Mask{1, 2, 8} {
		if wins[devices] < 1150 || wins[devices] > 1520 {
			t.Errorf("of 4000 draws among three devices, %b won %d", devices, wins[devices])
		}
	}
	if wins[4] != 0 {
		t.Error("a device without room was taken")
	}
}

func TestNew(t *testing.T) {
	s := &Setting{Seed: 1, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0))}
	for _, name := range Packing() {
		if p, err := New(name, s); err != nil || p.Name != name || len(p.Profiles) != 1 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if !slices.IsSorted(Packing()) || len(Packing()) != 9 {
		t.Errorf("the policies are %v", Packing())
	}
	if _, err := New("best", s); err == nil || !strings.Contains(err.Error(), "antifragmentation") {
		t.Errorf("no such policy: %v", err)
	}
}
