package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
)

var _ usage.Source = (*Source)(nil)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fake is a usage.Source that a test plays.
type fake struct {
	read func(context.Context, usage.Statistic, func(usage.Reading)) error
}

func (f *fake) Read(ctx context.Context, s usage.Statistic, emit func(usage.Reading)) error {
	return f.read(ctx, s, emit)
}

// meansOnly is a source of one node's means.
func meansOnly(value func() usage.Sample) *fake {
	return &fake{read: func(_ context.Context, s usage.Statistic, emit func(usage.Reading)) error {
		if s != usage.Mean {
			return usage.ErrUnsupported
		}
		emit(usage.Reading{Object: usage.Object{Name: "n"}, Sample: value()})
		return nil
	}}
}

func readOne(t *testing.T, s usage.Source, statistic usage.Statistic) (usage.Sample, bool) {
	t.Helper()
	var out usage.Sample
	n := 0
	if err := s.Read(context.Background(), statistic, func(r usage.Reading) { out, n = r.Sample, n+1 }); err != nil {
		t.Fatalf("reading %s: %v", statistic, err)
	}
	return out, n > 0
}

func TestHistory(t *testing.T) {
	clock := clocktesting.NewFakeClock(noon)
	value := 0.0
	h := New(meansOnly(func() usage.Sample { return usage.Sample{Value: value, At: clock.Now().UnixMilli()} }), usage.Config{}, usage.HistoryConfig{}, clock)
	known := map[usage.Statistic]time.Duration{}
	for at := time.Duration(0); at <= 3*time.Hour; at += 15 * time.Second {
		value = float64(int(at.Minutes()) % 20) // a saw of twenty minutes
		if _, ok := readOne(t, h, usage.Mean); !ok {
			t.Fatal("the mean does not come through")
		}
		for _, statistic := range []usage.Statistic{usage.Deviation, usage.P95} {
			if _, ok := readOne(t, h, statistic); ok && known[statistic] == 0 {
				known[statistic] = at
			}
		}
		clock.Step(15 * time.Second)
	}
	if d := known[usage.Deviation]; d < 7*time.Minute || d > 8*time.Minute {
		t.Errorf("the deviation is known after %v, want half of fifteen minutes", d)
	}
	if d := known[usage.P95]; d < 29*time.Minute || d > 31*time.Minute {
		t.Errorf("the 95th percentile is known after %v, want half an hour", d)
	}
	// The last hour has each of 0…19 three times.
	if p95, _ := readOne(t, h, usage.P95); p95.Value != 18 || p95.At != clock.Now().Add(-15*time.Second).UnixMilli() {
		t.Errorf("the 95th percentile is %v", p95)
	}
	// The last fifteen points are 6…19 and 0.
	points := []float64{0}
	for v := 6; v <= 19; v++ {
		points = append(points, float64(v))
	}
	want, _ := deviationOf(points)
	if got, _ := readOne(t, h, usage.Deviation); math.Abs(got.Value-want) > 1e-6 {
		t.Errorf("the deviation is %v, want %v", got.Value, want)
	}
	if err := h.Read(t.Context(), usage.Peak, nil); !errors.Is(err, usage.ErrUnsupported) {
		t.Errorf("the peak gives %v", err)
	}
}

func TestHistoryBadReadings(t *testing.T) {
	clock := clocktesting.NewFakeClock(noon)
	step := 0
	bad := []usage.Sample{
		{Value: math.NaN(), At: 0}, {Value: 5, At: 1 << 62}, {Value: -9, At: noon.UnixMilli()},
		{Value: math.Inf(1), At: noon.UnixMilli()}, {Value: 1, At: 0},
	}
	h := New(meansOnly(func() usage.Sample {
		step++
		if step%2 == 0 {
			return bad[step/2%len(bad)]
		}
		return usage.Sample{Value: 4, At: clock.Now().UnixMilli()}
	}), usage.Config{}, usage.HistoryConfig{}, clock)
	for range 200 {
		readOne(t, h, usage.Mean)
		clock.Step(30 * time.Second)
	}
	if got, ok := readOne(t, h, usage.P95); !ok || got.Value != 4 {
		t.Errorf("the 95th percentile of fours and nonsense is %v", got)
	}
	if got, ok := readOne(t, h, usage.Deviation); !ok || got.Value != 0 {
		t.Errorf("the deviation of fours and nonsense is %v", got)
	}
}

func TestHistoryGap(t *testing.T) {
	clock := clocktesting.NewFakeClock(noon)
	h := New(meansOnly(func() usage.Sample { return usage.Sample{Value: 4, At: clock.Now().UnixMilli()} }), usage.Config{}, usage.HistoryConfig{}, clock)
	for range 60 {
		readOne(t, h, usage.Mean)
		clock.Step(time.Minute)
	}
	clock.Step(50 * time.Minute)
	readOne(t, h, usage.Mean)
	if got, ok := readOne(t, h, usage.Deviation); ok {
		t.Errorf("of one point in fifteen minutes the deviation is %v", got)
	}
	clock.Step(3 * time.Hour)
	readOne(t, h, usage.Mean)
	if got, ok := readOne(t, h, usage.P95); ok {
		t.Errorf("of one point in an hour the 95th percentile is %v", got)
	}
}

func TestHistoryForgets(t *testing.T) {
	clock := clocktesting.NewFakeClock(noon)
	next := 0
	h := New(&fake{read: func(_ context.Context, _ usage.Statistic, emit func(usage.Reading)) error {
		next++
		emit(usage.Reading{Object: usage.Object{Name: fmt.Sprint(next)}, Sample: usage.Sample{Value: 1, At: clock.Now().UnixMilli()}})
		return nil
	}}, usage.Config{}, usage.HistoryConfig{Deviation: minutes(2), Hour: minutes(10), Step: minutes(1)}, clock)
	for range 1000 {
		if err := h.Read(t.Context(), usage.Mean, func(usage.Reading) {}); err != nil {
			t.Fatal(err)
		}
		clock.Step(time.Minute)
	}
	if n := len(h.slab); n > 70*10 {
		t.Errorf("after a thousand objects, sixty at a time, %d points are kept", n)
	}
}

func TestHistoryPassesOn(t *testing.T) {
	source := &fake{read: func(_ context.Context, _ usage.Statistic, emit func(usage.Reading)) error {
		emit(usage.Reading{Object: usage.Object{Name: "n"}, Sample: usage.Sample{Value: 7, At: time.Now().UnixMilli()}})
		return nil
	}}
	h := New(source, usage.Config{}, usage.HistoryConfig{}, clock.RealClock{})
	for _, statistic := range []usage.Statistic{usage.Mean, usage.Deviation, usage.P95, usage.Peak, usage.Capacity} {
		if got, ok := readOne(t, h, statistic); !ok || got.Value != 7 {
			t.Errorf("%s, which the source knows, is %v", statistic, got)
		}
	}
	failure := errors.New("down")
	source.read = func(context.Context, usage.Statistic, func(usage.Reading)) error { return failure }
	for _, statistic := range []usage.Statistic{usage.Mean, usage.Deviation} {
		if err := h.Read(t.Context(), statistic, func(usage.Reading) {}); !errors.Is(err, failure) {
			t.Errorf("%s of a source that is down gives %v", statistic, err)
		}
	}
}

func minutes(n int) metav1.Duration {
	return metav1.Duration{Duration: time.Duration(n) * time.Minute}
}
