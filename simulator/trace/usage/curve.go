package usage

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// wholeCore is one core in millicores.
const wholeCore = 1000

// Library hands out curves.
type Library struct {
	series []Series
	own    map[string]*Series
	scale  float64
	seed   int64
}

// NewLibrary makes a library of at least one series, each with a value. Scale multiplies what they say.
func NewLibrary(series []Series, scale float64, seed int64) *Library {
	l := &Library{series: series, own: map[string]*Series{}, scale: scale, seed: seed}
	for i := range series {
		if series[i].Cores {
			l.own[series[i].Name] = &series[i]
		}
	}
	return l
}

// Curve is the curve of a pod that requests so many millicores. A pod with a series of cores of its own name, or of
// namespace/name, plays that from its beginning. Any other draws a series, and the step at which that begins, from the
// seed and its name alone: it keeps its curve whatever other pods there are. Only shares are multiplied by the request.
func (l *Library) Curve(namespace, name string, requested int64) *Curve {
	from, ok := l.own[namespace+"/"+name]
	if !ok {
		from, ok = l.own[name]
	}
	offset := 0
	if !ok {
		random := rand.New(rand.NewPCG(uint64(l.seed), hash(namespace+"/"+name)))
		from = &l.series[random.IntN(len(l.series))]
		offset = random.IntN(len(from.Values))
	}
	one := wholeCore * l.scale
	if !from.Cores {
		one = float64(requested) * l.scale
	}
	return &Curve{from: from, offset: int64(offset), one: one}
}

func hash(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text)) // it cannot fail
	return h.Sum64()
}

// Curve plays a series, which many pods share, for one of them. It repeats.
type Curve struct {
	from   *Series
	offset int64
	one    float64 // millicores that the value 1 stands for
}

// At is what the pod uses, in millicores, at a time since the trace's start.
func (c *Curve) At(at time.Duration) int64 {
	n := int64(len(c.from.Values))
	i := (int64(at/c.from.Step) + c.offset) % n
	if i < 0 {
		i += n
	}
	return int64(math.Round(float64(c.from.Values[i]) * c.one))
}
