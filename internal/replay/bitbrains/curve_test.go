package bitbrains

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// machineOf makes a machine from rows of {end in minutes, cores}; negative cores
// are a hole.
func machineOf(first uint32, rows ...[2]float64) *VM {
	vm := &VM{ID: "made", Cores: 4, first: first * 60_000}
	held := 0.0
	for _, row := range rows {
		known := row[1] >= 0
		if known {
			held = row[1]
		}
		vm.append(int64(row[0]*60_000), float32(held), known)
	}
	return vm
}

// scan is the dumb twin of VM.CPU.
func scan(v *VM, at time.Duration) (float64, bool) {
	begin := millis(v.first)
	for i, ms := range v.ends {
		end := time.Duration(ms) * time.Millisecond
		if begin <= at && at < end {
			if !v.known[i] {
				return 0, false
			}
			return float64(v.cores[i]), true
		}
		begin = end
	}
	return 0, false
}

// scanCurve is the dumb twin of Curve.CPU: it walks to the position day by day.
func scanCurve(c Curve, at time.Duration) float64 {
	period := c.VM.Last() - c.VM.First()
	if period >= day {
		period -= period % day
	}
	at += c.Offset
	for at < c.VM.First() {
		at += period
	}
	for at >= c.VM.First()+period {
		at -= period
	}
	for {
		if cores, ok := scan(c.VM, at); ok {
			return cores * c.Share
		}
		at -= time.Second / 2 // out of the hole, backwards
	}
}

func TestVMAgreesWithALinearScan(t *testing.T) {
	trace := load(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		vm := &trace.VMs[random.IntN(len(trace.VMs))]
		at := time.Duration(random.Int64N(int64(32*day))) - day
		if random.IntN(2) == 0 { // on a row's edge
			at = millis(vm.ends[random.IntN(len(vm.ends))]) - time.Duration(random.IntN(2))
		}
		got, ok := vm.CPU(at)
		want, wantOK := scan(vm, at)
		if got != want || ok != wantOK {
			t.Fatalf("machine %s at %v: got %v, %v, want %v, %v", vm.ID, at, got, ok, want, wantOK)
		}
	}
}

func TestCurveAgreesWithALinearScan(t *testing.T) {
	vms := map[string]*VM{
		"minutes": machineOf(3, [2]float64{5, 1}, [2]float64{6, 3}, [2]float64{11, 0}),
		"hole":    machineOf(0, [2]float64{1, 2}, [2]float64{2, -1}, [2]float64{4, 1}),
		"days":    machineOf(60, [2]float64{600, 2}, [2]float64{3000, 5}, [2]float64{3100, -1}, [2]float64{3200, 7}),
	}
	random := rand.New(rand.NewPCG(3, 4))
	for name, vm := range vms {
		t.Run(name, func(t *testing.T) {
			for range 300 {
				curve := Curve{VM: vm, Share: 0.5, Offset: time.Duration(random.IntN(10_000)) * time.Second}
				at := time.Duration(random.IntN(2_000_000)-1_000_000) * time.Second / 2
				if got, want := curve.CPU(at), scanCurve(curve, at); got != want {
					t.Fatalf("CPU(%v) from %v = %v, want %v", at, curve.Offset, got, want)
				}
			}
		})
	}
}

func TestCurveRepeatsByWholeDays(t *testing.T) {
	// 26 hours: the last two are cut, so that hour h is always hour h.
	vm := machineOf(0, [2]float64{60, 1}, [2]float64{24 * 60, 2}, [2]float64{26 * 60, 9})
	curve := Curve{VM: vm, Share: 2}
	for _, midnight := range []time.Duration{-72 * time.Hour, 0, 24 * time.Hour, 960 * time.Hour} {
		if got := curve.CPU(midnight + 30*time.Minute); got != 2 {
			t.Errorf("half an hour after %v: %v cores, want 2", midnight, got)
		}
		if got := curve.CPU(midnight + 90*time.Minute); got != 4 {
			t.Errorf("an hour and a half after %v: %v cores, want 4", midnight, got)
		}
	}
}

// TestMeanIsTheSumOfItsSeconds compares Mean with summing up every second, and
// checks that a stretch may be cut anywhere.
func TestMeanIsTheSumOfItsSeconds(t *testing.T) {
	vm := machineOf(1, [2]float64{2, 1}, [2]float64{2.5, 3}, [2]float64{4, 0.25})
	random := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		curve := Curve{VM: vm, Share: 3, Offset: time.Duration(random.IntN(300)) * time.Second}
		from := time.Duration(random.IntN(600)-300) * time.Second
		length := 1 + random.IntN(400)
		to := from + time.Duration(length)*time.Second
		var sum float64
		for second := range length {
			sum += curve.CPU(from + time.Duration(second)*time.Second)
		}
		got := curve.Mean(from, to)
		if want := sum / float64(length); math.Abs(got-want) > 1e-9 {
			t.Fatalf("Mean(%v, %v) from %v = %v, want %v", from, to, curve.Offset, got, want)
		}
		cut := from + (to-from)/3
		parts := (curve.Mean(from, cut)*float64(cut-from) + curve.Mean(cut, to)*float64(to-cut)) / float64(to-from)
		if math.Abs(got-parts) > 1e-9 {
			t.Fatalf("Mean(%v, %v) = %v, but %v in two parts", from, to, got, parts)
		}
	}
}

func TestMeanOfNothingIsTheValueThere(t *testing.T) {
	curve := Curve{VM: machineOf(0, [2]float64{1, 1}, [2]float64{2, 3}), Share: 1}
	if got := curve.Mean(time.Minute, time.Minute); got != 3 {
		t.Errorf("Mean of an empty stretch is %v, want the 3 cores used there", got)
	}
}

func BenchmarkMean(b *testing.B) {
	trace := load(b)
	curve := Curve{VM: &trace.VMs[0], Share: 1}
	at := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		curve.Mean(at, at+5*time.Minute)
		at += 5 * time.Minute
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b)
	}
}
