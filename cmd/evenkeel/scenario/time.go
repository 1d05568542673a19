package scenario

import (
	"context"
	"time"

	"k8s.io/utils/clock"
)

// Every calls f at once and then each period until the context ends.
func Every(ctx context.Context, c clock.WithTicker, period time.Duration, f func()) {
	t := c.NewTicker(period)
	defer t.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-t.C():
		}
	}
}
