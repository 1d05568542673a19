package capacity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// SLO is what a cluster must keep.
type SLO struct {
	// Pending is how many pods may wait at once.
	Pending int
	// P99CPU is the utilisation of CPU that nodes stay below for 99 % of the time; NaN: whatever.
	P99CPU float64
}

// ParseSLO reads objectives as a command line has them: pending=0,p99cpu<=0.7.
func ParseSLO(text string) (SLO, error) {
	slo := SLO{P99CPU: math.NaN()}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.ReplaceAll(part, " ", "")
		name, value, ok := strings.Cut(part, "<=")
		if !ok {
			name, value, _ = strings.Cut(part, "=")
		}
		var err error
		switch name {
		case "pending":
			if slo.Pending, err = strconv.Atoi(value); err != nil || slo.Pending < 0 {
				return SLO{}, fmt.Errorf("objective %q: want a number of pods, as in pending=0", part)
			}
		case "p99cpu":
			if slo.P99CPU, err = strconv.ParseFloat(value, 64); err != nil || !(slo.P99CPU > 0 && slo.P99CPU <= 10) {
				return SLO{}, fmt.Errorf("objective %q: want a part of a node's CPU, as in p99cpu<=0.7", part)
			}
		default:
			return SLO{}, fmt.Errorf("objective %q: there are pending=N and p99cpu<=X", part)
		}
	}
	return slo, nil
}

// Usage tells that the objectives cannot be judged without knowing what pods use.
func (s *SLO) Usage() bool { return !math.IsNaN(s.P99CPU) }

// kept tells whether an outcome keeps them.
func (s *SLO) kept(o *Outcome) bool {
	return o.Pending <= s.Pending && !(o.P99CPU > s.P99CPU)
}
