package report_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/plot"
	"github.com/evenkeel/evenkeel/simulator/report/terminal"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata from what is written now")

// small is a document as a command would write it.
func small() *report.Document {
	return &report.Document{
		Title: "How full can it be packed?",
		Summary: "Two policies placed the same 48,210 pods on 1,200 nodes. The second fits more before the first pod of " +
			"32 cores is refused.\n\nNeither loses a pod below 60 % of capacity.",
		Facts: []report.Fact{{Label: "trace", Value: "pods.csv"}, {Label: "節点", Value: "1,200"}, {Label: "seeds", Value: "1 to 10"}},
		Sections: []report.Section{
			{Title: "Allocation", Text: "What differs is where the curve leaves the diagonal.", Blocks: []report.Block{
				plot.Lines{
					Title: "As pods come", XLabel: "asked for (%)", YLabel: "allocated (%)", Band: "range of 10 seeds",
					Series: []plot.Series{
						{Name: "stock", X: []float64{0, 50, 100}, Y: []float64{0, 50, 81.2}, Low: []float64{0, 49, 80}, High: []float64{0, 50, 83}},
						{Name: "even", X: []float64{0, 50, 100}, Y: []float64{0, 50, 94}},
					},
				},
				report.Table{
					Caption: "At the end", Columns: []report.Column{{Name: "policy"}, {Name: "CPU", Unit: "%", Align: report.Right}, {Name: "why"}},
					Rows: [][]string{{"stock", "81.2", "spreads"}, {"even", "94.0"}}, Highlight: []int{1},
				},
			}},
			{Title: "Load", Blocks: []report.Block{
				plot.HeatMap{Title: "CPU", Hot: 0.8, Rows: []string{"a", "b"}, X: []float64{0, 1}, Z: [][]float32{{0.5, 0.7}, {0.9, 1.2}}},
				plot.Bars{Title: "Turned away", Label: "pods", Groups: []string{"small", "large"},
					Series: []plot.BarSeries{{Name: "stock", Values: []float64{1204, 3}}, {Name: "even", Values: []float64{-2, 0}}}},
				plot.Lines{},
			}},
		},
	}
}

func TestTextOfADocument(t *testing.T) {
	golden := filepath.Join("testdata", "small.txt")
	got := textOf(t, small())
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestTablesAlign(t *testing.T) {
	for name, test := range map[string]struct {
		table report.Table
		want  string
	}{
		"numbers to the right": {
			report.Table{Columns: []report.Column{{Name: "n"}, {Name: "v", Unit: "%", Align: report.Right}}, Rows: [][]string{{"a", "1"}, {"b", "1,000.0"}}},
			"  n     v (%)\n  a         1\n  b   1,000.0\n",
		},
		"wide runes": {
			report.Table{Columns: []report.Column{{Name: "n"}, {Name: "v"}}, Rows: [][]string{{"節点", "x"}, {"ab", "y"}, {"ｗ🙂", "z"}}},
			"  n      v\n  節点   x\n  ab     y\n  ｗ🙂   z\n",
		},
		"runes of no width": {
			report.Table{Columns: []report.Column{{Name: "n"}, {Name: "v"}}, Rows: [][]string{{"e\u0301\u0323", "x"}, {"ab", "y"}}},
			"  n    v\n  e\u0301\u0323    x\n  ab   y\n",
		},
		"what steers a terminal": {
			report.Table{Caption: "a\nb", Columns: []report.Column{{Name: "n\t"}, {Name: "v"}}, Rows: [][]string{{"\x1b[1m", "\r\n"}, {"b", "\u202ex"}}},
			"a b\n  n      v\n   [1m\n  b       x\n",
		},
		"highlights and short rows": {
			report.Table{Columns: []report.Column{{Name: "n"}, {Name: "v"}}, Rows: [][]string{{}, {"b"}, {"c", "d"}}, Highlight: []int{2, 0}},
			"  n   v\n*\n  b\n* c   d\n",
		},
		"no rows":    {report.Table{Caption: "c", Columns: []report.Column{{Name: "n"}}}, "c\n  (no rows)\n"},
		"no columns": {report.Table{Rows: [][]string{{}}}, "\n\n"},
		"a unit without a name": {
			report.Table{Columns: []report.Column{{Unit: "%"}}, Rows: [][]string{{"1"}}},
			"  (%)\n  1\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := "title\n=====\n\nsection\n-------\n\n" + test.want
			if diff := cmp.Diff(want, textOf(t, holding(test.table))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProseIsWrapped(t *testing.T) {
	words := strings.Repeat("word 言葉 ", 60)
	long := strings.Repeat("x", 150)
	text := textOf(t, &report.Document{Title: "t", Summary: words + "\n\n" + long + " after"})
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if terminal.Columns(line) > 100 && line != long {
			t.Errorf("%d columns: %s", terminal.Columns(line), line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("space at the end of %q", line)
		}
	}
	if got, want := strings.Fields(text)[2:], strings.Fields(words+long+" after"); !cmp.Equal(got, want) {
		t.Errorf("the words are %q", got)
	}
}

func TestTextSteersNoTerminal(t *testing.T) {
	for _, hostile := range []string{"\x1b]0;owned\x07", "a\rb", "\u009b31m", "\x00\x08", "\u202eabc\u2066", "line\nline", "\xff\xfe"} {
		for _, r := range textOf(t, everything(hostile)) {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Errorf("%q: the text contains %U", hostile, r)
				break
			}
		}
	}
}

func TestBandsAreOnThePageOnly(t *testing.T) {
	if band := "81.2 (80.0 to 83.0)"; strings.Contains(textOf(t, small()), band) || !strings.Contains(pageOf(t, small()), band) {
		t.Error("a band belongs on the page and not into the text")
	}
}
