package plot

import (
	"fmt"
	"image/color"
	"math"
)

// The palette of heat maps. Up to the hot limit blue deepens evenly; above it orange turns red, which
// every kind of colour vision tells from blue. Grey, which is in neither, is where nothing is known.
const (
	unknownIndex = 0
	coolIndex    = 1
	coolShades   = 160
	hotIndex     = coolIndex + coolShades
	hotShades    = 60
	// hottest is the multiple of the hot limit from which on all is shown alike.
	hottest = 1.5
)

var (
	unknownColor = color.RGBA{R: 0x9A, G: 0x9A, B: 0x9A, A: 0xFF}
	coolStops    = []color.RGBA{{0xEA, 0xF1, 0xF8, 0xFF}, {0xB5, 0xD1, 0xE8, 0xFF}, {0x6C, 0xA6, 0xD2, 0xFF},
		{0x2F, 0x73, 0xB2, 0xFF}, {0x0B, 0x3A, 0x75, 0xFF}}
	hotStops = []color.RGBA{{0xFF, 0xA6, 0x2B, 0xFF}, {0xF2, 0x5C, 0x19, 0xFF}, {0xC4, 0x12, 0x12, 0xFF}}
)

// heatIndex is the place of a utilisation in the palette.
func heatIndex(v, hot float64) uint8 {
	switch {
	case math.IsNaN(v):
		return unknownIndex
	case v > hot:
		return hotIndex + shade((v/hot-1)/(hottest-1), hotShades)
	default:
		return coolIndex + shade(v/hot, coolShades)
	}
}

func shade(share float64, shades int) uint8 {
	return uint8(math.Round(min(max(share, 0), 1) * float64(shades-1)))
}

func heatPalette() color.Palette {
	palette := color.Palette{unknownColor}
	for i := range coolShades {
		palette = append(palette, blend(coolStops, float64(i)/(coolShades-1)))
	}
	for i := range hotShades {
		palette = append(palette, blend(hotStops, float64(i)/(hotShades-1)))
	}
	return palette
}

// blend is the colour at a share of the way along the stops.
func blend(stops []color.RGBA, share float64) color.RGBA {
	at := share * float64(len(stops)-1)
	i := min(int(at), len(stops)-2)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (at-float64(i))*(float64(b)-float64(a)))) }
	from, to := stops[i], stops[i+1]
	return color.RGBA{R: mix(from.R, to.R), G: mix(from.G, to.G), B: mix(from.B, to.B), A: 0xFF}
}

// shades are so many colours along the stops, for a legend.
func shades(n int, stops ...color.RGBA) []string {
	list := make([]string, n)
	for i := range list {
		c := blend(stops, float64(i)/float64(max(n-1, 1)))
		list[i] = fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
	}
	return list
}
