package replay

import (
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/internal/replay/series"
)

// The metrics, as node-exporter and cAdvisor name them. All have the label
// node, as kube-prometheus-stack relabels them.
const (
	nodeCPU          = "node_cpu_seconds_total"
	nodeMemTotal     = "node_memory_MemTotal_bytes"
	nodeMemAvailable = "node_memory_MemAvailable_bytes"
	machineCores     = "machine_cpu_cores"
	machineMemory    = "machine_memory_bytes"
	containerCPU     = "container_cpu_usage_seconds_total"
	containerMemory  = "container_memory_working_set_bytes"
)

func catalog() series.Catalog {
	return series.Catalog{
		nodeCPU:          {Help: "Seconds the CPUs spent in each mode.", Counter: true},
		nodeMemTotal:     {Help: "Memory of the node."},
		nodeMemAvailable: {Help: "Memory of the node that its pods do not use."},
		machineCores:     {Help: "CPUs of the node."},
		machineMemory:    {Help: "Memory of the node."},
		containerCPU:     {Help: "CPU time that the container used.", Counter: true},
		containerMemory:  {Help: "Memory that the container holds."},
	}
}

// sampler turns frames into samples. It remembers the labels of the frame
// before, because making them costs more than everything else.
type sampler struct {
	pods  map[types.UID]podLabels
	nodes map[nodeShape]nodeLabels
}

type podLabels struct{ cpu, memory labels.Labels }

type nodeShape struct {
	name string
	cpus int
}

type nodeLabels struct {
	busy, idle                         []labels.Labels // by CPU
	total, available, cores, allMemory labels.Labels
}

// samples are the values of a frame. Each CPU of a node is as busy as the next.
func (s *sampler) samples(f *frame) []series.Sample {
	pods, nodes := s.pods, s.nodes
	s.pods = make(map[types.UID]podLabels, len(f.Pods))
	s.nodes = make(map[nodeShape]nodeLabels, len(f.Nodes))

	result := make([]series.Sample, 0, 2*len(f.Pods)+40*len(f.Nodes))
	add := func(l labels.Labels, value float64) {
		result = append(result, series.Sample{Labels: l, Value: value})
	}
	for i := range f.Nodes {
		n := &f.Nodes[i]
		shape := nodeShape{n.Name, n.CPUs}
		l, made := nodes[shape]
		if !made {
			l = newNodeLabels(shape)
		}
		s.nodes[shape] = l
		for cpu := range l.busy {
			add(l.busy[cpu], n.BusySeconds/float64(n.CPUs))
			add(l.idle[cpu], n.IdleSeconds/float64(n.CPUs))
		}
		add(l.total, float64(n.MemoryBytes))
		add(l.available, float64(n.MemoryBytes-n.UsedBytes))
		add(l.cores, float64(n.CPUs))
		add(l.allMemory, float64(n.MemoryBytes))
	}
	for i := range f.Pods {
		p := &f.Pods[i]
		l, made := pods[p.UID]
		if !made {
			l = newPodLabels(&p.player)
		}
		s.pods[p.UID] = l
		add(l.cpu, p.CPUSeconds)
		add(l.memory, float64(p.MemoryBytes))
	}
	return result
}

func newNodeLabels(shape nodeShape) nodeLabels {
	of := func(metric string) labels.Labels {
		return labels.FromStrings(model.MetricNameLabel, metric, "node", shape.name)
	}
	l := nodeLabels{
		total: of(nodeMemTotal), available: of(nodeMemAvailable),
		cores: of(machineCores), allMemory: of(machineMemory),
	}
	for cpu := range shape.cpus {
		in := func(mode string) labels.Labels {
			return labels.FromStrings(model.MetricNameLabel, nodeCPU,
				"node", shape.name, "cpu", strconv.Itoa(cpu), "mode", mode)
		}
		l.busy = append(l.busy, in("user"))
		l.idle = append(l.idle, in("idle"))
	}
	return l
}

func newPodLabels(p *player) podLabels {
	of := func(metric string) labels.Labels {
		pairs := []string{model.MetricNameLabel, metric, "namespace", p.Namespace, "pod", p.Name, "container", p.Container}
		if p.Node != "" {
			pairs = append(pairs, "node", p.Node)
		}
		return labels.FromStrings(pairs...)
	}
	return podLabels{cpu: of(containerCPU), memory: of(containerMemory)}
}
