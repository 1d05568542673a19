package replay

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/component-helpers/resource"
)

// cluster sees which pods play on which nodes.
type cluster struct {
	pods   listers.PodLister
	nodes  listers.NodeLister
	assign func(*corev1.Pod) (Curve, bool)
	parts  map[types.UID]part
}

// part is what assign said of a pod; it is asked once.
type part struct {
	curve Curve
	plays bool
}

// look lists the nodes, and the running pods that have a curve.
func (c *cluster) look() ([]player, []machine, error) {
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return nil, nil, fmt.Errorf("listing nodes: %w", err)
	}
	pods, err := c.pods.List(labels.Everything())
	if err != nil {
		return nil, nil, fmt.Errorf("listing pods: %w", err)
	}
	machines := make([]machine, 0, len(nodes))
	known := make(map[string]bool, len(nodes))
	for _, node := range nodes {
		machines = append(machines, newMachine(node))
		known[node.Name] = true
	}
	before := c.parts
	c.parts = make(map[types.UID]part, len(pods))
	players := make([]player, 0, len(pods))
	for _, pod := range pods {
		if pod.Status.Phase != corev1.PodRunning || !known[pod.Spec.NodeName] {
			continue
		}
		p, asked := before[pod.UID]
		if !asked {
			p.curve, p.plays = c.assign(pod)
		}
		c.parts[pod.UID] = p
		if p.plays {
			players = append(players, newPlayer(pod, p.curve))
		}
	}
	return players, machines, nil
}

func newMachine(node *corev1.Node) machine {
	return machine{
		Name:             node.Name,
		Labels:           node.Labels,
		CPUs:             int(node.Status.Capacity.Cpu().Value()),
		AllocatableCores: node.Status.Allocatable.Cpu().AsApproximateFloat64(),
		MemoryBytes:      node.Status.Capacity.Memory().Value(),
	}
}

func newPlayer(pod *corev1.Pod, curve Curve) player {
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	p := player{
		UID: pod.UID, Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels,
		Node: pod.Spec.NodeName, MemoryBytes: requests.Memory().Value(), Curve: curve,
	}
	if len(pod.Spec.Containers) > 0 {
		p.Container = pod.Spec.Containers[0].Name
	}
	return p
}
