package plot

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/simulator/report"
)

// oklab places a colour where distances are those that people see (Björn Ottosson's Oklab).
func oklab(c color.Color) [3]float64 {
	r16, g16, b16, _ := c.RGBA()
	linear := func(v uint32) float64 {
		if s := float64(v) / 0xFFFF; s > 0.04045 {
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return float64(v) / 0xFFFF / 12.92
	}
	r, g, b := linear(r16), linear(g16), linear(b16)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return [3]float64{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

func lightness(c color.Color) float64 { return oklab(c)[0] }

func distance(a, b color.Color) float64 {
	p, q := oklab(a), oklab(b)
	return math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2])
}

// schemes are the page's variables, first in light and then in dark.
func schemes(t *testing.T) [2]map[string]color.Color {
	t.Helper()
	var page bytes.Buffer
	if err := (&report.Document{}).WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	schemes := [2]map[string]color.Color{{}, {}}
	for _, found := range regexp.MustCompile(`--([a-z0-9]+): #([0-9a-f]{6})`).FindAllStringSubmatch(page.String(), -1) {
		value, err := strconv.ParseUint(found[2], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		scheme := schemes[0]
		if scheme[found[1]] != nil {
			scheme = schemes[1]
		}
		scheme[found[1]] = color.RGBA{R: uint8(value >> 16), G: uint8(value >> 8), B: uint8(value), A: 0xFF}
	}
	return schemes
}

func TestSeriesAreDistinct(t *testing.T) {
	for i, scheme := range schemes(t) {
		for a := range seriesInks {
			first := scheme[fmt.Sprintf("s%d", a)]
			if d := distance(first, scheme["page"]); d < 0.3 {
				t.Errorf("scheme %d: series %d is only %.3f from the page", i, a, d)
			}
			for b := range a {
				least := 0.06
				if slices.Equal(seriesDash(a), seriesDash(b)) {
					least = 0.17 // nothing but the colour tells them apart
				}
				if d := distance(first, scheme[fmt.Sprintf("s%d", b)]); d < least {
					t.Errorf("scheme %d: series %d and %d are only %.3f apart, want %v", i, a, b, d, least)
				}
			}
		}
	}
}

func TestTextCanBeRead(t *testing.T) {
	for i, scheme := range schemes(t) {
		for _, name := range []string{"text", "quiet"} {
			for _, ground := range []string{"page", "panel"} {
				if d := math.Abs(lightness(scheme[name]) - lightness(scheme[ground])); d < 0.4 {
					t.Errorf("scheme %d: %s on %s differs by %.2f in lightness", i, name, ground, d)
				}
			}
		}
	}
}

func TestFortySeriesDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range 40 {
		look := fmt.Sprint(seriesInk(i), seriesDash(i))
		if other, found := seen[look]; found {
			t.Errorf("series %d looks like series %d", i, other)
		}
		seen[look] = i
	}
}

func TestInksHaveStandInsOfTheirOwn(t *testing.T) {
	all := []ink{textInk, axisInk, gridInk}
	for i := range seriesInks {
		all = append(all, seriesInk(i), bandInk(i))
	}
	seen := map[string]bool{}
	for _, i := range all {
		if seen[hex(i)] {
			t.Errorf("ink %d has a stand-in that another has", i)
		}
		seen[hex(i)] = true
		if got := inked(`<path style="fill:` + hex(i) + `"/>`); strings.Contains(got, "#") || !strings.Contains(got, "var(--") {
			t.Errorf("ink %d became %s", i, got)
		}
	}
}

func TestInkedChangesTagsOnly(t *testing.T) {
	for drawn, want := range map[string]string{
		`<text style="fill:#FEED00">a</text>`:                            `<text style="fill:var(--text)">a</text>`,
		`<text>#FEED00 style=&#34;#FEED00&#34; xlink:href</text>`:        `<text>#FEED00 style=&#34;#FEED00&#34; xlink:href</text>`,
		`<path style="fill:#123456"/>`:                                   `<path style="fill:#123456"/>`,
		`<image x="1" xlink:href="data:image/jpg;base64,AA" />`:          `<image preserveAspectRatio="none" x="1" href="data:image/png;base64,AA" />`,
		`<path style="fill:` + hex(bandInk(2)) + `;stroke:#FEED01"/>`:    `<path style="fill:var(--s2);fill-opacity:.16;stroke:var(--axis)"/>`,
		"<g\n  style=\"stroke:" + hex(seriesInk(9)) + "\">\n#FEED00</g>": "<g\n  style=\"stroke:var(--s1)\">\n#FEED00</g>",
	} {
		if got := inked(drawn); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
