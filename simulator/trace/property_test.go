package trace

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

func demandOf(pods []Pod) int64 {
	var sum int64
	for i := range pods {
		sum += PodGPUMilli(pods[i].Object)
	}
	return sum
}

// TestTuneEndsWithinOnePod holds for any list: adding overshoots by less than the largest pod, dropping falls short by
// less than that.
func TestTuneEndsWithinOnePod(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		shares, largest := make([]int64, 1+random.IntN(30)), int64(0)
		for i := range shares {
			shares[i] = random.Int64N(1000)
			largest = max(largest, shares[i])
		}
		if largest == 0 {
			continue
		}
		pods, nodes, share := podsOf(shares...), gpuNodes(1+random.Int64N(8)), 0.1+2*random.Float64()
		target := share * float64(NodeGPUMilli(nodes[0]))
		tuned, err := Tune(pods, nodes, share, random.Int64())
		if err != nil {
			t.Fatal(err)
		}
		if off := float64(demandOf(tuned)) - target; off > float64(largest) || off < -float64(largest) {
			t.Fatalf("%v tuned to %.0f ask for %d", shares, target, demandOf(tuned))
		}
	}
}

func TestTuneToMoreNeverAsksForLess(t *testing.T) {
	pods, nodes := podsOf(100, 900, 250, 460), gpuNodes(4)
	last := int64(0)
	for share := 0.1; share < 3; share += 0.1 {
		tuned, err := Tune(pods, nodes, share, 5)
		if err != nil {
			t.Fatal(err)
		}
		if demand := demandOf(tuned); demand < last {
			t.Fatalf("at %.1f they ask for %d, before for %d", share, demand, last)
		}
		last = demandOf(tuned)
	}
}

func TestScaleKeepsTheMix(t *testing.T) {
	shares := make([]int64, 200)
	for i := range shares {
		shares[i] = int64(1 + i%10*100)
	}
	pods := podsOf(shares...)
	for _, factor := range []float64{0.5, 1.25, 2, 3.75} {
		scaled := Scale(pods, factor, 3)
		got, want := float64(demandOf(scaled)), factor*float64(demandOf(pods))
		if got < 0.9*want || got > 1.1*want {
			t.Errorf("scaled by %g they ask for %.0f, want about %.0f", factor, got, want)
		}
	}
}

// uses are what pods use at some hours, by name.
func uses(pods []Pod) map[string]string {
	all := map[string]string{}
	for _, pod := range pods {
		for hour := range 5 {
			all[pod.Object.Name] += fmt.Sprint(pod.Curve.At(time.Duration(hour)*time.Hour), " ")
		}
	}
	return all
}

func TestAPodKeepsItsCurveWhateverOthersThereAre(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	var series []usage.Series
	for i := range 20 {
		s := usage.Series{Name: fmt.Sprint(i), Step: 5 * time.Minute}
		for range 100 {
			s.Values = append(s.Values, random.Float32())
		}
		series = append(series, s)
	}
	pods := podsOf(make([]int64, 60)...)
	all := uses(Join(pods, series, 1, 4))
	some := uses(Join(pods[20:40], series, 1, 4))
	maps.DeleteFunc(all, func(name, _ string) bool { return some[name] == "" })
	if diff := cmp.Diff(all, some); diff != "" {
		t.Errorf("-among all +among some\n%s", diff)
	}
	other := uses(Join(pods, series, 1, 5))
	same := 0
	for name, use := range all {
		if other[name] == use {
			same++
		}
	}
	if same > 2 {
		t.Errorf("another seed leaves %d of %d curves as they are", same, len(all))
	}
}

func TestJoinScalesInProportion(t *testing.T) {
	series := []usage.Series{{Name: "a", Step: time.Minute, Values: []float32{0.1, 0.5, 0.9}}}
	pods := podsOf(0)
	for at := time.Duration(0); at < 10*time.Minute; at += time.Minute {
		one, three := Join(pods, series, 1, 1)[0].Curve.At(at), Join(pods, series, 3, 1)[0].Curve.At(at)
		if off := three - 3*one; off < -2 || off > 2 {
			t.Errorf("at %v it uses %d, and three times that is %d", at, one, three)
		}
	}
}
