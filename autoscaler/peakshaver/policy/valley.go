package policy

import (
	"cmp"
	"slices"
	"time"
)

// Waiting is a Job that waits for room when its window has closed.
type Waiting struct {
	Namespace, Name string
	// LatestStart so that it meets its deadline; zero without one.
	LatestStart time.Time
	Created     time.Time
	// CPU that it is believed to use, in millicores.
	CPU int64
}

// Admit fills room, in millicores of CPU, with Jobs that wait: those with the earliest latest start first, those without
// a deadline last, then the oldest. One that does not fit is passed over for smaller ones; its deadline releases it. The
// waiting may come in any order; those admitted are returned in theirs.
func Admit(room int64, waiting []Waiting) []Waiting {
	waiting = slices.Clone(waiting)
	slices.SortFunc(waiting, func(a, b Waiting) int {
		if a.LatestStart.IsZero() != b.LatestStart.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.LatestStart.IsZero()]
		}
		return cmp.Or(a.LatestStart.Compare(b.LatestStart), a.Created.Compare(b.Created),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	var admitted []Waiting
	for _, w := range waiting {
		if w.CPU <= room {
			room -= max(0, w.CPU)
			admitted = append(admitted, w)
		}
	}
	return admitted
}

// LatestStart is when a Job must start at the latest so that it meets its deadline, by the policies that select it;
// zero without a deadline.
func (m *Moment) LatestStart(o *Object) time.Time {
	var earliest time.Time
	for _, p := range m.policies {
		if o.Job == nil || p.broken || !p.Selects(o) {
			continue
		}
		if latest, ok := p.latestStart(o.Job); ok && (earliest.IsZero() || latest.Before(earliest)) {
			earliest = latest
		}
	}
	return earliest
}
