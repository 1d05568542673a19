package antifragmentation

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/evenkeel/evenkeel/internal/frag"
)

// node has that much of 10 CPU and 100 bytes left, and of devices.
func node(cpu, memory int64, idle ...int16) *frag.Node {
	n := &frag.Node{
		Free: frag.Vector{frag.CPU: cpu, frag.Memory: memory}, Capacity: frag.Vector{frag.CPU: 10000, frag.Memory: 100},
		Count: int32(len(idle)),
	}
	copy(n.Idle[:], idle)
	return n
}

func TestFormulasByHand(t *testing.T) {
	half := frag.Shape{Request: frag.Vector{frag.CPU: 1000, frag.Memory: 20}, Devices: 1, Milli: 500}
	small := frag.Shape{Request: frag.Vector{frag.CPU: 1000, frag.Memory: 20}}
	for name, test := range map[string]struct {
		placer  Placer
		node    *frag.Node
		shape   frag.Shape
		cost    float64
		devices frag.Mask
		reason  string
	}{
		"most, empty":     {mostRequested{}, node(10000, 100), small, (0.9 + 0.8) / 2, 0, "0.9 of CPU and 0.8 of memory are left"},
		"most, full":      {mostRequested{}, node(1000, 20), small, 0, 0, "nothing is left"},
		"most, devices":   {mostRequested{}, node(5000, 50, 1000, 500), half, (0.4 + 0.3 + 0.5) / 3, 2, "half of the devices is left"},
		"most, nothing":   {mostRequested{}, &frag.Node{}, frag.Shape{}, 0, 0, "it has nothing"},
		"most, too much":  {mostRequested{}, node(-1000, 20), small, (-0.2 + 0) / 2, 0, "less than nothing is left"},
		"balanced":        {balanced{}, node(6000, 60), frag.Shape{}, 0, 0, "the parts are alike"},
		"balanced, not":   {balanced{}, node(10000, 100), small, 0.05, 0, "0.1 and 0.2 are requested"},
		"balanced, three": {balanced{}, node(10000, 100, 1000), half, math.Sqrt((0.01+0.04+0.25)/3 - 0.8/3*0.8/3), 1, "0.1, 0.2, 0.5"},
		"balanced, empty": {balanced{}, &frag.Node{}, frag.Shape{}, 0, 0, "it has nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			cost, devices := test.placer.Place(test.node, &test.shape)
			if math.Abs(cost-test.cost) > 1e-12 || devices != test.devices {
				t.Errorf("it costs %v on %b, want %v on %b: %s", cost, devices, test.cost, test.devices, test.reason)
			}
		})
	}
}

func TestFullerCostsLess(t *testing.T) {
	s := frag.Shape{Request: frag.Vector{frag.CPU: 100}}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		n := node(1000+r.Int64N(9000), r.Int64N(100), int16(r.IntN(1001)))
		fuller := *n
		fuller.Free[frag.CPU] -= 1 + r.Int64N(900)
		a, _ := mostRequested{}.Place(n, &s)
		b, _ := mostRequested{}.Place(&fuller, &s)
		if b >= a {
			t.Errorf("%+v costs %v, and fuller %v", n, a, b)
		}
	}
}

func TestModesPlaceAsTheySay(t *testing.T) {
	for mode, want := range map[Mode]string{MostRequested: "full", Balanced: "even", Fragmentation: ""} {
		t.Run(string(mode), func(t *testing.T) {
			c := alone(t, "mode: "+string(mode),
				machine("full", "cpu=10 memory=10Gi", ""), machine("even", "cpu=10 memory=10Gi", ""), machine("empty", "cpu=10 memory=10Gi", ""))
			c.place(task("a", "cpu=8 memory=2Gi"), "full")
			c.place(task("b", "cpu=2 memory=1Gi"), "even")
			node, _, reason := c.schedule(task("p", "cpu=1 memory=2Gi"))
			if node == "" || want != "" && node != want {
				t.Errorf("it is on %q, want %q: %s", node, want, reason)
			}
		})
	}
}
