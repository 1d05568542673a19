package frag

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func weightOf(list []Weighted, s Shape) float64 {
	for i := range list {
		if list[i].Shape == s {
			return list[i].Weight
		}
	}
	return 0
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func TestDemandFades(t *testing.T) {
	here, gone := share(1000, 500), whole(8000, 8)
	for name, test := range map[string]struct {
		now    float64
		want   float64
		reason string
	}{
		"at once":                   {100, 1. / 2, "one that is there, one that just went"},
		"after a half-life":         {101, 1. / 3, "it counts half"},
		"after two":                 {102, 1. / 5, "it counts a quarter"},
		"when the clock went back":  {50, 1. / 2, "nothing fades backwards"},
		"after more than anybody":   {1e6, 0, "it is forgotten"},
		"after it is hardly there":  {106.1, 0, "less than a 64th is forgotten"},
		"while it is hardly there ": {105.9, 1 / (1 + math.Exp2(5.9)), "more than a 64th is not"},
	} {
		t.Run(name, func(t *testing.T) {
			var d Demand
			d.Come(&here)
			d.Come(&gone)
			d.Go(&gone, 100)
			if got := weightOf(d.Shapes(test.now), gone); !near(got, test.want) {
				t.Errorf("its part is %v, want %v: %s", got, test.want, test.reason)
			}
		})
	}
}

func TestDemandFadesAsOftenAsItIsAsked(t *testing.T) {
	here, gone := share(1000, 500), whole(8000, 8)
	var often, once Demand
	for _, d := range []*Demand{&often, &once} {
		d.Come(&here)
		d.Come(&gone)
		d.Go(&gone, 0)
	}
	for now := 0.0; now < 3; now += 0.125 {
		often.Shapes(now)
	}
	if a, b := weightOf(often.Shapes(3), gone), weightOf(once.Shapes(3), gone); !near(a, b) {
		t.Errorf("asked often, the part is %v, asked once %v", a, b)
	}
}

func TestDemandGoesMoreOftenThanItCame(t *testing.T) {
	s := share(1000, 500)
	var d Demand
	d.Go(&s, 1)
	d.Go(&s, 1)
	d.Come(&s)
	d.Go(&s, 2)
	d.Go(&s, 2)
	other := plain(1, 1)
	d.Come(&other)
	for _, w := range d.Shapes(3) {
		if w.Weight <= 0 || w.Weight > 1 {
			t.Errorf("%+v has a part of %v", w.Shape, w.Weight)
		}
	}
}

func TestDemandOfNothing(t *testing.T) {
	var d Demand
	if got := d.Shapes(7); len(got) != 0 {
		t.Errorf("nobody asks for %v", got)
	}
}

func TestDemandIsBounded(t *testing.T) {
	var d Demand
	for i := range MaxShapes + 100 {
		s := plain(int64(i), 0)
		d.Come(&s)
		if i >= 100 {
			d.Come(&s)
		}
	}
	list := d.Shapes(0)
	if len(list) != MaxShapes {
		t.Fatalf("%d shapes, want %d", len(list), MaxShapes)
	}
	if rare := plain(5, 0); weightOf(list, rare) != 0 {
		t.Error("a rare shape has taken the place of a common one")
	}
}

// TestDemandIsInOrder has the same pods come in other orders.
func TestDemandIsInOrder(t *testing.T) {
	random(t, "random", 200, func(t *testing.T, r *rand.Rand) {
		shapes := make([]Shape, 1+r.IntN(60))
		for i := range shapes {
			shapes[i] = randomShape(r)
		}
		list := func() []Weighted {
			r.Shuffle(len(shapes), func(i, j int) { shapes[i], shapes[j] = shapes[j], shapes[i] })
			var d Demand
			for i := range shapes {
				d.Come(&shapes[i])
			}
			return d.Shapes(0)
		}
		a, b := list(), list()
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("the order depends on who came first:\n%s", diff)
		}
		sum := 0.0
		for _, w := range a {
			sum += w.Weight
		}
		if !near(sum, 1) {
			t.Errorf("the parts add up to %v", sum)
		}
		if !slices.IsSortedFunc(a, func(a, b Weighted) int { return int(math.Copysign(1, b.Weight-a.Weight)) }) {
			t.Error("the most wanted is not first")
		}
	})
}

func TestShapesAreTheCallers(t *testing.T) {
	s := share(1000, 500)
	var d Demand
	d.Come(&s)
	d.Shapes(0)[0].Weight = 7
	if got := d.Shapes(0)[0].Weight; got != 1 {
		t.Errorf("what a caller wrote is in the demand: %v", got)
	}
}
