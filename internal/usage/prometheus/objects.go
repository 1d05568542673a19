package prometheus

import (
	"bytes"
	"sync"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// objects remembers the nodes, or the pods, and when each dimension of each was
// last sampled. An object keeps its strings for as long as it is remembered.
type objects struct {
	mu    sync.Mutex
	index map[string]int32
	known []known
	free  []int32
	key   []byte
}

type known struct {
	object usage.Object
	key    string
	at     [usage.Dimensions]int64 // Unix milliseconds
}

func newObjects() *objects { return &objects{index: map[string]int32{}} }

// saw takes in when a dimension of an object was sampled. It does not go back in
// time, for times are found to within a step once an exporter is gone; unless
// what is remembered lies in the future: then a clock was put right.
func (o *objects) saw(names [][]byte, d usage.Dimension, at, now int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.key = objectKey(o.key, names)
	i, ok := o.index[string(o.key)]
	if !ok {
		i = o.add(string(o.key))
	}
	if held := &o.known[i].at[d]; at > *held || *held > now {
		*held = at
	}
}

func (o *objects) add(key string) int32 {
	k := known{key: key, object: objectOf(key)}
	var i int32
	if n := len(o.free); n > 0 {
		i, o.free = o.free[n-1], o.free[:n-1]
		o.known[i] = k
	} else {
		i = int32(len(o.known))
		o.known = append(o.known, k)
	}
	o.index[key] = i
	return i
}

// find returns an object and when a dimension of it was sampled, 0 where it is
// not known.
func (o *objects) find(names [][]byte, d usage.Dimension) (usage.Object, int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.key = objectKey(o.key, names)
	if i, ok := o.index[string(o.key)]; ok {
		return o.known[i].object, o.known[i].at[d]
	}
	return objectOf(string(o.key)), 0
}

// forget drops the objects not sampled for that long, by the newest sample of any.
func (o *objects) forget(after int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var newest int64
	for i := range o.known {
		newest = max(newest, o.known[i].newest())
	}
	for i := range o.known {
		if k := &o.known[i]; k.key != "" && k.newest() < newest-after {
			delete(o.index, k.key)
			*k = known{}
			o.free = append(o.free, int32(i))
		}
	}
}

func (k *known) newest() int64 {
	var at int64
	for _, t := range k.at {
		at = max(at, t)
	}
	return at
}

// objectKey is the names of an object in one string: a node's, or the namespace
// and the name of a pod. A node's ends where a port begins.
func objectKey(into []byte, names [][]byte) []byte {
	if len(names) == 1 {
		name, _, _ := bytes.Cut(names[0], []byte{':'})
		return append(into[:0], name...)
	}
	into = append(append(into[:0], names[0]...), '/')
	return append(into, names[1]...)
}

func objectOf(key string) usage.Object {
	for i := range len(key) {
		if key[i] == '/' {
			return usage.Object{Namespace: key[:i], Name: key[i+1:]}
		}
	}
	return usage.Object{Name: key}
}

// named reports whether a series says what it is about.
func named(names [][]byte) bool {
	for _, name := range names {
		if len(name) == 0 {
			return false
		}
	}
	return true
}
