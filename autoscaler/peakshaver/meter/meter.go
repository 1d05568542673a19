// Package meter tells what a cluster and its Jobs use of CPU: now, by what evenkeel knows of nodes and pods, and on earlier
// days, by range queries of Prometheus.
package meter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/internal/usage"
)

// fresh is how old the load of a node may be.
const fresh = 5 * time.Minute

// Load is what is used of CPU, and what there is, in millicores.
type Load struct {
	Used, Capacity int64
	// At is when the oldest of what counts was measured.
	At time.Time
}

// Nobody knows the load.
type Nobody struct{}

// Now says so.
func (Nobody) Now(cache.Store, time.Time) (Load, error) {
	return Load{}, errors.New("there is no source of usage here")
}

// Past is not known.
func (Nobody) Past(context.Context, time.Time) (history.Series, error) { return history.Series{}, nil }

// Jobs use what is not known.
func (Nobody) Jobs(context.Context, []Job, time.Time) (Uses, error) { return nil, nil }

// ErrNoNodes says that the cluster has none.
var ErrNoNodes = errors.New("there are no nodes")

// Now adds the nodes up: what they use by a snapshot, and what is allocatable. A node that was not measured lately counts
// as fully used; where these are more than half of the capacity, the load is not known.
func Now(snapshot *usage.Snapshot, nodes cache.Store, now time.Time) (Load, error) {
	load, unknown := Load{At: now}, int64(0)
	for _, item := range nodes.List() {
		node, ok := item.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		capacity := allocatable(node)
		load.Capacity += capacity
		sample, ok := measured(snapshot, node.GetName(), now)
		if !ok {
			unknown += capacity
			load.Used += capacity
			continue
		}
		load.Used += int64(math.Round(sample.Value * 1000))
		if at := time.UnixMilli(sample.At); at.Before(load.At) {
			load.At = at
		}
	}
	switch {
	case load.Capacity == 0:
		return Load{}, ErrNoNodes
	case unknown > load.Capacity/2:
		return Load{}, fmt.Errorf("the CPU use of nodes with %d of %d CPUs was not measured in the last %s", unknown/1000, load.Capacity/1000, fresh)
	}
	return load, nil
}

func measured(snapshot *usage.Snapshot, node string, now time.Time) (usage.Sample, bool) {
	of := snapshot.Node(node)
	if of == nil {
		return usage.Sample{}, false
	}
	sample := of.Usage[usage.CPU][usage.Mean]
	return sample, sample.Known() && sample.Age(now) <= fresh
}

// allocatable CPU of a node, in millicores.
func allocatable(node *unstructured.Unstructured) int64 {
	text, _, _ := unstructured.NestedString(node.Object, "status", "allocatable", string(v1.ResourceCPU))
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return 0 // it has said nothing yet
	}
	return quantity.MilliValue()
}
