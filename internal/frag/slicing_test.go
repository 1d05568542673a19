package frag

import (
	"math"
	"math/rand/v2"
	"testing"
)

// demandOf are shares in these amounts, by thousandths.
func demandOf(amounts map[int32]float64) []Weighted {
	var list []Weighted
	for milli, amount := range amounts {
		list = append(list, Weighted{Shape: share(0, milli), Weight: amount})
	}
	normalise(list)
	return list
}

func slicesOf(demand []Weighted) *slicing {
	p := &Prices{}
	for i := range demand {
		p.add(&demand[i])
	}
	p.priceSlices()
	return p.slicing
}

// precise is how near the subgradient method has to come.
const precise = 0.01

func TestSlicesHaveTheirPrice(t *testing.T) {
	for name, test := range map[string]struct {
		demand map[int32]float64
		price  map[int]float64
		bound  float64
		reason string
	}{
		"halves":           {map[int32]float64{500: 1}, map[int]float64{500: 0.5}, 1, "two make a device"},
		"too much for two": {map[int32]float64{810: 1}, map[int]float64{810: 1, 190: 0}, 0.81, "nobody takes what one leaves"},
		"a third too much": {map[int32]float64{334: 1}, map[int]float64{334: 0.5, 332: 0}, 0.668, "only two fit"},
		"complements":      {map[int32]float64{600: 1, 400: 1}, map[int]float64{1000: 1}, 1, "they fill devices between them"},
		"rare complement":  {map[int32]float64{810: 9, 190: 1}, map[int]float64{810: 1, 190: 0}, (9*0.81 + 0.19) / 9, "those of 190 fill some gaps"},
		"common complement": {map[int32]float64{810: 1, 190: 9}, map[int]float64{190: 0.2, 810: 0.8}, (0.81 + 9*0.19) / (1 + 8.0/5),
			"what is left of a device is worth what fits there: one that has nothing else to do"},
		"uneven pair": {map[int32]float64{510: 2, 490: 1}, map[int]float64{510: 1, 490: 0}, 1.51 / 2, "each of 510 needs a device"},
	} {
		t.Run(name, func(t *testing.T) {
			demand := demandOf(test.demand)
			s := slicesOf(demand)
			for milli, want := range test.price {
				if got := s.worth[milli]; math.Abs(got-want) > precise {
					t.Errorf("%d thousandths are worth %.3f, want %.3f: %s", milli, got, want, test.reason)
				}
			}
			if got := Bound(demand); math.Abs(got-test.bound) > precise {
				t.Errorf("the bound is %.4f, want %.4f: %s", got, test.bound, test.reason)
			}
		})
	}
}

func TestNobodyAsksForShares(t *testing.T) {
	demand := []Weighted{{whole(0, 1), 0.5}, {whole(0, 8), 0.25}, {plain(1, 1), 0.25}}
	if slicesOf(demand) != nil || Bound(demand) != 1 || Bound(nil) != 1 {
		t.Error("whole devices leave nothing of a device")
	}
	unwanted := []Weighted{{share(0, 300), 0}}
	if slicesOf(unwanted) != nil || Bound(unwanted) != 1 {
		t.Error("what nobody asks for has no price")
	}
}

// randomSlices ask for few sizes, so that all patterns can be gone through.
func randomSlices(r *rand.Rand) []Weighted {
	amounts := map[int32]float64{}
	for range 1 + r.IntN(5) {
		amounts[50*(2+r.Int32N(18))] = float64(1 + r.IntN(9))
	}
	if r.IntN(2) == 0 {
		amounts[Device] = 1
	}
	return demandOf(amounts)
}

// bestPattern goes through all ways of cutting a device of that size.
func bestPattern(demand []Weighted, size int32, worth func(milli int32) float64) (best float64) {
	for i := range demand {
		if milli := demand[i].Milli; milli <= size {
			best = max(best, worth(milli)+bestPattern(demand[i:], size-milli, worth))
		}
	}
	return best
}

func TestNoPatternSellsForMoreThanADevice(t *testing.T) {
	random(t, "random", 150, func(t *testing.T, r *rand.Rand) {
		demand := randomSlices(r)
		s := slicesOf(demand)
		if s == nil {
			return
		}
		worth := func(milli int32) float64 { return s.worth[milli] }
		if best := bestPattern(demand, Device, worth); best > 1+1e-9 || best < 1-1e-9 {
			t.Errorf("the best pattern of %v sells for %v", demand, best)
		}
		for size := 1; size <= Device; size++ {
			if s.worth[size] < s.worth[size-1] || math.IsNaN(s.worth[size]) {
				t.Fatalf("%d thousandths are worth %v, one less %v", size, s.worth[size], s.worth[size-1])
			}
		}
		if s.worth[0] != 0 || !near(s.worth[Device], 1) {
			t.Errorf("nothing is worth %v, a device %v", s.worth[0], s.worth[Device])
		}
	})
}

// fewest is how many devices the shares take at least, by trying every place for each.
func fewest(shares []int32, open []int32, best int) int {
	if len(open) >= best {
		return best
	}
	if len(shares) == 0 {
		return len(open)
	}
	for i := range open {
		if open[i] >= shares[0] {
			open[i] -= shares[0]
			best = fewest(shares[1:], open, best)
			open[i] += shares[0]
		}
	}
	return fewest(shares[1:], append(open, Device-shares[0]), best)
}

func TestBoundHoldsForEveryPacking(t *testing.T) {
	random(t, "random", 150, func(t *testing.T, r *rand.Rand) {
		amounts := map[int32]float64{}
		var shares []int32
		filled := 0.0
		for range 1 + r.IntN(8) {
			milli := 50 * (2 + r.Int32N(18))
			shares = append(shares, milli)
			amounts[milli]++
			filled += float64(milli) / Device
		}
		best := fewest(shares, nil, len(shares)+1)
		if got := Bound(demandOf(amounts)); filled/float64(best) > got+1e-9 {
			t.Errorf("%v fill %.3f of %d devices, more than %.3f", shares, filled, best, got)
		}
	})
}

// TestPricesAreNearTheBest compares with the best of prices that all patterns allow, found by trying: two sizes,
// whose patterns are few.
func TestPricesAreNearTheBest(t *testing.T) {
	random(t, "random", 60, func(t *testing.T, r *rand.Rand) {
		a, b := 50*(2+r.Int32N(18)), 50*(2+r.Int32N(18))
		if a == b {
			return
		}
		demand := demandOf(map[int32]float64{a: float64(1 + r.IntN(9)), b: float64(1 + r.IntN(9))})
		best := 0.0
		for step := range 1001 {
			price := map[int32]float64{demand[0].Milli: float64(step) / 1000}
			price[demand[1].Milli] = 1
			pattern := bestPattern(demand, Device, func(milli int32) float64 { return price[milli] })
			best = max(best, (demand[0].Weight*price[demand[0].Milli]+demand[1].Weight)/pattern)
			price[demand[0].Milli], price[demand[1].Milli] = 1, float64(step)/1000
			pattern = bestPattern(demand, Device, func(milli int32) float64 { return price[milli] })
			best = max(best, (demand[0].Weight+demand[1].Weight*price[demand[1].Milli])/pattern)
		}
		if got := slicesOf(demand).devices; got > best*1.002 || got < best*(1-precise) {
			t.Errorf("%v: a unit of demand takes %.4f devices, want %.4f", demand, got, best)
		}
	})
}
