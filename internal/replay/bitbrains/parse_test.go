package bitbrains

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const (
	metaHeader  = "id,start_time,stop_time,cpu_count,cpu_capacity,mem_capacity\n"
	traceHeader = "id,timestamp,duration,cpu_count,cpu_usage\n"
	// Two cores of 1,000 MHz from second 100 to 1,000 of the epoch.
	oneMachine = metaHeader + "a,100000,1000000,2,2000,1024\n"
)

func TestParseRows(t *testing.T) {
	trace, err := Parse(strings.NewReader(traceHeader+
		"a,200000,100000,2,500\n"+
		"a,300000,90001,2,1000\n"+ // begins 9.999 s late: the clock slipped
		"a,400000,101000,2,1500\n"+ // overlaps by a second: likewise
		"a,600000,100000,2,2000\n"+ // a hole of 100 s before it
		"a,700000,100000,0,0\n"), // switched off
		strings.NewReader(oneMachine))
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Unix(100, 0).UTC(); !trace.Start.Equal(want) {
		t.Errorf("trace starts at %v, want %v", trace.Start, want)
	}
	vm := &trace.VMs[0]
	if vm.ID != "a" || vm.Cores != 2 || vm.MemoryBytes != 1<<20 {
		t.Errorf("got machine %q with %d cores and %d bytes", vm.ID, vm.Cores, vm.MemoryBytes)
	}
	if vm.First() != 0 || vm.Last() != 600*time.Second {
		t.Errorf("rows span [%v, %v), want [0, 10m)", vm.First(), vm.Last())
	}
	tests := map[string]struct {
		at    time.Duration
		cores float64
		ok    bool
	}{
		"before the first row":             {at: -1},
		"the first row holds at its start": {at: 0, cores: 0.5, ok: true},
		"until just before its timestamp":  {at: 100*time.Second - 1, cores: 0.5, ok: true},
		"from its timestamp the next one":  {at: 100 * time.Second, cores: 1, ok: true},
		"inside the slip":                  {at: 105 * time.Second, cores: 1, ok: true},
		"the overlap is the earlier row's": {at: 200*time.Second - 1, cores: 1, ok: true},
		"after the overlap":                {at: 200 * time.Second, cores: 1.5, ok: true},
		"in the hole":                      {at: 350 * time.Second},
		"at the hole's end":                {at: 400 * time.Second, cores: 2, ok: true},
		"switched off is known to be zero": {at: 550 * time.Second, cores: 0, ok: true},
		"after the last row":               {at: 600 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cores, ok := vm.CPU(test.at)
			if cores != test.cores || ok != test.ok {
				t.Errorf("CPU(%v) = %v, %v, want %v, %v", test.at, cores, ok, test.cores, test.ok)
			}
		})
	}
}

func TestParseErrorsNameThePlace(t *testing.T) {
	good := traceHeader + "a,200000,100000,2,500\n"
	tests := map[string]struct {
		trace, meta string
		want        string
	}{
		"no trace":            {"", oneMachine, "trace.csv.gz: no header"},
		"no meta":             {good, "", "meta.csv: no header"},
		"no machine":          {good, metaHeader, "meta.csv: no machine"},
		"wrong header":        {"id,time\n", oneMachine, "trace.csv.gz:1: wrong number of fields"},
		"swapped columns":     {"timestamp,id,duration,cpu_count,cpu_usage\n", oneMachine, "trace.csv.gz:1: the header is"},
		"short row":           {good + "a,1\n", oneMachine, "trace.csv.gz:3: wrong number of fields"},
		"unknown machine":     {good + "b,300000,100000,2,500\n", oneMachine, `trace.csv.gz:3: field id: meta.csv has no machine "b"`},
		"empty id":            {traceHeader + ",300000,100000,2,500\n", oneMachine, "trace.csv.gz:2: field id: must not be empty"},
		"time not a number":   {traceHeader + "a,noon,100000,2,500\n", oneMachine, "trace.csv.gz:2: field timestamp"},
		"time goes back":      {good + "a,150000,10000,2,500\n", oneMachine, "trace.csv.gz:3: field timestamp"},
		"same time twice":     {good + "a,200000,100000,2,500\n", oneMachine, "trace.csv.gz:3: field timestamp"},
		"after the stop":      {traceHeader + "a,1000001,1000,2,500\n", oneMachine, "trace.csv.gz:2: field timestamp"},
		"overlap":             {good + "a,300000,110001,2,500\n", oneMachine, "trace.csv.gz:3: field duration: overlaps the row before"},
		"before the start":    {traceHeader + "a,200000,110001,2,500\n", oneMachine, "trace.csv.gz:2: field duration: overlaps"},
		"no duration":         {traceHeader + "a,200000,0,2,500\n", oneMachine, "trace.csv.gz:2: field duration"},
		"negative duration":   {traceHeader + "a,200000,-5,2,500\n", oneMachine, "trace.csv.gz:2: field duration"},
		"huge duration":       {traceHeader + "a,200000,9223372036854775807,2,500\n", oneMachine, "trace.csv.gz:2: field duration"},
		"negative use":        {traceHeader + "a,200000,100000,2,-1\n", oneMachine, "trace.csv.gz:2: field cpu_usage"},
		"infinite use":        {traceHeader + "a,200000,100000,2,Inf\n", oneMachine, "trace.csv.gz:2: field cpu_usage"},
		"use beyond float32":  {traceHeader + "a,200000,100000,2,1e300\n", oneMachine, "trace.csv.gz:2: field cpu_usage"},
		"use is not a number": {traceHeader + "a,200000,100000,2,NaN\n", oneMachine, "trace.csv.gz:2: field cpu_usage"},
		"negative cores":      {traceHeader + "a,200000,100000,-2,500\n", oneMachine, "trace.csv.gz:2: field cpu_count"},
		"no row":              {traceHeader, oneMachine, `trace.csv.gz: no row for machine "a"`},
		"bare quote":          {good + "a,\"200000,100000,2,500\n", oneMachine, "trace.csv.gz:"},
		"machine twice":       {good, oneMachine + "a,100000,1000000,2,2000,1024\n", `meta.csv:3: field id: "a" appears twice`},
		"stop before start":   {good, metaHeader + "a,100000,100000,2,2000,1024\n", "meta.csv:2: field stop_time"},
		"no cores":            {good, metaHeader + "a,100000,1000000,0,2000,1024\n", "meta.csv:2: field cpu_count"},
		"too many cores":      {good, metaHeader + "a,100000,1000000,1000000,2000,1024\n", "meta.csv:2: field cpu_count"},
		"no megahertz":        {good, metaHeader + "a,100000,1000000,2,0,1024\n", "meta.csv:2: field cpu_capacity"},
		"no memory":           {good, metaHeader + "a,100000,1000000,2,2000,0\n", "meta.csv:2: field mem_capacity"},
		"longer than 49 days": {traceHeader + "a,4294967296,1000,2,1\n", metaHeader + "a,0,5000000000,2,2000,1024\n", "49 days"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			trace, err := Parse(strings.NewReader(test.trace), strings.NewReader(test.meta))
			if err == nil {
				t.Fatalf("parsed %d machines, want an error with %q", len(trace.VMs), test.want)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %q, want it to say %q", err, test.want)
			}
		})
	}
}

func TestParseReportsBrokenInput(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := Parse(io.MultiReader(strings.NewReader(traceHeader), iotest.ErrReader(broken)), strings.NewReader(oneMachine))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "trace.csv.gz") {
		t.Errorf("error is %v, want it to wrap %q and name the file", err, broken)
	}
}

// TestLoad checks facts about the data that come from reading the files with
// other tools.
func TestLoad(t *testing.T) {
	trace := load(t)
	if len(trace.VMs) != 50 {
		t.Fatalf("got %d machines, want 50", len(trace.VMs))
	}
	if want := time.UnixMilli(1376314546000).UTC(); !trace.Start.Equal(want) {
		t.Errorf("trace starts at %v, want %v", trace.Start, want)
	}
	byID := map[string]*VM{}
	for i := range trace.VMs {
		byID[trace.VMs[i].ID] = &trace.VMs[i]
	}
	full := 30*24*time.Hour + 252*time.Second
	tests := map[string]struct {
		cores       int
		first, last time.Duration
		utilisation float64
	}{
		"205":  {8, 0, full, 0.567612},
		"740":  {32, 0, full, 0.0168554},
		"997":  {8, 0, full, 0.479139},
		"1052": {1, 1472546 * time.Second, 2050401 * time.Second, 0.000841132},
	}
	for id, test := range tests {
		vm := byID[id]
		if vm.Cores != test.cores || vm.First() != test.first || vm.Last() != test.last {
			t.Errorf("machine %s has %d cores over [%v, %v), want %d over [%v, %v)", id,
				vm.Cores, vm.First(), vm.Last(), test.cores, test.first, test.last)
		}
		mean := Curve{VM: vm, Share: 1}.Mean(vm.First(), vm.First()+(vm.Last()-vm.First()).Truncate(day)) / float64(vm.Cores)
		if math.Abs(mean-test.utilisation) > 0.03*test.utilisation {
			t.Errorf("machine %s is busy for %v of its time, want about %v", id, mean, test.utilisation)
		}
	}
}

func load(t testing.TB) *Trace {
	t.Helper()
	trace, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func FuzzParse(f *testing.F) {
	f.Add(traceHeader+"a,200000,100000,2,500\na,400000,100000,2,1\n", oneMachine)
	f.Add(traceHeader+"a,200000,100000,2,500\n", metaHeader+"a,0,5000000000,2,2000,1024\n")
	f.Add(traceHeader+"a,4294967295,1,2,5e9\n", metaHeader+"a,0,5000000000,1,0.1,1024\n")
	f.Add(traceHeader, "")
	f.Fuzz(func(t *testing.T, rows, meta string) {
		trace, err := Parse(strings.NewReader(rows), strings.NewReader(meta))
		if err != nil {
			return
		}
		for i := range trace.VMs {
			vm := &trace.VMs[i]
			if vm.First() < 0 || vm.Last() <= vm.First() || vm.Cores < 1 || vm.MemoryBytes < 1 {
				t.Fatalf("machine %q: %d cores, %d bytes, [%v, %v)", vm.ID, vm.Cores, vm.MemoryBytes, vm.First(), vm.Last())
			}
			curve := Curve{VM: vm, Share: 1}
			for _, at := range []time.Duration{vm.First(), vm.Last() - 1, vm.Last(), -time.Hour, 1000 * time.Hour} {
				if use := curve.CPU(at); use < 0 || math.IsNaN(use) || math.IsInf(use, 0) {
					t.Fatalf("machine %q uses %v cores at %v", vm.ID, use, at)
				}
			}
		}
	})
}
