package report_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/plot"
)

var errFull = errors.New("the disk is full")

func TestWhatCannotBeShownIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		block report.Block
		want  string
	}{
		"no block": {nil, "no block given"},
		"a row longer than the head": {
			report.Table{Caption: "c", Columns: []report.Column{{}}, Rows: [][]string{{"a"}, {"a", "b"}}},
			`reading table "c": row 1 has 2 cells for 1 columns`,
		},
		"a highlight beyond the rows": {
			report.Table{Caption: "c", Highlight: []int{0}},
			`reading table "c": highlighted row 0 is not among its 0 rows`,
		},
		"a highlight before the rows": {
			report.Table{Caption: "c", Rows: [][]string{{}}, Highlight: []int{-1}},
			`reading table "c": highlighted row -1 is not among its 1 rows`,
		},
		"a plot": {
			plot.Bars{Title: "t", Groups: []string{"g"}, Series: []plot.BarSeries{{Name: "s"}}},
			`reading series "s" of "t": 0 values for 1 groups`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := holding(report.Table{}, test.block)
			for form, write := range map[string]func(io.Writer) error{"page": d.WriteHTML, "text": d.WriteText} {
				var out bytes.Buffer
				err := write(&out)
				if want := `checking block 2 of section "section": ` + test.want; err == nil || err.Error() != want {
					t.Errorf("%s: got error %v, want %s", form, err, want)
				}
				if out.Len() > 0 {
					t.Errorf("%s: wrote %q all the same", form, out.String())
				}
			}
		})
	}
}

func TestABlockThatCannotBeDrawnWritesNothing(t *testing.T) {
	var out bytes.Buffer
	err := holding(report.Table{}, stub{drawing: errFull}).WriteHTML(&out)
	if !errors.Is(err, errFull) || out.Len() > 0 {
		t.Errorf("got error %v and %d bytes", err, out.Len())
	}
}

func TestABlockIsDrawnOnceAndForPagesOnly(t *testing.T) {
	var drawings int
	d := holding(stub{drawings: &drawings, note: "a note"})
	textOf(t, d)
	if drawings != 0 {
		t.Errorf("the text drew it %d times", drawings)
	}
	pageOf(t, d)
	if drawings != 1 {
		t.Errorf("the page drew it %d times", drawings)
	}
}

func TestErrorsOfTheWriterAreReported(t *testing.T) {
	d := everything("name")
	for name, write := range map[string]func(io.Writer) error{"writing the page: ": d.WriteHTML, "writing the text: ": d.WriteText} {
		err := write(&fullWriter{left: 10})
		if !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("got error %v, want %s%v", err, name, errFull)
		}
	}
}

func TestTheSameDocumentGivesTheSameBytes(t *testing.T) {
	page, text := pageOf(t, everything("name")), textOf(t, everything("name"))
	for range 3 {
		if pageOf(t, everything("name")) != page {
			t.Fatal("the page differs")
		}
		if textOf(t, everything("name")) != text {
			t.Fatal("the text differs")
		}
	}
}

func TestFigureIsPlot(t *testing.T) {
	for name, test := range map[string]struct {
		figure report.Figure
		want   bool
	}{
		"numbers":   {report.Figure{Title: "t", Numbers: report.Table{Caption: "c"}}, false},
		"a drawing": {report.Figure{Drawing: "<svg/>"}, true},
		"a note":    {report.Figure{Note: "nothing to draw"}, true},
	} {
		if got := test.figure.IsPlot(); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
