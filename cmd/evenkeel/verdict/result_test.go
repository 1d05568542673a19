package verdict

import (
	"bytes"
	"encoding/json"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func someResult() *Result {
	frames := func(hot float64) []Frame {
		var f []Frame
		for m := range 30 {
			f = append(f, Frame{At: time.Duration(m) * time.Minute, Nodes: []float64{0.3, hot, 0.5, 0.7}})
		}
		return f
	}
	r := &Result{
		Names:    []string{"stock", "evenkeel"},
		Verdicts: map[string]Verdict{},
		Frames:   map[string][]Frame{"stock": frames(1.1), "evenkeel": frames(0.75)},
		Length:   30 * time.Minute,
	}
	for name, f := range r.Frames {
		v := Judge(f)
		v.PodsBound = 12
		r.Verdicts[name] = v
	}
	return r
}

func TestResultJSONKeepsOrderAndNames(t *testing.T) {
	got, err := json.Marshal(someResult())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"stock":{"hotNodeMinutes":29,"maxNodeUtilisation":1.1,"p99NodeUtilisation":1.1,"podsPending":0,"podsBound":12},` +
		`"evenkeel":{"hotNodeMinutes":0,"maxNodeUtilisation":0.75,"p99NodeUtilisation":0.75,"podsPending":0,"podsBound":12}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := someResult().Table(&b); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"                                   stock   evenkeel   change",
		"   hot-node minutes (CPU > 80 %)      29          0   -100 %",
		"                    hottest node   110 %       75 %    -32 %",
		"            p99 node utilisation   110 %       75 %    -32 %",
		"                      pods bound      12         12        =",
		"                    pods pending       0          0        =",
		"",
	}, "\n")
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPictureShowsHeat: the hot pool has red in it, the even one none.
func TestPictureShowsHeat(t *testing.T) {
	var b bytes.Buffer
	if err := someResult().Picture(&b, "png"); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	bounds := img.Bounds()
	red := [2]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			if r>>8 > 100 && g>>8 < 80 && bl>>8 < 80 && r > 2*g {
				red[2*(y-bounds.Min.Y)/bounds.Dy()]++
			}
		}
	}
	if red[0] < 1000 || red[1] != 0 {
		t.Errorf("red pixels: %d in the stock half, %d in the evenkeel half", red[0], red[1])
	}
	if err := someResult().Picture(&b, "bmp"); err == nil {
		t.Error("no error for an unknown format")
	}
}
