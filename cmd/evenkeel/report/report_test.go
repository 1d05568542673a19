package report

import (
	"bytes"
	"encoding/json"
	"image/png"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot"
)

func TestTable(t *testing.T) {
	rows := []Row[float64]{
		{Label: "half", Format: "%.1f", Value: func(v float64) float64 { return v / 2 }},
		{Label: "all of it", Format: "%.0f %%", Value: func(v float64) float64 { return v }},
	}
	var b bytes.Buffer
	if err := Table(&b, []string{"a", "middle", "z"}, map[string]float64{"a": 8, "middle": 3, "z": 2}, rows); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"                 a   middle     z   change",
		"        half   4.0      1.5   1.0    -75 %",
		"   all of it   8 %      3 %   2 %    -75 %",
		"",
	}, "\n")
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSONKeepsOrderAndNames(t *testing.T) {
	got, err := JSON([]string{"z", `a "b"`}, map[string]int{"z": 1, `a "b"`: 2})
	if err != nil || string(got) != `{"z":1,"a \"b\"":2}` {
		t.Errorf("%s, %v", got, err)
	}
	var back map[string]int
	if err := json.Unmarshal(got, &back); err != nil || back["z"] != 1 {
		t.Errorf("%v, %v", back, err)
	}
	if _, err := JSON([]string{"a"}, map[string]func(){"a": nil}); err == nil {
		t.Error("no error for what JSON has no form for")
	}
}

// TestPictureGrowsByRows: each plot has a row of the same height.
func TestPictureGrowsByRows(t *testing.T) {
	height := func(rows int) int {
		var b bytes.Buffer
		plots := make([]*plot.Plot, 0, rows)
		for range rows {
			plots = append(plots, NewPlot("one"))
		}
		if err := Picture(&b, "png", plots); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		return img.Bounds().Dy()
	}
	one, two, three := height(1), height(2), height(3)
	if two-one < 100 || three-two != two-one {
		t.Errorf("pictures of one, two and three rows are %d, %d and %d high", one, two, three)
	}
	var b bytes.Buffer
	if err := Picture(&b, PictureFormat("DIR.D/X.SVG"), []*plot.Plot{NewPlot("one & only")}); err != nil || !strings.Contains(b.String(), "</svg>") {
		t.Errorf("%d bytes of SVG, %v", b.Len(), err)
	}
	if err := Picture(&b, "bmp", nil); err == nil {
		t.Error("no error for an unknown format")
	}
}

func TestChange(t *testing.T) {
	for _, tc := range []struct {
		a, b float64
		want string
	}{{100, 10, "-90 %"}, {0, 3, "+3"}, {5, 5, "="}, {10, 15, "+50 %"}} {
		if got := change(tc.a, tc.b); got != tc.want {
			t.Errorf("change(%v, %v) = %q, want %q", tc.a, tc.b, got, tc.want)
		}
	}
}
