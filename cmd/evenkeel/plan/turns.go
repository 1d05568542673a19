package plan

import (
	"cmp"
	"slices"
	"time"
)

// Turn is one entry of the timetable: a service comes or goes.
type Turn struct {
	At      time.Duration
	Service *Service
	Leaves  bool
}

// Timetable lists the turns of a plan in order of time.
func (p *Plan) Timetable() []Turn {
	var turns []Turn
	for i := range p.Services {
		svc := &p.Services[i]
		turns = append(turns, Turn{At: svc.Arrives, Service: svc})
		if svc.Leaves > 0 {
			turns = append(turns, Turn{At: svc.Leaves, Service: svc, Leaves: true})
		}
	}
	slices.SortStableFunc(turns, func(a, b Turn) int { return cmp.Compare(a.At, b.At) })
	return turns
}
