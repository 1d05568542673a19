package demand

import (
	"math/rand/v2"
	"testing"
	"time"
)

// heard is all that a sum was ever told.
type heard struct {
	tick  int
	name  string
	milli int64
}

// TestSum asks a twin that goes through everything from the beginning.
func TestSum(t *testing.T) {
	const step, fresh = 15 * time.Second, time.Minute
	random := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		sum := NewSum(fresh)
		var all []heard
		for tick := range 100 {
			at := time.Unix(0, 0).Add(time.Duration(tick) * step)
			for _, name := range []string{"a", "b", "c"} {
				if random.IntN(5) == 0 {
					h := heard{tick, name, random.Int64N(1000)}
					all = append(all, h)
					sum.Add(at, name, h.milli)
				}
			}
			last := map[string]heard{}
			for _, h := range all {
				last[h.name] = h
			}
			want, known := int64(0), false
			for _, h := range last {
				if time.Duration(tick-h.tick)*step <= fresh {
					want, known = want+h.milli, true
				}
			}
			if got, ok := sum.At(at); got != want || ok != known {
				t.Fatalf("at tick %d it is %d, %t, want %d, %t", tick, got, ok, want, known)
			}
		}
	}
}
