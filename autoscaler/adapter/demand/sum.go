package demand

import (
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Sum adds up the parts of a total in whole thousandths, so that their order does not matter. A part that an answer lacks
// keeps its last value for a while: an exporter that is late for once must not lower the total.
type Sum struct {
	fresh time.Duration
	parts map[string]part
}

type part struct {
	milli int64
	heard time.Time
}

// NewSum returns a sum of nothing. A part counts for as long as fresh after it was last heard of.
func NewSum(fresh time.Duration) *Sum { return &Sum{fresh: fresh, parts: map[string]part{}} }

// Add takes the value of a part at a tick.
func (s *Sum) Add(tick time.Time, name string, milli int64) {
	s.parts[name] = part{milli: milli, heard: tick}
}

// At is the total at a tick in thousandths; false where no part is known.
func (s *Sum) At(tick time.Time) (milli int64, ok bool) {
	for name, p := range s.parts {
		if tick.Sub(p.heard) > s.fresh {
			delete(s.parts, name)
			continue
		}
		milli = min(milli+p.milli, 2*window.MaxDemand) // which the window refuses
	}
	return milli, len(s.parts) > 0
}
