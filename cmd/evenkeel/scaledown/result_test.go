package scaledown

import (
	"bytes"
	"encoding/json"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/simulator/scaling"
)

// someResult has an hour of demand, and a contender that is short of it for half of that beside one that is not.
func someResult() *Result {
	r := &Result{
		Names:    []string{"hpa", "window"},
		Verdicts: map[string]Verdict{},
		Demand:   &scaling.Demand{Step: 15 * time.Minute, Values: []float64{10, 2, 10, 2}},
		Sizes: map[string][]Size{
			"hpa": {
				{At: 0, Replicas: 12, Ready: 12}, {At: 15 * time.Minute, Replicas: 3, Ready: 3},
				{At: 30 * time.Minute, Replicas: 12, Ready: 3}, {At: 45 * time.Minute, Replicas: 3, Ready: 3},
			},
			"window": {{At: 0, Replicas: 13, Ready: 13}},
		},
	}
	for name, sizes := range r.Sizes {
		v := Judge(r.Demand, sizes)
		v.Settings = map[string]string{"hpa": "stabilisation 5m", "window": "hold 30m"}[name]
		r.Verdicts[name] = v
	}
	return r
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := someResult().Table(&b); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"                                  hpa   window   change",
		"               replica changes      3        0   -100 %",
		"           direction reversals      2        0   -100 %",
		"                     pod-hours    7.5     13.0    +73 %",
		"     served demand (pod-hours)    4.2      6.0    +41 %",
		"   unserved demand (pod-hours)   1.75     0.00   -100 %",
		"         minutes short of pods   15.0      0.0   -100 %",
		"                     most pods     12       13     +8 %",
		"",
	}, "\n")
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	got, err := json.Marshal(someResult())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"hpa":{"settings":"stabilisation 5m","replicaChanges":3,"reversals":2,"podHours":7.5,"mostReplicas":12,` +
		`"demandPodHours":6,"servedPodHours":4.25,"unservedPodHours":1.75,"shortMinutes":15},` +
		`"window":{"settings":"hold 30m","replicaChanges":0,"reversals":0,"podHours":13,"mostReplicas":13,` +
		`"demandPodHours":6,"servedPodHours":6,"unservedPodHours":0,"shortMinutes":0}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTicks(t *testing.T) {
	for most, want := range map[float64][]string{3: {"0", "1", "2", "3"}, 75: {"0", "16", "32", "48", "64"}, 8: {"0", "1", "2", "3", "4", "5", "6", "7", "8"}} {
		var got []string
		for _, tick := range ticks(most, 1) {
			got = append(got, tick.Label)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("up to %v (-want +got):\n%s", most, diff)
		}
	}
}

// TestPicture: the demand is the same in both rows, and the pods' line is drawn in each.
func TestPicture(t *testing.T) {
	var b bytes.Buffer
	if err := someResult().Picture(&b, "png"); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	bounds := img.Bounds()
	var orange, blue [2]int
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			half := min(1, 2*(y-bounds.Min.Y)/bounds.Dy())
			switch {
			case r>>8 > 230 && g>>8 > 150 && g>>8 < 210 && bl>>8 < 150:
				orange[half]++
			case r>>8 < 60 && bl>>8 > 130:
				blue[half]++
			}
		}
	}
	if orange[0] < 5000 || orange[1] < 5000 || blue[0] < 500 || blue[1] < 500 {
		t.Errorf("of the demand's colour there are %v pixels in the rows, of the pods' %v", orange, blue)
	}
	if err := someResult().Picture(&b, "bmp"); err == nil {
		t.Error("no error for an unknown format")
	}
}
