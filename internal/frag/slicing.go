package frag

// slicing prices the parts of a device: worth[i] is the share of a device that i thousandths of it are worth
// to the shares that are asked for. 190 thousandths are worth little where nearly nobody asks for less than
// that, and two pods that fill a device between them cost it half each.
//
// It is the dual of the cutting stock problem (Gilmore and Gomory, 1961): prices under which no way of cutting
// a device sells for more than a device, and the demand sells for the most. A subgradient method finds them;
// the demand is an estimate, so a few parts in a thousand do not matter.
type slicing struct {
	worth [Device + 1]float64
	// devices is how many devices a unit of demand takes at these prices: no packing takes fewer.
	devices float64
}

type slice struct {
	milli  int
	demand float64
	price  float64
}

const (
	slicingSteps = 400
	firstStep    = 0.05
	stepDecay    = 50
)

// slice prices the slices for a demand by size, the sum of which is positive. Slices of Device are whole
// devices.
func priceSlices(demand []slice) *slicing {
	best := &slicing{}
	slices := append([]slice(nil), demand...)
	for i := range slices {
		slices[i].price = float64(slices[i].milli) / Device
	}
	trial := &slicing{}
	var last [Device + 1]int16 // the slice that a device of this size is cut into last
	for step := range slicingSteps {
		trial.fill(slices, &last)
		trial.normalise(slices)
		if trial.devices > best.devices {
			*best = *trial
		}
		descend(slices, trial, &last, firstStep/(1+float64(step)/stepDecay))
	}
	return best
}

// fill works out what each part of a device sells for, by the knapsack recurrence.
func (s *slicing) fill(slices []slice, last *[Device + 1]int16) {
	for size := 1; size <= Device; size++ {
		worth, cut := s.worth[size-1], int16(-1)
		for i := range slices {
			if rest := size - slices[i].milli; rest >= 0 && s.worth[rest]+slices[i].price > worth {
				worth, cut = s.worth[rest]+slices[i].price, int16(i)
			}
		}
		s.worth[size], last[size] = worth, cut
	}
}

// normalise scales prices so that a device is worth 1.
func (s *slicing) normalise(slices []slice) {
	whole := s.worth[Device]
	s.devices = 0
	for i := range slices {
		slices[i].price /= whole
		s.devices += slices[i].demand * slices[i].price
	}
	for i := range s.worth {
		s.worth[i] /= whole
	}
}

// descend raises the price of slices that are asked for more than the best cut has of them.
func descend(slices []slice, s *slicing, last *[Device + 1]int16, step float64) {
	for i := range slices {
		slices[i].price += step * slices[i].demand / s.devices
	}
	for size := Device; size > 0; {
		cut := last[size]
		if cut < 0 {
			size--
			continue
		}
		slices[cut].price -= step
		size -= slices[cut].milli
	}
	for i := range slices {
		slices[i].price = max(slices[i].price, 0)
	}
}
