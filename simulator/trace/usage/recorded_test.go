package usage

import (
	"math"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

// recorded is the folder of a real trace.
const recorded = "../../../internal/replay/bitbrains"

func TestARecordedTraceKeepsItsMean(t *testing.T) {
	all, err := Read(recorded, Bitbrains)
	if err != nil {
		t.Fatal(err)
	}
	trace, err := bitbrains.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(trace.VMs) {
		t.Fatalf("%d series of %d machines", len(all), len(trace.VMs))
	}
	for i := range all {
		vm := &trace.VMs[i]
		if all[i].Name != vm.ID || all[i].Cores {
			t.Errorf("series %d is %q, in cores: %v", i, all[i].Name, all[i].Cores)
		}
		var sum float64
		for _, value := range all[i].Values {
			sum += float64(value)
		}
		share := bitbrains.Curve{VM: vm, Offset: vm.First(), Share: 1 / float64(vm.Cores)}
		length := (vm.Last() - vm.First()).Truncate(24 * time.Hour)
		mean, want := sum/float64(len(all[i].Values)), share.Mean(0, length)
		// Rows that slip, and the part of a day at the end, are all that may differ.
		if math.Abs(mean-want) > 0.02*want+0.001 {
			t.Errorf("machine %s: mean share %.4f, recorded %.4f", vm.ID, mean, want)
		}
	}
}

func TestARecordedTraceIsPlayedWithinTheRequest(t *testing.T) {
	all, err := Read(recorded, Bitbrains)
	if err != nil {
		t.Fatal(err)
	}
	library := NewLibrary(all, 1, 1)
	curve := library.Curve("default", "pod", 4000)
	most := int64(0)
	for at := time.Duration(0); at < 40*24*time.Hour; at += time.Hour {
		used := curve.At(at)
		if used < 0 {
			t.Fatalf("%d millicores at %v", used, at)
		}
		most = max(most, used)
	}
	if most == 0 || most > 4400 { // a machine's clock may run a little above its nominal one
		t.Errorf("at most %d of 4000 millicores", most)
	}
}

func TestCurvesStartOverWithTheirSeries(t *testing.T) {
	all, err := Read(recorded, Bitbrains)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		curve := NewLibrary(all, 1, 9).Curve("default", name, 8000)
		period := time.Duration(len(curve.from.Values)) * curve.from.Step
		for at := time.Duration(0); at < period; at += 7 * time.Hour {
			if first, again := curve.At(at), curve.At(at+3*period); first != again {
				t.Fatalf("%s uses %d at %v and %d three periods later", name, first, at, again)
			}
		}
	}
}
