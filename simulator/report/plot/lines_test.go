package plot

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/plotter"

	"github.com/evenkeel/evenkeel/simulator/report"
)

var (
	nan = math.NaN()
	inf = math.Inf(1)
)

// refuses checks what a block's check says; an empty want is no error.
func refuses(t *testing.T, block report.Block, want string) {
	t.Helper()
	switch err := block.Check(); {
	case err == nil && want != "":
		t.Errorf("got no error, want %s", want)
	case err != nil && err.Error() != want:
		t.Errorf("got error %v, want %s", err, want)
	}
}

func figureOf(t *testing.T, block report.Block) report.Figure {
	t.Helper()
	if err := block.Check(); err != nil {
		t.Fatal(err)
	}
	figure, err := block.Figure()
	if err != nil {
		t.Fatal(err)
	}
	return figure
}

func TestLinesCheck(t *testing.T) {
	for name, test := range map[string]struct {
		series Series
		want   string // without its head
	}{
		"nothing":            {Series{}, ""},
		"a curve":            {Series{X: []float64{0, 1}, Y: []float64{2, 3}}, ""},
		"a gap":              {Series{X: []float64{0, 1}, Y: []float64{nan, inf}}, ""},
		"a step straight up": {Series{X: []float64{0, 1, 1}, Y: []float64{2, 3, 4}}, ""},
		"a band":             {Series{X: []float64{0}, Y: []float64{2}, Low: []float64{1}, High: []float64{nan}}, ""},
		"a value short":      {Series{X: []float64{0, 1}, Y: []float64{2}}, "1 values for 2 points"},
		"a value too many":   {Series{Y: []float64{2}}, "1 values for 0 points"},
		"half a band":        {Series{X: []float64{0}, Y: []float64{2}, Low: []float64{1}}, "a band of 1 low and 0 high values"},
		"a band short": {Series{X: []float64{0, 1}, Y: []float64{2, 3}, Low: []float64{1}, High: []float64{1}},
			"a band of 1 values for 2 points"},
		"backwards":                   {Series{X: []float64{1, 0}, Y: []float64{2, 3}}, "its points are not sorted"},
		"a place that is not a place": {Series{X: []float64{0, nan, 1}, Y: []float64{2, 3, 4}}, "a point's place is not finite"},
		"a place that is nowhere":     {Series{X: []float64{0, inf}, Y: []float64{2, 3}}, "a point's place is not finite"},
	} {
		t.Run(name, func(t *testing.T) {
			test.series.Name = "s"
			if test.want != "" {
				test.want = `reading series "s" of "t": ` + test.want
			}
			refuses(t, Lines{Title: "t", Series: []Series{{}, test.series}}, test.want)
		})
	}
}

func TestRuns(t *testing.T) {
	s := Series{X: []float64{0, 1, 2, 3, 4, 5}}
	for name, test := range map[string]struct {
		curve  []float64
		others [][]float64
		want   []plotter.XYs
	}{
		"whole": {[]float64{1, 2, 3, 4, 5, 6}, nil,
			[]plotter.XYs{{{X: 0, Y: 1}, {X: 1, Y: 2}, {X: 2, Y: 3}, {X: 3, Y: 4}, {X: 4, Y: 5}, {X: 5, Y: 6}}}},
		"nothing":       {[]float64{nan, inf, -inf, nan, nan, nan}, nil, nil},
		"gaps":          {[]float64{nan, 2, 3, inf, nan, 6}, nil, []plotter.XYs{{{X: 1, Y: 2}, {X: 2, Y: 3}}, {{X: 5, Y: 6}}}},
		"a gap beside":  {[]float64{1, 2, 3, nan, nan, nan}, [][]float64{{0, nan, 0, 0, 0, 0}}, []plotter.XYs{{{X: 0, Y: 1}}, {{X: 2, Y: 3}}}},
		"gaps in turns": {[]float64{1, nan, 3, nan, 5, nan}, [][]float64{{0, 0, 0, 0, 0, 0}, {nan, 0, 0, 0, nan, 0}}, []plotter.XYs{{{X: 2, Y: 3}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, s.runs(test.curve, test.others...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCurveBetweenItsPoints(t *testing.T) {
	s := Series{X: []float64{0, 1, 3, 3, 4}, Y: []float64{0, 10, 30, 50, nan}}
	for x, want := range map[float64]float64{-1: nan, 0: 0, 0.25: 2.5, 1: 10, 2: 20, 3: 30, 3.5: nan, 4: nan, 5: nan} {
		if got := s.at(s.Y, x); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("at %v: %v, want %v", x, got, want)
		}
	}
	if got := (Series{}).at(nil, 1); !math.IsNaN(got) {
		t.Errorf("a curve without points is at %v", got)
	}
}

// slowlyAt goes along the curve in small steps, as a pencil would.
func slowlyAt(s Series, x float64) float64 {
	for i := 1; i < len(s.X); i++ {
		if s.X[i-1] <= x && x <= s.X[i] {
			return s.Y[i-1] + (x-s.X[i-1])*(s.Y[i]-s.Y[i-1])/(s.X[i]-s.X[i-1])
		}
	}
	return nan
}

func TestCurveAgreesWithTheSlowWay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		s := Series{}
		at := random.Float64()
		for range 2 + random.IntN(20) {
			s.X, s.Y = append(s.X, at), append(s.Y, random.Float64())
			at += 0.01 + random.Float64()
		}
		x := at * random.Float64()
		got, want := s.at(s.Y, x), slowlyAt(s, x)
		if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-9 {
			t.Fatalf("%v at %v: %v, want %v", s, x, got, want)
		}
		if !math.IsNaN(got) && (got < slices.Min(s.Y) || got > slices.Max(s.Y)) {
			t.Fatalf("%v at %v: %v is beyond the curve", s, x, got)
		}
	}
}

func TestNumbersOfLines(t *testing.T) {
	lines := Lines{Title: "t", XLabel: "x", YLabel: "y", Series: []Series{
		{Name: "banded", X: []float64{3, 13}, Y: []float64{0, 1}, Low: []float64{-1, 0}, High: []float64{1, nan}},
		{Name: "shorter", X: []float64{5, 7}, Y: []float64{50, 70}},
		{Name: "nothing", X: []float64{-100}, Y: []float64{nan}},
	}}
	columns := []report.Column{{Name: "x", Align: report.Right}, {Name: "banded", Align: report.Right},
		{Name: "shorter", Align: report.Right}, {Name: "nothing", Align: report.Right}}
	want := report.Table{Caption: "t: y", Columns: columns, Rows: [][]string{
		{"3", "0", "–", "–"}, {"4", "0", "–", "–"}, {"6", "0", "60", "–"}, {"8", "1", "–", "–"},
		{"10", "1", "–", "–"}, {"12", "1", "–", "–"}, {"13", "1", "–", "–"},
	}}
	if diff := cmp.Diff(want, lines.Table()); diff != "" {
		t.Error(diff)
	}
	want.Rows = [][]string{
		{"3", "0 (−1 to 1)", "–", "–"}, {"4", "0 (−1 to –)", "–", "–"},
		{"6", "0 (−1 to –)", "60", "–"}, {"8", "1 (−1 to –)", "–", "–"},
		{"10", "1 (0 to –)", "–", "–"}, {"12", "1 (0 to –)", "–", "–"}, {"13", "1 (0 to –)", "–", "–"},
	}
	if diff := cmp.Diff(want, figureOf(t, lines).Numbers); diff != "" {
		t.Error(diff)
	}
}

func TestMarksOfLines(t *testing.T) {
	for name, test := range map[string]struct {
		x    []float64
		want []float64
	}{
		"nothing":            {nil, nil},
		"one point":          {[]float64{3}, []float64{3}},
		"round ends":         {[]float64{0, 40}, []float64{0, 5, 10, 15, 20, 25, 30, 35, 40}},
		"ends between marks": {[]float64{-1, 9}, []float64{-1, 0, 2, 4, 6, 8, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			lines := Lines{Series: []Series{{X: test.x, Y: make([]float64, len(test.x))}}}
			if got := lines.marks(); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCaptionsHaveNoLooseEnds(t *testing.T) {
	for name, test := range map[string]struct {
		block report.Block
		want  string
	}{
		"lines":                {Lines{Title: "t", YLabel: "y"}, "t: y"},
		"lines without label":  {Lines{Title: "t"}, "t"},
		"lines without title":  {Lines{YLabel: "y"}, "y"},
		"lines without either": {Lines{}, ""},
		"bars":                 {Bars{Title: "t", Label: "y"}, "t: y"},
		"bars without label":   {Bars{Title: "t"}, "t"},
		"heat without title":   {HeatMap{Hot: 1}, "the hottest of 0 nodes"},
	} {
		if got := test.block.Table().Caption; got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestLegendOfLines(t *testing.T) {
	banded := Series{Name: "a", X: []float64{1}, Y: []float64{1}, Low: []float64{1}, High: []float64{1}}
	lines := Lines{Series: []Series{banded, {Name: "b"}}, References: []Reference{{Name: "bound"}}, Band: "range"}
	want := []report.Key{
		{Name: "a", Class: "s0", Line: true},
		{Name: "b", Class: "s1", Line: true, Dash: "7 3"},
		{Name: "bound", Class: "reference", Line: true, Dash: "1 2"},
		{Name: "range", Class: "band"},
	}
	if diff := cmp.Diff(want, lines.legend()); diff != "" {
		t.Error(diff)
	}
	lines.Series = lines.Series[1:]
	if keys := lines.legend(); len(keys) != 2 {
		t.Errorf("without a band the legend is %v", keys)
	}
}

func TestAxisOfLines(t *testing.T) {
	series := []Series{{X: []float64{2, 4}, Y: []float64{13, 88}}}
	for name, test := range map[string]struct {
		lines     Lines
		low, high float64
		rescaled  bool
	}{
		"fits the data":       {Lines{Series: series}, 13, 88, true},
		"fits references too": {Lines{Series: series, References: []Reference{{At: 100, Slope: 1}}}, 13, 104, true},
		"ends as told":        {Lines{Series: series, YMin: new(0.0), YMax: new(100.0)}, 0, 100, false},
		"begins as told":      {Lines{Series: series, YMin: new(50.0)}, 50, 88, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := test.lines.plot()
			if p.Y.Min != test.low || p.Y.Max != test.high || p.Y.AutoRescale != test.rescaled {
				t.Errorf("from %v to %v, rescaled %v", p.Y.Min, p.Y.Max, p.Y.AutoRescale)
			}
			if p.X.Min != 2 || p.X.Max != 4 {
				t.Errorf("along x from %v to %v", p.X.Min, p.X.Max)
			}
		})
	}
}

func TestOddLinesAreDrawn(t *testing.T) {
	for name, test := range map[string]struct {
		series []Series
		drawn  bool
	}{
		"none":              {nil, false},
		"no points":         {[]Series{{}}, false},
		"gaps alone":        {[]Series{{X: []float64{0, 1}, Y: []float64{nan, inf}}}, false},
		"one point":         {[]Series{{X: []float64{3}, Y: []float64{4}}}, true},
		"a level":           {[]Series{{X: []float64{0, 1}, Y: []float64{7, 7}}}, true},
		"zeros":             {[]Series{{X: []float64{0, 0}, Y: []float64{0, 0}}}, true},
		"huge":              {[]Series{{X: []float64{0, 1e15}, Y: []float64{-1e300, 1e300}}}, true},
		"tiny":              {[]Series{{X: []float64{0, 1e-12}, Y: []float64{1e-300, 2e-300}}}, true},
		"a band with gaps":  {[]Series{{X: []float64{0, 1, 2}, Y: []float64{1, 2, 3}, Low: []float64{nan, 1, 2}, High: []float64{3, nan, 4}}}, true},
		"points all around": {[]Series{{X: []float64{0, 1, 2}, Y: []float64{1, nan, 3}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			figure := figureOf(t, Lines{Title: "t", Series: test.series})
			if got := figure.Drawing != ""; got != test.drawn || (figure.Note == "") != test.drawn {
				t.Errorf("drawn %v, note %q", got, figure.Note)
			}
			if strings.Contains(string(figure.Drawing), "NaN") || strings.Contains(string(figure.Drawing), "Inf") {
				t.Error("a coordinate is not finite")
			}
		})
	}
}

func TestGapsAreNotBridged(t *testing.T) {
	strokes := func(y ...float64) int {
		lines := Lines{Series: []Series{{X: []float64{0, 1, 2, 3, 4, 5}[:len(y)], Y: y}}}
		return strings.Count(string(figureOf(t, lines).Drawing), "stroke:var(--s0)")
	}
	if whole, broken := strokes(1, 2, 3, 4, 5), strokes(1, 2, nan, 4, 5); whole != 1 || broken != 2 {
		t.Errorf("a whole curve has %d strokes, one with a gap %d", whole, broken)
	}
}
