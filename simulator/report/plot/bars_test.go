package plot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/text"

	"github.com/evenkeel/evenkeel/simulator/report"
)

func TestBarsCheck(t *testing.T) {
	for name, test := range map[string]struct {
		bars Bars
		want string
	}{
		"nothing":    {Bars{}, ""},
		"no values":  {Bars{Groups: []string{"a"}}, ""},
		"one a bar":  {Bars{Groups: []string{"a"}, Series: []BarSeries{{Values: []float64{nan}}}}, ""},
		"one short":  {Bars{Title: "t", Groups: []string{"a"}, Series: []BarSeries{{Name: "s"}}}, `reading series "s" of "t": 0 values for 1 groups`},
		"one excess": {Bars{Title: "t", Series: []BarSeries{{Name: "s", Values: []float64{1}}}}, `reading series "s" of "t": 1 values for 0 groups`},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, test.bars, test.want) })
	}
}

func changes() Bars {
	return Bars{Title: "change", Label: "nodes", Groups: []string{"small", "large"}, Series: []BarSeries{
		{Name: "a", Values: []float64{-12.5, 3}}, {Name: "b", Values: []float64{nan, 0}},
	}}
}

func TestNumbersOfBars(t *testing.T) {
	want := report.Table{
		Caption: "change: nodes",
		Columns: []report.Column{{}, {Name: "a", Align: report.Right}, {Name: "b", Align: report.Right}},
		Rows:    [][]string{{"small", "−12.5", "–"}, {"large", "3.0", "0.0"}},
	}
	if diff := cmp.Diff(want, changes().Table()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, figureOf(t, changes()).Numbers); diff != "" {
		t.Error(diff)
	}
}

func TestAxisOfBarsBeginsAtZero(t *testing.T) {
	for name, test := range map[string]struct {
		values    []float64
		low, high float64
	}{
		"positive": {[]float64{3, 12}, 0, 12},
		"negative": {[]float64{-3, -12}, -12, 0},
		"both":     {[]float64{-3, 12}, -3, 12},
		"zero":     {[]float64{0, nan}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bars := Bars{Groups: []string{"a", "b"}, Series: []BarSeries{{Values: test.values}}}
			if p := bars.plot(); p.X.Min != test.low || p.X.Max != test.high {
				t.Errorf("from %v to %v", p.X.Min, p.X.Max)
			}
			if drawing := string(figureOf(t, bars).Drawing); drawing == "" || strings.Contains(drawing, "NaN") {
				t.Error("not drawn")
			}
		})
	}
}

// A value that lay on its bar could not be read on all colours.
func TestValuesStandBeyondTheirBars(t *testing.T) {
	b := changes()
	labels := b.lengths(b.Series[0], 1, 4)
	if diff := cmp.Diff([]string{"−12.5\u00a0", "\u00a03.0"}, labels.Labels); diff != "" {
		t.Error(diff)
	}
	for i, want := range []text.XAlignment{text.XRight, text.XLeft} {
		if labels.TextStyle[i].XAlign != want || labels.XYs[i].X != b.Series[0].Values[i] {
			t.Errorf("value %d is aligned %v at %v", i, labels.TextStyle[i].XAlign, labels.XYs[i].X)
		}
	}
	if labels := b.lengths(b.Series[1], 1, 4); len(labels.Labels) != 1 || labels.XYs[0].Y != 0 {
		t.Errorf("a value that is not there has a label: %v", labels)
	}
}

func TestFirstGroupIsOnTop(t *testing.T) {
	b := changes()
	names := b.names()
	if names[0].Label != "small" || names[0].Value != 1 || names[1].Value != 0 {
		t.Errorf("got %v", names)
	}
	if got := b.bars(b.Series[0], 0, 0).Values; got[1] != -12.5 || got[0] != 3 {
		t.Errorf("got %v", got)
	}
}

func TestZeroIsMarkedAmongNegatives(t *testing.T) {
	strokes := func(value float64) int {
		bars := Bars{Groups: []string{"a"}, Series: []BarSeries{{Values: []float64{value}}}}
		return strings.Count(string(figureOf(t, bars).Drawing), "stroke:var(--axis)")
	}
	positive, negative := strokes(5), strokes(-5)
	if negative <= positive {
		t.Errorf("%d strokes in the ink of axes for a negative value, %d for a positive one", negative, positive)
	}
}

func TestHeightOfBars(t *testing.T) {
	box := func(groups, series int) string {
		bars := Bars{Groups: make([]string, groups)}
		for range series {
			bars.Series = append(bars.Series, BarSeries{Values: make([]float64, groups)})
		}
		drawing := string(figureOf(t, bars).Drawing)
		_, rest, _ := strings.Cut(drawing, `viewBox="`)
		size, _, _ := strings.Cut(rest, `"`)
		return size
	}
	for _, test := range []struct {
		groups, series int
		want           string
	}{{1, 1, "0 0 720 55"}, {4, 2, "0 0 720 148"}, {4, 7, "0 0 720 328"}} {
		if got := box(test.groups, test.series); got != test.want {
			t.Errorf("%d groups of %d: %s, want %s", test.groups, test.series, got, test.want)
		}
	}
}

func TestLegendOfBars(t *testing.T) {
	want := []report.Key{{Name: "a", Class: "s0"}, {Name: "b", Class: "s1"}}
	if diff := cmp.Diff(want, figureOf(t, changes()).Legend); diff != "" {
		t.Error(diff)
	}
}

func TestNothingToDraw(t *testing.T) {
	for name, bars := range map[string]Bars{
		"nothing":  {},
		"no bars":  {Groups: []string{"a"}},
		"no group": {Series: []BarSeries{{Name: "s"}}},
		"gaps":     {Groups: []string{"a"}, Series: []BarSeries{{Values: []float64{inf}}}},
	} {
		if figure := figureOf(t, bars); figure.Drawing != "" || figure.Note != "There is nothing to draw." {
			t.Errorf("%s: note %q, drawing %q", name, figure.Note, figure.Drawing)
		}
	}
}

func TestShortened(t *testing.T) {
	for name, want := range map[string]string{
		"":                      "",
		"node-1":                "node-1",
		strings.Repeat("節", 28): strings.Repeat("節", 28),
		"a\nb":                  "a b",
		strings.Repeat("a", 20) + "-pool-node-0001": strings.Repeat("a", 14) + "…ool-node-0001",
	} {
		if got := shortened(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}
