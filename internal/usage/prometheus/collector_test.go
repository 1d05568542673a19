package prometheus

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// A Collector over a real engine, while the world moves on: beta's exporter dies
// three minutes before the world's end, and with the end all do.
func TestCollectorOnRealEngine(t *testing.T) {
	w := world{speed: 1, now: time.Date(2026, 11, 21, 12, 0, 7, 0, time.UTC)}
	db := openDB(t)
	last := w.ago(5 * time.Second)
	record(t, db, w.curves(), last.Add(-time.Hour), last, 15*time.Second)
	server := serve(t, db, w.now)
	cfg := w.config(server.URL)
	open := func() *usage.Collector {
		source, err := New(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		collector, err := usage.NewCollector(cfg, source, clocktesting.NewFakeClock(w.now), nil)
		if err != nil {
			t.Fatal(err)
		}
		return collector
	}
	at := func(c *usage.Collector, now time.Time) *usage.Snapshot {
		server.now = now
		c.Refresh(t.Context())
		return c.Snapshot()
	}
	mean := func(s *usage.Snapshot, node string) usage.Sample {
		if n := s.Node(node); n != nil {
			return n.Usage[usage.CPU][usage.Mean]
		}
		return usage.Sample{}
	}

	c := open()
	died := w.lastBefore(last, deadFor).UnixMilli()
	if got := mean(at(c, w.ago(deadFor)), "beta"); got.Value < 1.19 || got.At != died {
		t.Errorf("while beta lives its mean is %v, want 1.2 at %d", got, died)
	}
	for _, later := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute} {
		s := at(c, w.ago(deadFor-later))
		if got := mean(s, "beta"); got.Value < 1.19 || got.At != died {
			t.Errorf("%v after beta's exporter died its mean is %v, want 1.2 at %d", later, got, died)
		}
		if got := mean(s, "alpha"); got.Value < 1.19 || got.At <= died {
			t.Errorf("alpha, which lives on, has %v", got)
		}
	}
	if s := at(c, w.now.Add(10*time.Minute)); mean(s, "alpha").At != last.UnixMilli() {
		t.Errorf("ten minutes after all died alpha has %v, want its last, at %d", mean(s, "alpha"), last.UnixMilli())
	}

	c = open() // as after a restart
	if s := at(c, w.now); mean(s, "beta").Known() || !mean(s, "alpha").Known() {
		t.Errorf("beta, long dead, has a mean of %v: what is left of its rate is not its load", mean(s, "beta"))
	}
	c = open()
	s := at(c, w.now.Add(10*time.Minute))
	if mean(s, "alpha").Known() {
		t.Errorf("alpha, ten minutes dead, has a mean of %v", mean(s, "alpha"))
	}
	// Its 95th percentile is still that of the hour, as old as it is.
	if p95 := s.Node("alpha").Usage[usage.CPU][usage.P95]; p95.Value < 1.19 || last.UnixMilli()-p95.At > (3*time.Minute).Milliseconds() || p95.At > last.UnixMilli() {
		t.Errorf("its 95th percentile is %v", p95)
	}
	// The fake clock stands at the world's end, where one pod lives and one is
	// half an hour gone: both teach.
	u := s.Workload(usage.Workload{Namespace: shop, Name: "web"})
	if u == nil || u[usage.CPU][usage.P95].Value < 0.99 {
		t.Errorf("what one web uses is %v", u)
	}
}
