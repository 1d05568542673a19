package plot

import (
	"image/color"
	"testing"
)

func TestHeatIndex(t *testing.T) {
	const lastCool, firstHot, lastHot = hotIndex - 1, hotIndex, hotIndex + hotShades - 1
	for _, test := range []struct {
		v    float64
		want uint8
	}{
		{nan, unknownIndex}, {-1, coolIndex}, {-inf, coolIndex}, {0, coolIndex}, {0.8, lastCool},
		{0.800001, firstHot}, {1.2, lastHot}, {5, lastHot}, {inf, lastHot},
	} {
		if got := heatIndex(test.v, 0.8); got != test.want {
			t.Errorf("%v: %d, want %d", test.v, got, test.want)
		}
	}
	for v := -0.1; v < 2; v += 0.001 {
		if lower, higher := heatIndex(v, 0.8), heatIndex(v+0.001, 0.8); lower > higher {
			t.Errorf("%v is shown as less than %v", v+0.001, v)
		}
	}
}

func TestHeatPalette(t *testing.T) {
	palette := heatPalette()
	if len(palette) != hotIndex+hotShades || len(palette) > 256 {
		t.Fatalf("%d colours", len(palette))
	}
	for i, want := range map[int]color.Color{
		unknownIndex: unknownColor, coolIndex: coolStops[0], hotIndex - 1: coolStops[len(coolStops)-1],
		hotIndex: hotStops[0], len(palette) - 1: hotStops[len(hotStops)-1],
	} {
		if palette[i] != want {
			t.Errorf("colour %d is %v, want %v", i, palette[i], want)
		}
	}
	for i := coolIndex + 1; i < hotIndex; i++ {
		if lightness(palette[i]) > lightness(palette[i-1]) {
			t.Errorf("cool colour %d is lighter than the one before", i)
		}
	}
}

// Hot must stand out from all that is not, whatever the shade; so must what is not known.
func TestHeatIsDistinct(t *testing.T) {
	palette := heatPalette()
	for i := hotIndex; i < len(palette); i++ {
		for j := range hotIndex {
			if d := distance(palette[i], palette[j]); d < 0.15 {
				t.Fatalf("hot colour %d and colour %d are only %.3f apart", i, j, d)
			}
		}
	}
	for i := coolIndex; i < hotIndex; i++ {
		if d := distance(palette[i], unknownColor); d < 0.06 {
			t.Errorf("cool colour %d is only %.3f from the grey of no data", i, d)
		}
	}
}
