package capacity

import (
	"errors"
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
		if err := slo.set(part); err != nil {
			return SLO{}, fmt.Errorf("objective %q: %w", part, err)
		}
	}
	return slo, nil
}

func (s *SLO) set(objective string) (err error) {
	name, value, ok := strings.Cut(objective, "<=")
	if !ok {
		name, value, _ = strings.Cut(objective, "=")
	}
	switch name {
	case "pending":
		if s.Pending, err = strconv.Atoi(value); err != nil || s.Pending < 0 {
			return errors.New("want a number of pods, as in pending=0")
		}
	case "p99cpu":
		if s.P99CPU, err = strconv.ParseFloat(value, 64); err != nil || !(s.P99CPU > 0 && s.P99CPU <= 10) {
			return errors.New("want a part of a node's CPU, as in p99cpu<=0.7")
		}
	default:
		return errors.New("there are pending=N and p99cpu<=X")
	}
	return nil
}

// Usage tells that the objectives cannot be judged without knowing what pods use.
func (s *SLO) Usage() bool { return !math.IsNaN(s.P99CPU) }

// kept tells whether an outcome keeps them.
func (s *SLO) kept(o *Outcome) bool {
	return o.Pending <= s.Pending && !(o.P99CPU > s.P99CPU)
}
