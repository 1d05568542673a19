package usage

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
)

func TestHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int64
		source := &fake{read: alive(3)}
		hub := NewHub(func(context.Context, Config) (Source, error) {
			opened.Add(1)
			return source, nil
		}, clock.RealClock{}, prometheus.NewPedanticRegistry())
		open := func(ctx context.Context, cfg Config) *Collector {
			c, err := hub.Open(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		first, endFirst := context.WithCancel(context.Background())
		second, endSecond := context.WithCancel(context.Background())

		a := open(first, Config{})
		b := open(second, Config{RefreshInterval: metav1.Duration{Duration: 15 * time.Second}})
		if a != b || opened.Load() != 1 {
			t.Errorf("two configurations that mean the same have %d sources", opened.Load())
		}
		other := open(first, Config{RefreshInterval: metav1.Duration{Duration: 5 * time.Second}})
		if other == a || opened.Load() != 2 {
			t.Error("two configurations that differ share a collector")
		}
		time.Sleep(time.Second)
		if a.Snapshot().Node("n") == nil || other.Snapshot().Node("n") == nil {
			t.Error("a collector does not run")
		}

		endFirst()
		taken := other.Snapshot().Taken()
		time.Sleep(time.Minute)
		if time.Since(a.Snapshot().Taken()) > 20*time.Second {
			t.Error("the collector stopped with the first of its two holders")
		}
		if time.Since(other.Snapshot().Taken()) < 50*time.Second {
			t.Errorf("the collector that nobody holds runs on: %v, %v", taken, other.Snapshot().Taken())
		}

		endSecond()
		hub.Wait()
		synctest.Wait()
		third, endThird := context.WithCancel(context.Background())
		if c := open(third, Config{}); c == a {
			t.Error("a collector that has stopped was handed out")
		}
		endThird()
		hub.Wait()
	})
}

func TestHubRefuses(t *testing.T) {
	hub := NewHub(func(context.Context, Config) (Source, error) { return nil, errors.New("no CA") }, clock.RealClock{}, nil)
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"invalid": {Config{Prometheus: &PrometheusConfig{}}, "usage.prometheus.address: Required value"},
		"closed":  {Config{}, "opening the usage source metricsapi: no CA"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := hub.Open(t.Context(), tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	hub.Wait()
}
