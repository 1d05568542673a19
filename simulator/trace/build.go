package trace

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/simulator/trace/manifest"
	"github.com/evenkeel/evenkeel/simulator/trace/source"
	"github.com/evenkeel/evenkeel/simulator/trace/spec"
)

// Scenario says what to play; the package spec says how it is written.
type Scenario struct {
	*spec.Scenario
}

// ReadScenario reads a scenario in YAML, strictly: each unknown, repeated or wrong field is told with its line. The
// files that it names are read by Workload.
func ReadScenario(path string) (*Scenario, error) {
	read, err := spec.Read(path)
	if err != nil {
		return nil, err
	}
	return &Scenario{Scenario: read}, nil
}

// Workload reads the scenario's files and joins all. The same seed gives the same workload.
func (s *Scenario) Workload(seed int64) (*Workload, error) {
	w := &Workload{Duration: s.Duration.Duration}
	if err := s.addNodes(w); err != nil {
		return nil, err
	}
	pods, err := s.listedPods()
	if err != nil {
		return nil, err
	}
	if pods, err = changeDemand(s.Demand, pods, w.Nodes, seed); err != nil {
		return nil, s.Wrong(field.NewPath("demand", "tune"), *s.Demand.Tune, err)
	}
	w.Pods = append(w.Pods, changeArrivals(s.Arrivals, pods, seed)...)
	if err := s.addEvents(w, seed); err != nil {
		return nil, err
	}
	sortByArrival(w.Pods)
	if end := w.Duration; end > 0 {
		w.Pods = slices.DeleteFunc(w.Pods, func(p Pod) bool { return p.Arrival >= end })
	}
	if err := s.addUsage(w, seed); err != nil {
		return nil, err
	}
	if err := w.Validate(); err != nil {
		return nil, fmt.Errorf("joining what %s names: %w", s.Path(), err)
	}
	return w, nil
}

func (s *Scenario) addNodes(w *Workload) error {
	for i, from := range s.Nodes {
		if from.Pool != nil {
			w.Nodes = append(w.Nodes, poolNodes(from.Pool)...)
			continue
		}
		nodes, err := ReadNodes(s.Beside(from.File))
		if err != nil {
			return s.Wrong(field.NewPath("nodes").Index(i).Child("file"), from.File, err)
		}
		w.Nodes = append(w.Nodes, nodes...)
	}
	if s.Snapshot == nil {
		return nil
	}
	path := s.Beside(s.Snapshot.File)
	from, err := source.Open(path, source.MaxUnpacked)
	if err == nil {
		defer from.Close()
		var found *manifest.Objects
		if found, err = manifest.Parse(from, path); err == nil {
			w.Nodes = append(w.Nodes, found.Nodes...)
			w.Pods = running(found.Pods)
			return nil
		}
	}
	return s.Wrong(field.NewPath("snapshot", "file"), s.Snapshot.File, err)
}

func poolNodes(pool *spec.Pool) []*v1.Node {
	nodes := make([]*v1.Node, 0, pool.Count)
	for i := range pool.Count {
		list := v1.ResourceList{v1.ResourceCPU: pool.CPU.DeepCopy(), v1.ResourceMemory: pool.Memory.DeepCopy()}
		node := newNode(fmt.Sprintf("%s-%d", pool.Name, i), list, pool.GPU, pool.Model)
		maps.Copy(node.Labels, pool.Labels)
		node.Labels[LabelPool] = pool.Name
		node.Spec.Taints = pool.Taints
		if pool.Price > 0 {
			node.Annotations = map[string]string{AnnotationPrice: strconv.FormatFloat(pool.Price, 'f', -1, 64)}
		}
		nodes = append(nodes, node)
	}
	return nodes
}

func (s *Scenario) listedPods() ([]Pod, error) {
	var all []Pod
	for i, from := range s.Pods {
		path := field.NewPath("pods").Index(i)
		pods, err := s.readList(from.File, from.Prefix)
		if err != nil {
			return nil, s.Wrong(path.Child("file"), from.File, err)
		}
		pods, err = repeat(pods, max(from.Repeat, 1))
		if err == nil && len(all)+len(pods) > maxPods {
			err = fmt.Errorf("more than %d pods: repeat less, or drop a list", maxPods)
		}
		if err != nil {
			return nil, s.Wrong(path.Child("repeat"), from.Repeat, err)
		}
		all = append(all, pods...)
	}
	return all, nil
}

// readList reads pods that are yet to be scheduled, even those that run in the cluster that they were saved from.
func (s *Scenario) readList(file, prefix string) ([]Pod, error) {
	pods, err := ReadPods(s.Beside(file))
	for i := range pods {
		object := pods[i].Object
		object.Spec.NodeName, object.Status = "", v1.PodStatus{}
		rename(object, prefix+object.Name)
	}
	return pods, err
}

// repeat plays pods again and again, each time after the last one has come and gone.
func repeat(pods []Pod, times int) ([]Pod, error) {
	var span time.Duration
	for i := range pods {
		span = max(span, pods[i].Arrival, pods[i].Departure)
	}
	if times > maxPods/len(pods) || span > 0 && time.Duration(times) > source.Longest/span+1 {
		return nil, fmt.Errorf("more than %d pods or ten years: repeat less", maxPods)
	}
	all := slices.Clone(pods)
	for again := 1; again < times; again++ {
		for i := range pods {
			clone := renamed(&pods[i], fmt.Sprintf("%s.r%d", pods[i].Object.Name, again+1))
			clone.arriveAt(clone.Arrival + time.Duration(again)*span)
			all = append(all, clone)
		}
	}
	return all, nil
}

func (s *Scenario) addUsage(w *Workload, seed int64) error {
	if s.Usage == nil {
		return nil
	}
	series, err := ReadUsage(s.Beside(s.Usage.File), s.Usage.Format)
	if err != nil {
		return s.Wrong(field.NewPath("usage", "file"), s.Usage.File, err)
	}
	scale := 1.0
	if s.Usage.Scale != nil {
		scale = *s.Usage.Scale
	}
	w.Pods = Join(w.Pods, series, scale, seed)
	return nil
}
