package scaling

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

func TestReadCSV(t *testing.T) {
	unknown := math.NaN()
	for name, tc := range map[string]struct {
		content string
		want    *Demand
		fault   string
	}{
		"dates":           {"timestamp,value\n2014-02-14 14:30:00,1.5\n2014-02-14 14:35:00,2\n", &Demand{"f", 5 * time.Minute, []float64{1.5, 2}}, ""},
		"seconds":         {"ts,value\n1633478400,1\n1633478460,2\n1633478520,0\n", &Demand{"f", time.Minute, []float64{1, 2, 0}}, ""},
		"RFC 3339":        {"time,value\n2014-02-14T14:30:00Z,1\n2014-02-14T16:30:00+01:00,2\n", &Demand{"f", time.Hour, []float64{1, 2}}, ""},
		"a hole":          {"ts,value\n0,1\n60,2\n240,3\n", &Demand{"f", time.Minute, []float64{1, 2, unknown, unknown, 3}}, ""},
		"other columns":   {"instance,value,ts\na,1,0\na,2,1\n", &Demand{"f", time.Second, []float64{1, 2}}, ""},
		"one row":         {"ts,value\n0,1\n", nil, "reading f: 1 rows are no series"},
		"no rows":         {"ts,value\n", nil, "0 rows"},
		"no value":        {"ts,v\n0,1\n", nil, "reading f:1: field value: the header lacks"},
		"no time":         {"value\n1\n2\n", nil, "reading f:2: field timestamp: \"\" is neither"},
		"not a time":      {"ts,value\nnoon,1\n", nil, "reading f:2: field ts: \"noon\" is neither a date"},
		"backwards":       {"ts,value\n60,1\n0,1\n", nil, "reading f:3: field ts: 0 is not after the row before"},
		"twice":           {"ts,value\n60,1\n60,1\n", nil, "reading f:3: field ts"},
		"negative":        {"ts,value\n0,-1\n", nil, "reading f:2: field value: \"-1\""},
		"NaN":             {"ts,value\n0,NaN\n", nil, "field value"},
		"too many steps":  {"ts,value\n0,1\n0.001,1\n1000000,1\n", nil, "more than 10000000 steps"},
		"nothing at all":  {"", nil, "empty"},
		"a missing comma": {"ts,value\n0\n", nil, "reading f:2: 1 fields"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadCSV(strings.NewReader(tc.content), "f")
			if tc.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fault) {
					t.Errorf("%v, want %q", err, tc.fault)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateNaNs()); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func FuzzReadCSV(f *testing.F) {
	for _, seed := range []string{"timestamp,value\n2014-02-14 14:30:00,1.5\n2014-02-14 14:35:00,2\n", "ts,value\n0,1\n60,2\n240,3\n", "time,value\n1e11,1\n", "\"", "value\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		d, err := ReadCSV(strings.NewReader(content), "f")
		if err != nil {
			return
		}
		if d.Step <= 0 || len(d.Values) < 2 || len(d.Values) > mostValues || math.IsNaN(d.Values[0]) || math.IsNaN(d.Values[len(d.Values)-1]) {
			t.Fatalf("%v, %d values", d.Step, len(d.Values))
		}
		for _, v := range d.Values {
			if v < 0 || v > mostDemand {
				t.Fatalf("a demand of %v", v)
			}
		}
	})
}

func TestScaled(t *testing.T) {
	d := &Demand{"d", time.Minute, []float64{1, math.NaN(), 2, 8, 0}}
	for name, tc := range map[string]struct {
		from, duration time.Duration
		want           []float64
	}{
		"all":           {0, 0, []float64{5, math.NaN(), 10, 40, 0}},
		"the beginning": {0, 3 * time.Minute, []float64{20, math.NaN(), 40}},
		"the middle":    {2 * time.Minute, 2 * time.Minute, []float64{10, 40}},
		"beyond":        {3 * time.Minute, time.Hour, []float64{40, 0}},
		"nothing left":  {time.Hour, time.Hour, nil},
		"nothing asked": {4 * time.Minute, time.Minute, nil},
		"unknown":       {time.Minute, time.Minute, nil},
	} {
		got, err := d.Scaled(tc.from, tc.duration, 40)
		if (err != nil) != (tc.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && !cmp.Equal(tc.want, got.Values, cmpopts.EquateNaNs()) {
			t.Errorf("%s: %v, want %v", name, got.Values, tc.want)
		}
	}
	if d.Values[0] != 1 {
		t.Error("the original changed")
	}
}

func TestDemandOfTraces(t *testing.T) {
	d, err := OfRecorded(Recorded)
	if err != nil {
		t.Fatal(err)
	}
	known, busy := 0, 0
	for _, v := range d.Values {
		if !math.IsNaN(v) {
			known++
		}
		if v > 3 {
			busy++
		}
	}
	if d.Length() < 29*24*time.Hour || known < len(d.Values)*99/100 || busy < 500 || busy > len(d.Values)/4 {
		t.Errorf("%v, %d of %d values known, %d busy", d.Length(), known, len(d.Values), busy)
	}
	if _, err := OfRecorded("nobody"); err == nil {
		t.Error("nobody was found")
	}
	series := []usage.Series{{Name: "a", Step: time.Minute, Values: []float32{1}}, {Name: "b", Step: time.Hour, Values: []float32{2, 3}}}
	for name, want := range map[string]float64{"": 1, "a": 1, "b": 2} {
		if got, err := OfUsage(series, name); err != nil || got.Values[0] != want {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if _, err := OfUsage(series, "c"); err == nil {
		t.Error("c was found")
	}
	if got := d.at(-time.Second); !math.IsNaN(got) {
		t.Errorf("before the beginning: %v", got)
	}
	if got := d.at(d.Length()); !math.IsNaN(got) {
		t.Errorf("after the end: %v", got)
	}
}
