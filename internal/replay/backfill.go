package replay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// History is a pod that ran before the replay began, and that the cluster does
// not have.
type History struct {
	Namespace, Pod string
	// Container is the pod's container; default "app".
	Container string
	// Node is where the pod ran. Where it names a node of the cluster, the pod
	// counts for that node too; empty: the pod's series have no node.
	Node string
	// MemoryBytes is what the pod held.
	MemoryBytes int64
	Curve       Curve
	// From and To are when the pod runs, in the time of the trace. From is
	// negative; after 0, To is when the pod makes way during the replay.
	From, To time.Duration
}

// Backfill writes what pods used before the replay, as though it had been
// running since the earliest of them at its own speed: a day of the trace lies
// 24 h / Speed of wall time back. It fixes the trace's time zero at now, and
// must be called before Start and at most once.
func (r *Replayer) Backfill(ctx context.Context, histories []History) error {
	if r.last != nil {
		return errors.New("backfilling: the replay has begun already")
	}
	earliest, err := check(histories)
	if err != nil {
		return fmt.Errorf("backfilling: %w", err)
	}
	machines, err := r.machines(ctx, histories)
	if err != nil {
		return fmt.Errorf("backfilling: %w", err)
	}
	for i, h := range histories {
		r.former = append(r.former, former{player: h.player(i), from: h.From, to: h.To})
	}
	zero := r.options.Clock.Now().Truncate(resolution)
	step := r.options.BackfillStep
	wall := time.Duration(float64(-earliest) / r.options.Speed)
	steps := int64((wall + step - 1) / step)
	r.zero, r.last = zero, &frame{At: zero.Add(-time.Duration(steps) * step)}
	r.last.Trace = r.traceTime(r.last.At)
	for i := steps; i >= 0; i-- {
		at := zero.Add(-time.Duration(i) * step)
		trace := r.traceTime(at)
		next := advance(r.last, playing(r.former, trace), machines, at, trace)
		if err := r.db.Append(ctx, at, r.sampler.samples(next)); err != nil {
			return fmt.Errorf("backfilling: %w", err)
		}
		r.last = next
	}
	return nil
}

// former is a player of Backfill.
type former struct {
	player
	from, to time.Duration
}

// playing are the former players that run at a time of the trace.
func playing(all []former, trace time.Duration) []player {
	var players []player
	for i := range all {
		if all[i].from <= trace && trace <= all[i].to {
			players = append(players, all[i].player)
		}
	}
	return players
}

// check returns the earliest time of the histories.
func check(histories []History) (earliest time.Duration, err error) {
	for i, h := range histories {
		switch {
		case h.Namespace == "" || h.Pod == "":
			return 0, fmt.Errorf("history %d names no pod", i)
		case h.Curve == nil:
			return 0, fmt.Errorf("history of %s/%s has no curve", h.Namespace, h.Pod)
		case h.From >= h.To || h.From >= 0:
			return 0, fmt.Errorf("history of %s/%s: From (%v) must be before To (%v) and before 0", h.Namespace, h.Pod, h.From, h.To)
		}
		earliest = min(earliest, h.From)
	}
	return earliest, nil
}

// machines are the nodes of the cluster that the histories name.
func (r *Replayer) machines(ctx context.Context, histories []History) ([]machine, error) {
	named := map[string]bool{}
	for _, h := range histories {
		if h.Node != "" {
			named[h.Node] = true
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	nodes, err := r.options.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	var machines []machine
	for i := range nodes.Items {
		if named[nodes.Items[i].Name] {
			machines = append(machines, newMachine(&nodes.Items[i]))
		}
	}
	return machines, nil
}

func (h History) player(i int) player {
	container := h.Container
	if container == "" {
		container = "app"
	}
	return player{
		UID:       types.UID("history-" + strconv.Itoa(i)),
		Namespace: h.Namespace, Name: h.Pod, Container: container,
		Node: h.Node, MemoryBytes: h.MemoryBytes, Curve: h.Curve,
	}
}
