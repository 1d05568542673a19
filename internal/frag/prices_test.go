package frag

import (
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func each(nodes []*Node) iter.Seq[*Node] { return slices.Values(nodes) }

func randomCluster(r *rand.Rand, nodes, shapes int) ([]Weighted, []*Node) {
	var d Demand
	for range shapes {
		s := randomShape(r)
		for range 1 + r.IntN(5) {
			d.Come(&s)
		}
	}
	list := make([]*Node, nodes)
	for i := range list {
		list[i] = randomNode(r)
	}
	return d.Shapes(0), list
}

// placeDumbly tries every device, or the first whole ones.
func placeDumbly(p *Prices, n *Node, s *Shape) (cost float64) {
	cost = math.Inf(1)
	try := func(devices Mask) {
		after := *n
		after.Add(s, devices)
		cost = min(cost, p.Cost(&after)-p.Cost(n))
	}
	if !s.Share() {
		devices, _ := n.Tightest(s)
		try(devices)
		return cost
	}
	for i := range n.Idle[:n.Count] {
		if int32(n.Idle[i]) >= s.Milli {
			try(1 << i)
		}
	}
	return cost
}

func TestPlaceCostsWhatChanges(t *testing.T) {
	random(t, "random", 200, func(t *testing.T, r *rand.Rand) {
		demand, nodes := randomCluster(r, 1+r.IntN(20), r.IntN(20))
		p := NewPrices(demand, each(nodes))
		for range 20 {
			n, s := nodes[r.IntN(len(nodes))], randomShape(r)
			if !n.Fits(&s) {
				continue
			}
			before := *n
			cost, devices := p.Place(n, &s)
			if want := placeDumbly(p, n, &s); !near(cost, want) {
				t.Errorf("%+v on %+v costs %v, want %v", s, *n, cost, want)
			}
			if *n != before {
				t.Error("the node changed by being asked about")
			}
			n.Add(&s, devices)
			if got := p.Cost(n) - p.Cost(&before); !near(got, cost) {
				t.Errorf("it costs %v on devices %b, it was said to cost %v", got, devices, cost)
			}
			*n = before
		}
	})
}

func TestOrderOfDevicesDoesNotMatter(t *testing.T) {
	random(t, "random", 200, func(t *testing.T, r *rand.Rand) {
		demand, nodes := randomCluster(r, 1+r.IntN(10), 1+r.IntN(20))
		p := NewPrices(demand, each(nodes))
		n, s := nodes[0], randomShape(r)
		if !n.Fits(&s) {
			return
		}
		shuffled := *n
		r.Shuffle(int(n.Count), func(i, j int) {
			shuffled.Idle[i], shuffled.Idle[j] = shuffled.Idle[j], shuffled.Idle[i]
		})
		a, _ := p.Place(n, &s)
		b, _ := p.Place(&shuffled, &s)
		if !near(a, b) {
			t.Errorf("%+v costs %v on %v, and %v on %v", s, a, n.Idle[:n.Count], b, shuffled.Idle[:n.Count])
		}
	})
}

func TestSameInputSamePrices(t *testing.T) {
	random(t, "random", 50, func(t *testing.T, r *rand.Rand) {
		demand, nodes := randomCluster(r, 1+r.IntN(20), 1+r.IntN(20))
		handed := slices.Clone(demand)
		a, b := NewPrices(demand, each(nodes)), NewPrices(demand, each(nodes))
		if diff := cmp.Diff(a, b, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("prices differ:\n%s", diff)
		}
		if diff := cmp.Diff(handed, demand); diff != "" {
			t.Errorf("the demand changed:\n%s", diff)
		}
	})
}

// cluster is n nodes of each of the kinds.
func cluster(kinds map[*Node]int) []*Node {
	var nodes []*Node
	for kind, n := range kinds {
		for range n {
			node := *kind
			nodes = append(nodes, &node)
		}
	}
	return nodes
}

func TestWhatIsScarceIsDear(t *testing.T) {
	common, rare := machine(64000, 1000, 1000), machine(64000, 1000, 1000)
	rare.Model = 2
	forRare := whole(1000, 1)
	forRare.Models = 2
	four := machine(96000, 1000, 1000, 1000, 1000)
	started := machine(96000, 1000, 1000, 1000, 600)
	half := machine(64000, 1000, 500)
	roomy, tight := machine(64000, 1000, 1000), machine(64000, 1000, 1000)
	tight.Free[CPU] = 9000
	for name, test := range map[string]struct {
		demand      []Weighted
		nodes       []*Node
		shape       Shape
		cheap, dear *Node
		reason      string
	}{
		"a model": {
			[]Weighted{{share(1000, 500), 0.7}, {forRare, 0.3}}, cluster(map[*Node]int{common: 20, rare: 2}),
			share(1000, 500), common, rare, "few nodes have the model that some ask for",
		},
		"whole nodes": {
			[]Weighted{{whole(1000, 4), 0.3}, {share(1000, 400), 0.7}}, cluster(map[*Node]int{four: 2, started: 8}),
			share(1000, 400), started, four, "the other still has room for one who wants four",
		},
		"whole nodes that nobody asked for yet": {
			[]Weighted{{share(1000, 400), 1}}, cluster(map[*Node]int{four: 2, started: 8}),
			share(1000, 400), started, four, "somebody may",
		},
		"devices in one piece": {
			[]Weighted{{whole(1000, 1), 0.5}, {share(1000, 500), 0.5}}, cluster(map[*Node]int{common: 5, half: 5}),
			share(1000, 500), half, common, "half a device is of no other use",
		},
		"CPU beside devices": {
			[]Weighted{{whole(8000, 1), 1}}, cluster(map[*Node]int{roomy: 5, tight: 5}),
			plain(4000, 0), roomy, tight, "without the CPU its devices are of no use",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPrices(test.demand, each(test.nodes))
			cheap, _ := p.Place(test.cheap, &test.shape)
			dear, _ := p.Place(test.dear, &test.shape)
			if cheap >= dear {
				t.Errorf("it costs %v where it should be cheap, %v where dear: %s", cheap, dear, test.reason)
			}
		})
	}
}

func TestPlaceChoosesTheDevice(t *testing.T) {
	demand := []Weighted{{whole(1000, 1), 0.4}, {share(1000, 300), 0.3}, {share(1000, 700), 0.3}}
	for name, test := range map[string]struct {
		node    *Node
		shape   Shape
		devices Mask
		reason  string
	}{
		"the rest of one":  {machine(64000, 1000, 300, 700), share(1000, 300), 2, "it fills the device"},
		"the other rest":   {machine(64000, 1000, 300, 700), share(1000, 700), 4, "it fills the device"},
		"not a whole one":  {machine(64000, 1000, 500, 1000), share(1000, 300), 2, "half a device has no better use"},
		"no other":         {machine(64000, 200, 200, 1000), share(1000, 300), 4, "only one has room"},
		"first of equals":  {machine(64000, 1000, 1000), share(1000, 300), 1, "it is as good"},
		"whole":            {machine(64000, 300, 1000, 700, 1000), whole(1000, 2), 10, "the others are in use"},
		"nothing asked of": {machine(64000, 1000), plain(1000, 0), 0, "it asks for no device"},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPrices(demand, each(cluster(map[*Node]int{machine(64000, 1000, 1000): 10, test.node: 1})))
			if _, devices := p.Place(test.node, &test.shape); devices != test.devices {
				t.Errorf("it gets devices %b, want %b: %s", devices, test.devices, test.reason)
			}
		})
	}
}

func TestPlainPodsFillNodesUp(t *testing.T) {
	empty, used := machine(64000), machine(64000)
	used.Free[CPU], used.Free[Memory] = 32000, 128*gib
	s := plain(2000, 8*gib)
	p := NewPrices([]Weighted{{s, 1}}, each(cluster(map[*Node]int{empty: 4, used: 4})))
	onUsed, _ := p.Place(used, &s)
	onEmpty, devices := p.Place(empty, &s)
	if onUsed >= onEmpty || devices != 0 {
		t.Errorf("on a node in use it costs %v, on an empty one %v, with devices %b", onUsed, onEmpty, devices)
	}
}

func TestNothingToGoBy(t *testing.T) {
	gpu, s := machine(8000, 1000, 500), share(1000, 500)
	for name, test := range map[string]struct {
		demand []Weighted
		nodes  []*Node
	}{
		"no demand":              {nil, []*Node{gpu, machine(4000)}},
		"no nodes":               {[]Weighted{{s, 1}}, nil},
		"nothing":                {nil, nil},
		"a demand without size":  {[]Weighted{{Shape{}, 1}}, []*Node{gpu}},
		"a weight of nothing":    {[]Weighted{{s, 0}}, []*Node{gpu}},
		"no devices":             {[]Weighted{{s, 1}}, []*Node{machine(4000)}},
		"nodes without capacity": {[]Weighted{{plain(1, 1), 1}}, []*Node{{}, {Count: 1}}},
		"fits nowhere":           {[]Weighted{{whole(1, 8), 1}}, []*Node{gpu}},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPrices(test.demand, each(test.nodes))
			for _, n := range append(test.nodes, gpu, machine(4000), &Node{}) {
				sane(t, p.Cost(n))
				if n.Fits(&s) {
					cost, _ := p.Place(n, &s)
					sane(t, cost)
				}
			}
			idle, stranded := Stranded(test.demand, each(test.nodes))
			sane(t, idle)
			sane(t, stranded)
			sane(t, Bound(test.demand))
		})
	}
}

func sane(t *testing.T, number float64) {
	t.Helper()
	if math.IsNaN(number) || math.IsInf(number, 0) {
		t.Errorf("got %v", number)
	}
}

// FuzzPlace places whatever there is on whatever there is.
func FuzzPlace(f *testing.F) {
	f.Add(uint64(0), uint8(0), uint8(0), int64(1000), int64(gib), int32(500), int32(1))
	f.Add(uint64(1), uint8(3), uint8(9), int64(0), int64(0), int32(1000), int32(8))
	f.Add(uint64(2), uint8(1), uint8(1), int64(math.MaxInt64), int64(math.MaxInt64), int32(1), int32(1))
	f.Fuzz(func(t *testing.T, seed uint64, nodes, shapes uint8, cpu, memory int64, milli, devices int32) {
		if cpu < 0 || memory < 0 || milli < 1 || milli > Device || devices < 0 || devices > MaxDevices {
			return
		}
		s := Shape{Request: Vector{CPU: cpu, Memory: memory}, Devices: devices, Milli: milli}
		if devices != 1 {
			s.Milli = Device
		}
		if devices == 0 {
			s.Milli = 0
		}
		r := rand.New(rand.NewPCG(seed, 1))
		demand, list := randomCluster(r, int(nodes%16), int(shapes%32))
		demand = append(demand, Weighted{s, 0.1})
		full := randomNode(r)
		full.Count = MaxDevices
		list = append(list, full)
		p := NewPrices(demand, each(list))
		for _, n := range list {
			sane(t, p.Cost(n))
			if n.Fits(&s) {
				cost, chosen := p.Place(n, &s)
				sane(t, cost)
				n.Add(&s, chosen)
				sane(t, p.Cost(n))
			}
		}
		idle, stranded := Stranded(demand, each(list))
		if stranded < 0 || stranded > idle*(1+1e-9) {
			t.Errorf("%v devices are stranded of %v", stranded, idle)
		}
		if bound := Bound(demand); !(bound >= 0 && bound <= 1) {
			t.Errorf("the bound is %v", bound)
		}
	})
}

// strandedDumbly is the formula of the paper.
func strandedDumbly(demand []Weighted, nodes []*Node) (idle, stranded float64) {
	asked := 0.0
	for _, w := range demand {
		if w.Devices == 0 {
			continue
		}
		asked += w.Weight
		for _, n := range nodes {
			for _, left := range n.Idle[:n.Count] {
				if !n.Fits(&w.Shape) || int32(left) < w.Milli {
					stranded += w.Weight * float64(left) / Device
				}
			}
		}
	}
	for _, n := range nodes {
		idle += float64(n.IdleMilli()) / Device
	}
	if asked == 0 {
		return idle, 0
	}
	return idle, stranded / asked
}

func TestStranded(t *testing.T) {
	random(t, "random", 300, func(t *testing.T, r *rand.Rand) {
		demand, nodes := randomCluster(r, r.IntN(20), r.IntN(20))
		idle, stranded := Stranded(demand, each(nodes))
		wantIdle, want := strandedDumbly(demand, nodes)
		if !near(idle, wantIdle) || !near(stranded, want) {
			t.Errorf("%v of %v devices are stranded, want %v of %v", stranded, idle, want, wantIdle)
		}
	})
}

func benchmarked() ([]Weighted, []*Node) {
	return randomCluster(rand.New(rand.NewPCG(1, 2)), 1200, 90)
}

func BenchmarkNewPrices(b *testing.B) {
	demand, nodes := benchmarked()
	b.ReportAllocs()
	for b.Loop() {
		NewPrices(demand, each(nodes))
	}
}

func BenchmarkPlace(b *testing.B) {
	demand, nodes := benchmarked()
	p := NewPrices(demand, each(nodes))
	s := share(1000, 300)
	nodes = slices.DeleteFunc(nodes, func(n *Node) bool { return !n.Fits(&s) })
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Place(nodes[i%len(nodes)], &s)
	}
}

func TestPlaceAllocatesNothing(t *testing.T) {
	demand, nodes := benchmarked()
	p := NewPrices(demand, each(nodes))
	s := share(1000, 300)
	if n := testing.AllocsPerRun(100, func() { p.Place(nodes[0], &s) }); n != 0 {
		t.Errorf("Place allocates %v times", n)
	}
}
