package frag

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

const gib = 1 << 30

// share and whole are shapes of pods that ask for CPU and devices.
func share(cpu int64, milli int32) Shape {
	return Shape{Request: Vector{CPU: cpu}, Devices: 1, Milli: milli}
}

func whole(cpu int64, devices int32) Shape {
	return Shape{Request: Vector{CPU: cpu}, Devices: devices, Milli: Device}
}

func plain(cpu, memory int64) Shape { return Shape{Request: Vector{CPU: cpu, Memory: memory}} }

// machine is a node whose devices have that much left.
func machine(cpu int64, idle ...int16) *Node {
	n := &Node{Count: int32(len(idle)), Model: 1}
	n.Capacity = Vector{CPU: cpu, Memory: 256 * gib}
	n.Free = n.Capacity
	copy(n.Idle[:], idle)
	return n
}

func randomShape(r *rand.Rand) Shape {
	s := plain(r.Int64N(16)*1000, r.Int64N(64)*gib)
	if r.IntN(4) == 0 {
		s.Request[FirstExtended] = r.Int64N(3)
	}
	switch r.IntN(3) {
	case 0:
		s.Devices, s.Milli = 1, 1+r.Int32N(Device)
	case 1:
		s.Devices, s.Milli = 1+r.Int32N(8), Device
	}
	if s.Devices > 0 && r.IntN(3) == 0 {
		s.Models = Models(r.Uint64N(8))
	}
	return s
}

func randomNode(r *rand.Rand) *Node {
	n := machine((1+r.Int64N(96))*1000, make([]int16, r.IntN(9))...)
	n.Model = 1 << r.IntN(3)
	for i := range n.Idle[:n.Count] {
		n.Idle[i] = int16(min(Device, r.IntN(2*Device)))
	}
	n.Capacity[FirstExtended] = r.Int64N(4)
	for d := range n.Free {
		n.Free[d] = n.Capacity[d]
		if n.Capacity[d] > 0 {
			n.Free[d] -= r.Int64N(n.Capacity[d] + n.Capacity[d]/8 + 1) // some are overcommitted
		}
	}
	return n
}

func random(t testing.TB, name string, rounds int, f func(t *testing.T, r *rand.Rand)) {
	if t, ok := t.(*testing.T); ok {
		t.Run(name, func(t *testing.T) {
			for seed := range rounds {
				f(t, rand.New(rand.NewPCG(uint64(seed), 1)))
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}

func TestFits(t *testing.T) {
	negative := machine(1000, 1000)
	negative.Free[Memory] = -gib
	for name, test := range map[string]struct {
		node   *Node
		shape  Shape
		fits   bool
		reason string
	}{
		"nothing":              {machine(0), Shape{}, true, "who asks for nothing fits anywhere"},
		"just":                 {machine(1000), plain(1000, 0), true, "all of it may be taken"},
		"too much":             {machine(999), plain(1000, 0), false, "one thousandth is missing"},
		"overcommitted":        {negative, plain(1000, 1), false, "there is less than no memory"},
		"overcommitted beside": {negative, share(1000, 500), true, "it asks for no memory"},
		"share":                {machine(8000, 300, 500), share(1000, 500), true, "the second device has half left"},
		"pieces":               {machine(8000, 300, 300), share(1000, 500), false, "a share is of one device"},
		"whole":                {machine(8000, 1000, 900, 1000), whole(1000, 2), true, "two are whole"},
		"not whole":            {machine(8000, 1000, 900), whole(1000, 2), false, "only one is whole"},
		"no devices":           {machine(8000), share(1000, 1), false, "it has none"},
		"model":                {machine(8000, 1000), Shape{Devices: 1, Milli: Device, Models: 3}, true, "the first will do"},
		"other model":          {machine(8000, 1000), Shape{Devices: 1, Milli: Device, Models: 2}, false, "the second is wanted"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.node.Fits(&test.shape); got != test.fits {
				t.Errorf("Fits is %v: %s", got, test.reason)
			}
		})
	}
}

// placeOneByOne is Copies by doing it.
func placeOneByOne(n Node, s *Shape) (copies int64) {
	if *s == (Shape{Models: s.Models}) {
		return 0
	}
	for n.Fits(s) {
		devices, _ := n.Tightest(s)
		n.Add(s, devices)
		copies++
	}
	return copies
}

func TestCopiesAreThoseThatCanBePlaced(t *testing.T) {
	random(t, "random", 3000, func(t *testing.T, r *rand.Rand) {
		n, s := randomNode(r), randomShape(r)
		want := placeOneByOne(*n, &s)
		if got := n.Copies(&s); got != want {
			t.Errorf("%+v fits %d times on %+v, counted %d", s, want, *n, got)
		}
		if n.Fits(&s) != (want > 0) && s != (Shape{}) {
			t.Errorf("%+v on %+v: Fits says %v, %d were placed", s, *n, n.Fits(&s), want)
		}
		p := priced{request: s.Request, models: s.Models}
		devices := int64(maxCopies)
		if s.Devices > 0 {
			need := need{devices: s.Devices, milli: s.Milli}
			devices, _ = need.on(n)
		}
		if got := p.copies(n, devices); got != want {
			t.Errorf("%+v fits %d times on %+v, priced as %d", s, want, *n, got)
		}
	})
}

func TestCopiesOfLargeRequests(t *testing.T) {
	n := machine(1<<40, 1000)
	n.Free[Memory] = 1 << 50
	for name, test := range map[string]struct {
		shape  Shape
		copies int64
		reason string
	}{
		"product overflows":     {plain(1, 1<<40), 1 << 10, "2^40 CPUs times 2^40 bytes are more than an int64 holds"},
		"product wraps to zero": {plain(1, 1<<44), 1 << 6, "2^84 is 0 in 64 bits"},
		"a byte":                {plain(0, 1), 1 << 50, "there are as many bytes"},
		"share":                 {Shape{Request: Vector{Memory: 1 << 55}, Devices: 1, Milli: 1}, 0, "2^55 bytes are not there"},
	} {
		t.Run(name, func(t *testing.T) {
			devices := int64(maxCopies)
			if test.shape.Devices > 0 {
				devices = 1000
			}
			p := priced{request: test.shape.Request}
			if got := p.copies(n, devices); got != test.copies || n.Copies(&test.shape) != test.copies {
				t.Errorf("priced as %d copies, counted as %d, want %d: %s", got, n.Copies(&test.shape), test.copies, test.reason)
			}
		})
	}
}

func TestTightest(t *testing.T) {
	for name, test := range map[string]struct {
		node    *Node
		shape   Shape
		devices Mask
		ok      bool
	}{
		"tightest share":   {machine(0, 1000, 600, 500, 700), share(0, 500), 0b0100, true},
		"first of equals":  {machine(0, 1000, 600, 600), share(0, 500), 0b0010, true},
		"share opens one":  {machine(0, 400, 1000), share(0, 500), 0b0010, true},
		"no room":          {machine(0, 400, 400), share(0, 500), 0, false},
		"whole from first": {machine(0, 1000, 999, 1000, 1000), whole(0, 2), 0b0101, true},
		"too few":          {machine(0, 1000, 999), whole(0, 2), 0b0001, false},
		"none asked for":   {machine(0, 1000), plain(1, 1), 0, true},
		"no devices":       {machine(0), share(0, 1), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if devices, ok := test.node.Tightest(&test.shape); devices != test.devices || ok != test.ok {
				t.Errorf("Tightest is %b, %v, want %b, %v", devices, ok, test.devices, test.ok)
			}
		})
	}
}

func TestAddTakesWhatIsAsked(t *testing.T) {
	random(t, "random", 1000, func(t *testing.T, r *rand.Rand) {
		n, s := randomNode(r), randomShape(r)
		if !n.Fits(&s) {
			return
		}
		devices, ok := n.Tightest(&s)
		if !ok || bits.OnesCount32(uint32(devices)) != int(s.Devices) {
			t.Fatalf("%+v fits on %+v, and gets devices %b", s, *n, devices)
		}
		after := *n
		after.Add(&s, devices)
		if got := n.IdleMilli() - after.IdleMilli(); got != s.DeviceMilli() {
			t.Errorf("it asks for %d thousandths, %d are gone", s.DeviceMilli(), got)
		}
		for d := range n.Free {
			if n.Free[d]-after.Free[d] != s.Request[d] || after.Capacity[d] != n.Capacity[d] {
				t.Errorf("dimension %d went from %d to %d, for %d", d, n.Free[d], after.Free[d], s.Request[d])
			}
		}
		for _, idle := range after.Idle[:after.Count] {
			if idle < 0 {
				t.Errorf("a device has %d left", idle)
			}
		}
		if after.Kinds != n.Kinds|s.Kind() {
			t.Errorf("kinds are %b", after.Kinds)
		}
	})
}

func TestKindsDiffer(t *testing.T) {
	seen := map[uint64]Shape{}
	for _, s := range []Shape{share(0, 1), whole(0, 1), whole(0, 2), whole(0, 8), whole(0, MaxDevices)} {
		if other, ok := seen[s.Kind()]; ok || bits.OnesCount64(s.Kind()) != 1 {
			t.Errorf("%+v is of kind %b, as is %+v", s, s.Kind(), other)
		}
		seen[s.Kind()] = s
	}
	a, b, none := share(1, 300), share(2, 700), plain(1, 1)
	if a.Kind() != b.Kind() || none.Kind() != 0 {
		t.Error("shares are of one kind, pods without devices of none")
	}
}

func TestAllDevicesThatANodeCanHave(t *testing.T) {
	n := machine(1000, make([]int16, MaxDevices)...)
	for i := range n.Idle {
		n.Idle[i] = Device
	}
	s := whole(0, MaxDevices)
	devices, ok := n.Tightest(&s)
	if !ok || devices != 1<<MaxDevices-1 || n.Whole() != MaxDevices {
		t.Errorf("%d whole devices: %b, %v", n.Whole(), devices, ok)
	}
	if n.Add(&s, devices); n.IdleMilli() != 0 || n.Whole() != 0 {
		t.Errorf("%d thousandths are left", n.IdleMilli())
	}
}
