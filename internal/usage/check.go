package usage

import (
	"math"
	"time"
)

// reason says why a reading was dropped. It is the label of a metric.
type reason string

// The reasons. Empty: the reading is good.
const (
	notANumber reason = "nan"
	infinite   reason = "infinite"
	negative   reason = "negative"
	duplicate  reason = "duplicate" // the same object and dimension twice in one read
	untimed    reason = "untimed"   // nothing says when it was true
	future     reason = "future"    // truer than now, beyond the tolerated skew
	backward   reason = "backward"  // older than what is held
	expired    reason = "expired"   // older than what is remembered at all
	misplaced  reason = "misplaced" // of nothing that has it: a pod's capacity
)

// reasons lists them, so that each has a metric from the start.
func reasons() []string {
	return []string{
		string(notANumber), string(infinite), string(negative), string(duplicate), string(untimed),
		string(future), string(backward), string(expired), string(misplaced),
	}
}

// bounds are the times between which a reading is believed.
type bounds struct {
	oldest, newest int64 // Unix milliseconds
}

func boundsOf(c *Config, now time.Time) bounds {
	return bounds{
		oldest: now.Add(-c.Retention.Duration).UnixMilli(),
		newest: now.Add(c.MaxSkew.Duration).UnixMilli(),
	}
}

// placed reports whether a reading of a statistic is of something that can have it.
func placed(r Reading, statistic Statistic) bool {
	return r.Object.Name != "" && r.Dimension < Dimensions && (statistic != Capacity || r.Object.Namespace == "")
}

// judge says whether s may take the place of held, and if not why.
func judge(s, held Sample, b bounds) reason {
	switch {
	case math.IsNaN(s.Value):
		return notANumber
	case math.IsInf(s.Value, 0):
		return infinite
	case s.Value < 0:
		return negative
	case s.At <= 0:
		return untimed
	case s.At > b.newest:
		return future
	case s.At < held.At:
		return backward
	case s.At < b.oldest:
		return expired
	default:
		return ""
	}
}
