package explain

import "time"

// podKey names a pod.
type podKey struct{ namespace, name string }

func (k podKey) String() string { return k.namespace + "/" + k.name }

// entry is a Record as it is kept: candidates share one slice of scores, and
// all entries of a profile share the plugins' names.
type entry struct {
	record  Record
	plugins []string
	scores  []int64 // len(plugins) for each candidate in turn
}

// slot is a place in the ring.
type slot struct {
	entry
	seq  uint64 // from 1; a slot that was written over has another
	prev uint64 // seq of the pod's previous attempt, 0 for none
}

// ring keeps the last entries, and finds those of a pod. It is not safe for
// concurrent use.
type ring struct {
	capacity int
	slots    []slot
	last     uint64 // seq of the newest
	newest   map[podKey]uint64
}

func newRing(capacity int) *ring {
	return &ring{capacity: capacity, newest: map[podKey]uint64{}}
}

// find returns the slot of seq, nil where it was written over.
func (r *ring) find(seq uint64) *slot {
	if seq == 0 {
		return nil
	}
	i := int((seq - 1) % uint64(r.capacity))
	if i >= len(r.slots) || r.slots[i].seq != seq {
		return nil
	}
	return &r.slots[i]
}

// add keeps e. A pod that waits takes one place however often it is tried: an
// unschedulable attempt is replaced by the next one that is.
func (r *ring) add(e entry) {
	key := podKey{e.record.Namespace, e.record.Name}
	prev := r.newest[key]
	if s := r.find(prev); s != nil && sameWait(&s.record, &e.record) {
		s.entry = e
		return
	}
	r.last++
	s := slot{entry: e, seq: r.last, prev: prev}
	if len(r.slots) < r.capacity {
		r.slots = append(r.slots, s)
	} else {
		place := &r.slots[(r.last-1)%uint64(r.capacity)]
		old := podKey{place.record.Namespace, place.record.Name}
		if r.newest[old] == place.seq {
			delete(r.newest, old)
		}
		*place = s
	}
	r.newest[key] = r.last
}

func sameWait(old, next *Record) bool {
	return old.UID == next.UID && old.Outcome == Unschedulable && next.Outcome == Unschedulable
}

// latest returns the newest entry of a pod, nil where none is kept.
func (r *ring) latest(key podKey) *entry {
	if s := r.find(r.newest[key]); s != nil {
		return &s.entry
	}
	return nil
}

// all returns copies of the entries kept for a pod, the newest first.
func (r *ring) all(key podKey) []Record {
	var records []Record
	for s := r.find(r.newest[key]); s != nil; s = r.find(s.prev) {
		records = append(records, s.full())
	}
	return records
}

// oldest is when the oldest kept attempt began; zero for an empty ring.
func (r *ring) oldest() time.Time {
	if len(r.slots) == 0 {
		return time.Time{}
	}
	if len(r.slots) < r.capacity {
		return r.slots[0].record.At
	}
	return r.slots[r.last%uint64(r.capacity)].record.At
}

// full returns the record with the scores of its candidates filled in.
func (e *entry) full() Record {
	record := e.record
	record.Candidates = append([]Candidate(nil), record.Candidates...)
	if len(e.plugins) == 0 {
		return record
	}
	for i := range record.Candidates {
		first := i * len(e.plugins)
		scores := make([]Score, len(e.plugins))
		for j, plugin := range e.plugins {
			scores[j] = Score{Plugin: plugin, Score: e.scores[first+j]}
		}
		record.Candidates[i].Scores = scores
	}
	return record
}
