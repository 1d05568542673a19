package hold

import (
	"context"
	"strings"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"k8s.io/utils/clock"
)

// Runtime is asked how Prometheus was started.
type Runtime interface {
	Runtimeinfo(ctx context.Context) (promv1.RuntimeinfoResult, error)
}

// Retention returns a function that tells how long a Prometheus keeps samples, 0 where it does not say. It asks now and
// then: those that are like Prometheus often do not answer at all.
func Retention(source Runtime, clk clock.Clock) func(ctx context.Context) time.Duration {
	const interval, patience = 10 * time.Minute, 5 * time.Second
	var asked time.Time
	var known time.Duration
	return func(ctx context.Context) time.Duration {
		if now := clk.Now(); asked.IsZero() || now.Sub(asked) >= interval {
			asked = now
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if info, err := source.Runtimeinfo(ctx); err == nil {
				known = retained(info.StorageRetention)
			}
		}
		return known
	}
}

// retained reads a retention such as "15d or 10GiB". One by size alone says nothing of time.
func retained(text string) time.Duration {
	for part := range strings.SplitSeq(text, " or ") {
		if d, err := model.ParseDuration(part); err == nil {
			return time.Duration(d)
		}
	}
	return 0
}
