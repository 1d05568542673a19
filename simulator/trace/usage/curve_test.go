package usage

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// walk is the dumb twin of Curve.At: it goes there step by step.
func walk(s *Series, offset int, one float64, at time.Duration) int64 {
	i := offset
	for ; at >= s.Step; at -= s.Step {
		i++
		if i == len(s.Values) {
			i = 0
		}
	}
	return int64(math.Round(float64(s.Values[i]) * one))
}

func TestCurveAgreesWithAWalk(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := &Series{Step: time.Duration(1+random.IntN(600)) * time.Second}
		for range 1 + random.IntN(20) {
			s.Values = append(s.Values, random.Float32())
		}
		offset, one := random.IntN(len(s.Values)), float64(random.IntN(8000))
		at := time.Duration(random.IntN(100_000)) * time.Second
		curve := &Curve{from: s, offset: int64(offset), one: one}
		if got, want := curve.At(at), walk(s, offset, one, at); got != want {
			t.Fatalf("At(%v) of %d values of %v from %d on: got %d, want %d", at, len(s.Values), s.Step, offset, got, want)
		}
	}
}

func TestCurve(t *testing.T) {
	share := Series{Name: "machine", Step: time.Minute, Values: []float32{0.5}}
	cores := Series{Name: "web", Step: time.Minute, Values: []float32{1, 2, 3}, Cores: true}
	qualified := Series{Name: "shop/db", Step: time.Minute, Values: []float32{4}, Cores: true}
	named := Series{Name: "web", Step: time.Minute, Values: []float32{0.25}}
	tests := map[string]struct {
		series    []Series
		scale     float64
		namespace string
		pod       string
		requested int64
		at        time.Duration
		want      int64
		reason    string
	}{
		"share":            {[]Series{share}, 1, "default", "a", 4000, 0, 2000, "half of the request"},
		"share, scaled":    {[]Series{share}, 1.5, "default", "a", 4000, 0, 3000, "scale multiplies"},
		"share of nothing": {[]Series{share}, 1, "default", "a", 0, 0, 0, "no request, no use"},
		"its own cores":    {[]Series{share, cores}, 1, "default", "web", 100, time.Minute, 2000, "cores whatever was requested, from the beginning"},
		"again":            {[]Series{share, cores}, 1, "default", "web", 100, 4 * time.Minute, 2000, "it repeats"},
		"scaled cores":     {[]Series{cores}, 0.5, "default", "web", 100, 0, 500, "scale multiplies cores too"},
		"by namespace":     {[]Series{share, qualified}, 1, "shop", "db", 100, 0, 4000, "namespace/name is its own"},
		"not its own":      {[]Series{qualified}, 1, "other", "pod", 100, 0, 4000, "cores of another stay cores"},
		"shares of a name": {[]Series{named}, 1, "default", "web", 1000, 0, 250, "a machine's name means nothing"},
		"before the start": {[]Series{cores}, 1, "default", "web", 100, -time.Minute, 3000, "it has no beginning either"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			curve := NewLibrary(test.series, test.scale, 1).Curve(test.namespace, test.pod, test.requested)
			if got := curve.At(test.at); got != test.want {
				t.Errorf("got %d, want %d: %s", got, test.want, test.reason)
			}
		})
	}
}

func many() []Series {
	var all []Series
	for i := range 50 {
		s := Series{Name: fmt.Sprint(i), Step: 5 * time.Minute}
		for j := range 288 {
			s.Values = append(s.Values, float32(i*288+j)/(50*288))
		}
		all = append(all, s)
	}
	return all
}

func TestCurvesFollowFromSeedAndName(t *testing.T) {
	first, again, other := NewLibrary(many(), 1, 7), NewLibrary(many(), 1, 7), NewLibrary(many(), 1, 8)
	differ := 0
	for i := range 100 {
		name := fmt.Sprint("pod-", i)
		a := first.Curve("default", name, 1_000_000).At(0)
		if b := again.Curve("default", name, 1_000_000).At(0); a != b {
			t.Fatalf("%s uses %d and then %d", name, a, b)
		}
		if a != other.Curve("default", name, 1_000_000).At(0) {
			differ++
		}
	}
	if differ < 90 {
		t.Errorf("another seed changed %d of 100 pods", differ)
	}
}

func TestCurvesAreDrawnEvenly(t *testing.T) {
	library := NewLibrary(many(), 1, 1)
	series, offsets := map[string]int{}, map[int64]int{}
	const pods = 20_000
	for i := range pods {
		curve := library.Curve("default", fmt.Sprint("pod-", i), 1)
		series[curve.from.Name]++
		offsets[curve.offset]++
	}
	for name, n := range series {
		if n < pods/50/2 || n > pods/50*2 {
			t.Errorf("series %s has %d of %d pods", name, n, pods)
		}
	}
	if len(series) != 50 || len(offsets) != 288 {
		t.Errorf("%d series at %d offsets", len(series), len(offsets))
	}
}

func TestMoreRequestNeverUsesLess(t *testing.T) {
	library := NewLibrary(many(), 1, 3)
	last := int64(0)
	for requested := int64(0); requested < 100_000; requested += 1000 {
		used := library.Curve("default", "pod", requested).At(time.Hour)
		if used < last || used > requested {
			t.Fatalf("%d requested: %d used after %d", requested, used, last)
		}
		last = used
	}
}

func TestAtDoesNotAllocate(t *testing.T) {
	curve := NewLibrary(many(), 1, 3).Curve("default", "pod", 1000)
	if n := testing.AllocsPerRun(100, func() { curve.At(time.Hour) }); n > 0 {
		t.Errorf("%g allocations", n)
	}
}
