package usage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
)

// fake is a Source that a test plays.
type fake struct {
	mu    sync.Mutex
	reads map[Statistic]int
	read  func(ctx context.Context, s Statistic, emit func(Reading)) error
}

func (f *fake) Read(ctx context.Context, s Statistic, emit func(Reading)) error {
	f.mu.Lock()
	if f.reads == nil {
		f.reads = map[Statistic]int{}
	}
	f.reads[s]++
	f.mu.Unlock()
	return f.read(ctx, s, emit)
}

func (f *fake) count(s Statistic) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads[s]
}

// alive is a source where node n always uses value of the CPU, now.
func alive(value float64) func(context.Context, Statistic, func(Reading)) error {
	return func(_ context.Context, _ Statistic, emit func(Reading)) error {
		emit(Reading{Object: Object{Name: "n"}, Sample: Sample{value, time.Now().UnixMilli()}})
		return nil
	}
}

func newCollector(t *testing.T, source Source) (*Collector, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	c, err := NewCollector(Config{}, source, clock.RealClock{}, registry)
	if err != nil {
		t.Fatal(err)
	}
	return c, registry
}

// run runs the collector in a bubble of its own time until the test's body ends.
func run(t *testing.T, source Source, body func(t *testing.T, c *Collector, registry *prometheus.Registry)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, registry := newCollector(t, source)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Run(ctx)
		}()
		body(t, c, registry)
		cancel()
		<-done
	})
}

// metric returns the sum of the series of a metric that have all those label values.
func metric(t *testing.T, registry *prometheus.Registry, name string, values ...string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, family := range families {
		if family.GetName() != "evenkeel_usage_"+name {
			continue
		}
		for _, series := range family.GetMetric() {
			has := map[string]bool{}
			for _, label := range series.GetLabel() {
				has[label.GetValue()] = true
			}
			if !slices.ContainsFunc(values, func(v string) bool { return !has[v] }) {
				sum += series.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestCollectorBeforeFirstRead(t *testing.T) {
	c, _ := newCollector(t, &fake{})
	if s := c.Snapshot(); s == nil || !s.Taken().IsZero() || s.Node("n") != nil {
		t.Errorf("before the first read the snapshot is %v", s)
	}
}

func TestCollectorRefreshes(t *testing.T) {
	source := &fake{read: alive(2)}
	run(t, source, func(t *testing.T, c *Collector, _ *prometheus.Registry) {
		var got []*Snapshot
		c.Subscribe(func(s *Snapshot) {
			if c.Snapshot() != s {
				t.Error("a subscriber was told of what is not current yet")
			}
			got = append(got, s)
		})
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		s := c.Snapshot()
		if age := s.Node("n").Usage[CPU][Mean].Age(time.Now()); age > 17*time.Second {
			t.Errorf("the mean is %v old", age)
		}
		for statistic, want := range map[Statistic][2]int{Mean: {36, 42}, Deviation: {36, 42}, P95: {9, 12}, Peak: {1, 1}, Capacity: {1, 2}} {
			if n := source.count(statistic); n < want[0] || n > want[1] {
				t.Errorf("%s was read %d times in ten minutes, want %v", statistic, n, want)
			}
		}
		for i := 1; i < len(got); i++ {
			if got[i].Taken().Before(got[i-1].Taken()) {
				t.Fatal("snapshots came out of order")
			}
		}
		if len(got) < 45 {
			t.Errorf("subscribers were told %d times", len(got))
		}
	})
}

func TestCollectorSourceLostAndBack(t *testing.T) {
	var down atomic.Bool
	source := &fake{}
	source.read = func(ctx context.Context, s Statistic, emit func(Reading)) error {
		if down.Load() {
			return errors.New("connection refused")
		}
		return alive(2)(ctx, s, emit)
	}
	run(t, source, func(t *testing.T, c *Collector, registry *prometheus.Registry) {
		time.Sleep(time.Minute)
		synctest.Wait()
		down.Store(true)
		before := c.Snapshot().Node("n").Usage[CPU][Mean]
		reads := source.count(Mean)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		after := c.Snapshot().Node("n").Usage[CPU][Mean]
		if after.At-before.At > 15_000 || after.Value != 2 {
			t.Errorf("while the source was down %v became %v", before, after)
		}
		if n := source.count(Mean) - reads; n < 5 || n > 10 {
			t.Errorf("in ten minutes of failure it was asked %d times: it must back off, and must not give up", n)
		}
		down.Store(false)
		time.Sleep(maxBackOff * 15 * time.Second * 11 / 10)
		synctest.Wait()
		if age := c.Snapshot().Node("n").Usage[CPU][Mean].Age(time.Now()); age > time.Minute {
			t.Errorf("after the source came back the mean is still %v old", age)
		}
		if n := metric(t, registry, "refresh_failures_total", "mean", "all"); n < 5 {
			t.Errorf("%v failures were counted", n)
		}
		if n, err := testutil.GatherAndCount(registry); err != nil || n == 0 {
			t.Errorf("gathering: %d, %v", n, err)
		}
	})
}

func TestCollectorDownAtStart(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	source := &fake{}
	source.read = func(ctx context.Context, s Statistic, emit func(Reading)) error {
		if down.Load() {
			return errors.New("connection refused")
		}
		return alive(1)(ctx, s, emit)
	}
	run(t, source, func(t *testing.T, c *Collector, _ *prometheus.Registry) {
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := c.Snapshot(); s == nil || s.Node("n") != nil {
			t.Error("something is known from nothing")
		}
		down.Store(false)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		u := c.Snapshot().Node("n").Usage[CPU]
		if !u[Mean].Known() || !u[Peak].Known() {
			t.Errorf("after five minutes it is %v: the peak must not wait for its interval", u)
		}
	})
}

func TestCollectorHanging(t *testing.T) {
	source := &fake{read: func(ctx context.Context, _ Statistic, _ func(Reading)) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	run(t, source, func(t *testing.T, c *Collector, _ *prometheus.Registry) {
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if n := source.count(Mean); n < 3 {
			t.Errorf("it was asked %d times: a read that hangs must be given up", n)
		}
		if c.Snapshot().Node("n") != nil {
			t.Error("something is known from nothing")
		}
	})
}

func TestCollectorPartialFailure(t *testing.T) {
	source := &fake{read: func(_ context.Context, _ Statistic, emit func(Reading)) error {
		emit(Reading{Object: Object{Name: "n"}, Dimension: CPU, Sample: Sample{1, time.Now().UnixMilli()}})
		return errors.Join(&DimensionError{Network, errors.New("x")}, fmt.Errorf("of pods: %w", &DimensionError{Disk, errors.New("y")}))
	}}
	run(t, source, func(t *testing.T, c *Collector, registry *prometheus.Registry) {
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		u := c.Snapshot().Node("n").Usage
		if age := u[CPU][Mean].Age(time.Now()); age > 17*time.Second {
			t.Errorf("the CPU is %v old: the failure of others held it up", age)
		}
		if u[Network][Mean].Known() {
			t.Error("what failed is known")
		}
		for d, want := range map[string]bool{"network": true, "disk": true, "cpu": false, "all": false} {
			if n := metric(t, registry, "refresh_failures_total", "mean", d); (n > 0) != want {
				t.Errorf("%v failures of %s", n, d)
			}
		}
	})
}

func TestCollectorUnsupported(t *testing.T) {
	source := &fake{}
	source.read = func(ctx context.Context, s Statistic, emit func(Reading)) error {
		if s != Mean {
			return ErrUnsupported
		}
		return alive(1)(ctx, s, emit)
	}
	run(t, source, func(t *testing.T, c *Collector, registry *prometheus.Registry) {
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := source.count(Peak) + source.count(Capacity) + source.count(P95); n != 3 {
			t.Errorf("what a source cannot know was asked %d times", n)
		}
		if n := metric(t, registry, "refresh_failures_total", "peak", "all"); n != 0 {
			t.Errorf("it counts as %v failures", n)
		}
	})
}

func TestCollectorDropsAndCounts(t *testing.T) {
	ms := func(d time.Duration) int64 { return time.Now().Add(d).UnixMilli() }
	source := &fake{read: func(_ context.Context, _ Statistic, emit func(Reading)) error {
		for name, s := range map[string]Sample{
			"nan": {math.NaN(), ms(0)}, "infinite": {math.Inf(1), ms(0)}, "negative": {-1, ms(0)}, "untimed": {1, 0},
			"future": {1, ms(5 * time.Minute)}, "expired": {1, ms(-2 * time.Hour)}, "good": {1, ms(0)}, "stale": {1, ms(-10 * time.Minute)},
		} {
			emit(Reading{Object: Object{Name: name}, Sample: s})
		}
		emit(Reading{Object: Object{Name: "good"}, Sample: Sample{7, ms(0)}})
		return nil
	}}
	synctest.Test(t, func(t *testing.T) {
		c, registry := newCollector(t, source)
		if !c.Refresh(t.Context(), Mean) {
			t.Fatal("nothing was read")
		}
		if c.Snapshot().Node("good").Usage[CPU][Mean].Value != 1 || c.Snapshot().Node("stale") == nil {
			t.Error("what was good is not there")
		}
		if n, _, _ := c.Snapshot().Len(); n != 2 {
			t.Errorf("%d nodes are known, want the two that are good", n)
		}
		for _, why := range []reason{notANumber, infinite, negative, untimed, future, expired, duplicate} {
			if n := metric(t, registry, "dropped_readings_total", string(why)); n != 1 {
				t.Errorf("%v dropped as %s, want 1", n, why)
			}
		}
		problems, err := testutil.GatherAndLint(registry)
		if err != nil || len(problems) > 0 {
			t.Errorf("promlint: %v, %v", problems, err)
		}
	})
}

func TestCollectorForgets(t *testing.T) {
	next := 0
	source := &fake{read: func(_ context.Context, s Statistic, emit func(Reading)) error {
		if s != Mean {
			return ErrUnsupported
		}
		next++ // each pod is there once
		emit(Reading{Object: Object{Namespace: "ns", Name: fmt.Sprint("bare", next, "x")}, Sample: Sample{1, time.Now().UnixMilli()}})
		return nil
	}}
	run(t, source, func(t *testing.T, c *Collector, _ *prometheus.Registry) {
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		if _, pods, workloads := c.Snapshot().Len(); pods > 250 || workloads > 250 {
			t.Errorf("after twelve hours of %d pods, one at a time, %d pods and %d workloads are remembered", next, pods, workloads)
		}
		if rows := len(c.store.pods.Rows); rows > 250 {
			t.Errorf("the slab has %d rows", rows)
		}
	})
}

// All that is read at once, under -race.
func TestCollectorConcurrency(t *testing.T) {
	source := &fake{read: func(_ context.Context, _ Statistic, emit func(Reading)) error {
		for i := range 50 {
			emit(Reading{Object: Object{Namespace: "ns", Name: fmt.Sprint("web-bbbb", i)}, Sample: Sample{1, time.Now().UnixMilli()}})
		}
		return nil
	}}
	cfg := Config{RefreshInterval: metav1.Duration{Duration: 10 * time.Millisecond}, P95Interval: metav1.Duration{Duration: 10 * time.Millisecond}, PeakInterval: metav1.Duration{Duration: 10 * time.Millisecond}}
	c, err := NewCollector(cfg, source, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	enough := make(chan struct{})
	told := 0
	c.Subscribe(func(s *Snapshot) {
		for range s.Pods() {
			told++
		}
		if told > 5000 {
			select {
			case <-enough:
			default:
				close(enough)
			}
		}
	})
	go func() {
		<-enough
		cancel()
	}()
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				u := c.Snapshot().Pod("ns", "web-bbbb7")
				if u != nil && u[CPU][Mean].Known() && u[CPU][Mean].Value != 1 {
					t.Errorf("a reader saw %v", u[CPU])
					return
				}
			}
		})
	}
	c.Run(ctx)
	readers.Wait()
}

// The peaks of pods long gone stay where the next read of them fails.
func TestCollectorKeepsGonePeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failure error
		c, _ := newCollector(t, &fake{read: func(_ context.Context, _ Statistic, emit func(Reading)) error {
			if failure == nil {
				emit(Reading{Object: Object{Namespace: "ns", Name: "web-bbbbb"}, Sample: Sample{9, time.Now().Add(-24 * time.Hour).UnixMilli()}})
			}
			emit(Reading{Object: Object{Namespace: "ns", Name: "web-ccccc"}, Sample: Sample{1, time.Now().UnixMilli()}})
			return failure
		}})
		for _, failure = range []error{nil, errors.New("cut off"), nil} {
			c.Refresh(t.Context(), Peak)
			if u := c.Snapshot().Workload(Workload{Namespace: "ns", Name: "web"}); u[CPU][Peak].Value != 9 {
				t.Errorf("after a read that ended with %v the peak is %v", failure, u[CPU][Peak])
			}
		}
	})
}

func TestBackOff(t *testing.T) {
	for name, tc := range map[string]struct {
		failures          int
		refresh, interval time.Duration
		want              time.Duration
	}{
		"first":            {1, 15 * time.Second, 15 * time.Second, 15 * time.Second},
		"second":           {2, 15 * time.Second, 15 * time.Second, 30 * time.Second},
		"capped":           {50, 15 * time.Second, 15 * time.Second, 2 * time.Minute},
		"peak, first":      {1, 15 * time.Second, 30 * time.Minute, 15 * time.Second},
		"peak, capped":     {90, 15 * time.Second, 30 * time.Minute, 30 * time.Minute},
		"no overflow":      {1 << 20, time.Hour, time.Hour, 8 * time.Hour},
		"never a minute 0": {3, 10 * time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			if got := backOff(tc.failures, tc.refresh, tc.interval); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestPause(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{0: 16 * time.Second, 5 * time.Second: 11 * time.Second, time.Minute: 4 * time.Second} {
		if got := pause(16*time.Second, took); got != want {
			t.Errorf("after %v: %v, want %v", took, got, want)
		}
	}
}

func TestMetricsShared(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, cfg := range []Config{{}, {}, {LoadWatcher: &LoadWatcherConfig{Address: "http://a"}}, {LoadWatcher: &LoadWatcherConfig{Address: "http://b"}}} {
		c, err := NewCollector(cfg, &fake{read: alive(1)}, clock.RealClock{}, registry)
		if err != nil {
			t.Fatalf("one registerer, several collectors: %v", err)
		}
		c.Refresh(t.Context(), Mean)
	}
	n, err := testutil.GatherAndCount(registry, "evenkeel_usage_snapshot_timestamp_seconds")
	if err != nil || n != 3 {
		t.Errorf("%d series, %v: want one for each configuration", n, err)
	}
}
