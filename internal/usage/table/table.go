// Package table keeps rows that a snapshot can be made of with one copy.
package table

import (
	"maps"
	"slices"
)

// Table keeps rows side by side in one slab, so that freezing them into a
// snapshot is one copy and no garbage per row. Rows move when the slab grows:
// a pointer to one is good until the next Add. The zero Table is empty.
type Table[K comparable, V any] struct {
	// Index has the row of each key, Rows the rows and Keys their keys: the zero K
	// where a row is free. They are there to be read, and the rows to be written.
	Index map[K]int32
	Keys  []K
	Rows  []V
	free  []int32
	// frozen says that a View reads Index and Keys: the next change copies them first.
	frozen bool
}

// Find returns the row of k, -1 where there is none.
func (t *Table[K, V]) Find(k K) int32 {
	if i, ok := t.Index[k]; ok {
		return i
	}
	return -1
}

// Add returns the row of k, a new zero one where there was none.
func (t *Table[K, V]) Add(k K) int32 {
	if i, ok := t.Index[k]; ok {
		return i
	}
	t.thaw()
	var i int32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
		t.Keys[i] = k
	} else {
		i = int32(len(t.Rows))
		var zero V
		t.Keys, t.Rows = append(t.Keys, k), append(t.Rows, zero)
	}
	t.Index[k] = i
	return i
}

// Remove forgets k and zeroes its row.
func (t *Table[K, V]) Remove(k K) {
	i, ok := t.Index[k]
	if !ok {
		return
	}
	t.thaw()
	delete(t.Index, k)
	var (
		key K
		row V
	)
	t.Keys[i], t.Rows[i] = key, row
	t.free = append(t.free, i)
}

// Clear forgets all keys, and keeps the room of the rows.
func (t *Table[K, V]) Clear() {
	room := len(t.Index)
	*t = Table[K, V]{Index: make(map[K]int32, room), Keys: make([]K, 0, room), Rows: t.Rows[:0]}
}

// thaw makes Index and Keys ours alone to change.
func (t *Table[K, V]) thaw() {
	if t.Index == nil {
		t.Index = map[K]int32{}
	}
	if t.frozen {
		t.Index, t.Keys, t.frozen = maps.Clone(t.Index), slices.Clone(t.Keys), false
	}
}

// Freeze returns the table as it is now, never to change.
func (t *Table[K, V]) Freeze() View[K, V] {
	return Share(t, slices.Clone(t.Rows))
}

// Share returns a View with the keys of t as they are now, and other rows. It is
// a function because a method cannot have another type of row.
func Share[K comparable, V, W any](t *Table[K, V], rows []W) View[K, W] {
	t.frozen = true
	return View[K, W]{index: t.Index, keys: t.Keys, rows: rows}
}

// View is a Table that does not change.
type View[K comparable, V any] struct {
	index map[K]int32
	keys  []K
	rows  []V
}

// Get returns the row of k, nil where there is none.
func (v View[K, V]) Get(k K) *V {
	if i, ok := v.index[k]; ok {
		return &v.rows[i]
	}
	return nil
}

// Near is Get for a key, not the zero one, that is asked for again and again. It
// first looks at the row that it returned the last time, of whichever View.
func (v View[K, V]) Near(k K, row int32) (*V, int32) {
	if uint(row) < uint(len(v.keys)) && v.keys[row] == k {
		return &v.rows[row], row
	}
	if i, ok := v.index[k]; ok {
		return &v.rows[i], i
	}
	return nil, row
}

// Len is how many keys there are.
func (v View[K, V]) Len() int { return len(v.index) }

// All goes through the rows, in no order.
func (v View[K, V]) All(yield func(K, *V) bool) {
	for k, i := range v.index {
		if !yield(k, &v.rows[i]) {
			return
		}
	}
}
