package trace

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/simulator/trace/spec"
)

func (s *Scenario) addEvents(w *Workload, seed int64) error {
	random := random(seed, streamEvents)
	gone := map[string]bool{} // by events before: a second loss takes other nodes
	for _, i := range s.eventsInTime() {
		from := &s.Events[i]
		event := Event{At: from.At.Duration, Kind: EventKind(from.Kind)}
		path := field.NewPath("events").Index(i)
		var err error
		if from.Kind == spec.Burst {
			var pods []Pod
			pods, err = s.burst(from, random)
			w.Pods = append(w.Pods, pods...)
			event.Pods = len(pods)
			path = path.Child("pods")
		} else {
			event.Nodes, err = chosenNodes(from, w.Nodes, gone, random)
		}
		if err != nil {
			return s.Wrong(path, from.Kind, err)
		}
		w.Events = append(w.Events, event)
	}
	if end := w.Duration; end > 0 {
		w.Events = slices.DeleteFunc(w.Events, func(e Event) bool { return e.At >= end })
	}
	return nil
}

// eventsInTime are the indices of the events in the order of their time.
func (s *Scenario) eventsInTime() []int {
	order := make([]int, len(s.Events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.Events[a].At.Duration, s.Events[b].At.Duration) })
	return order
}

// chosenNodes are the names of the nodes that an event is of.
func chosenNodes(e *spec.EventSource, nodes []*v1.Node, gone map[string]bool, random *rand.Rand) ([]string, error) {
	names := slices.Clone(e.Nodes)
	if e.Node != "" {
		names = []string{e.Node}
	}
	if e.Pool != "" {
		var left []string
		for _, node := range nodes {
			if node.Labels[LabelPool] == e.Pool && !gone[node.Name] {
				left = append(left, node.Name)
			}
		}
		if len(left) < e.Count {
			return nil, fmt.Errorf("pool %q has %d nodes left, not %d: lower the count", e.Pool, len(left), e.Count)
		}
		random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		names = left[:e.Count]
		slices.Sort(names)
	}
	for _, name := range names {
		if !slices.ContainsFunc(nodes, func(node *v1.Node) bool { return node.Name == name }) {
			return nil, fmt.Errorf("there is no node %q", name)
		}
		gone[name] = true
	}
	return names, nil
}

// burst are the pods of a burst. Those of a file live as long as it says.
func (s *Scenario) burst(e *spec.EventSource, random *rand.Rand) ([]Pod, error) {
	var pods []Pod
	if t := e.Pods.Template; t != nil {
		made := mold{}
		asked := shape{cpuMilli: t.CPU.MilliValue(), memory: t.Memory.Value(), gpus: t.GPU, gpuMilli: t.GPUMilli, models: strings.Join(t.Models, "|")}
		for i := range e.Count {
			pods = append(pods, Pod{Object: made.pod(fmt.Sprintf("%s-%d", t.Name, i), asked), Departure: t.Life.Duration})
		}
	} else {
		listed, err := s.readList(e.Pods.File, e.Pods.Prefix)
		if err != nil {
			return nil, err
		}
		pods = resample(listed, cmp.Or(e.Count, len(listed)), random)
	}
	for i := range pods {
		pods[i].arriveAt(e.At.Duration)
	}
	return pods, nil
}
