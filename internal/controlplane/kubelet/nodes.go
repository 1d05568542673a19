package kubelet

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// NodeLabel marks the nodes that are brought to life, with NodeLabelValue as its value. The name is
	// kwok's; a manifest written for kwok usually has it as an annotation too. A node that loses the
	// label falls silent, as if its machine had failed.
	NodeLabel = "kwok.x-k8s.io/node"
	// NodeLabelValue is the value of NodeLabel.
	NodeLabelValue = "fake"

	defaultPodsPerNode = 110
)

// NewNode returns a node for the API server to create and Run to manage. All of its capacity
// is allocatable; a capacity that does not say how many pods fit is given the usual 110.
func NewNode(name string, labels map[string]string, capacity v1.ResourceList) *v1.Node {
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				NodeLabel:          NodeLabelValue,
				v1.LabelHostname:   name,
				v1.LabelOSStable:   "linux",
				v1.LabelArchStable: "amd64",
			},
			Annotations: map[string]string{NodeLabel: NodeLabelValue},
		},
		Status: v1.NodeStatus{Capacity: capacity.DeepCopy()},
	}
	for key, value := range labels {
		node.Labels[key] = value
	}
	if node.Status.Capacity == nil {
		node.Status.Capacity = v1.ResourceList{}
	}
	if _, found := node.Status.Capacity[v1.ResourcePods]; !found {
		node.Status.Capacity[v1.ResourcePods] = *resource.NewQuantity(defaultPodsPerNode, resource.DecimalSI)
	}
	node.Status.Allocatable = node.Status.Capacity.DeepCopy()
	return node
}

// readyStatus returns the status that a live node reports, or nil if it already does.
func readyStatus(node *v1.Node, now metav1.Time) *v1.NodeStatus {
	if nodeReady(node) && hostIP(node) != "" {
		return nil
	}
	status := node.Status.DeepCopy()
	if status.Allocatable == nil {
		status.Allocatable = status.Capacity.DeepCopy()
	}
	status.Conditions = nil
	for _, pressure := range []v1.NodeConditionType{v1.NodeMemoryPressure, v1.NodeDiskPressure, v1.NodePIDPressure} {
		status.Conditions = append(status.Conditions, nodeCondition(pressure, v1.ConditionFalse, "KubeletHasSufficientResources", now))
	}
	status.Conditions = append(status.Conditions, nodeCondition(v1.NodeReady, v1.ConditionTrue, "KubeletReady", now))
	if hostIP(node) == "" {
		status.Addresses = append(status.Addresses,
			v1.NodeAddress{Type: v1.NodeInternalIP, Address: addressOf(node.Name)},
			v1.NodeAddress{Type: v1.NodeHostName, Address: node.Name})
	}
	status.NodeInfo = v1.NodeSystemInfo{
		Architecture: "amd64", OperatingSystem: "linux", OSImage: "simulated", KernelVersion: "simulated",
		ContainerRuntimeVersion: "simulated://1", KubeletVersion: "simulated",
	}
	return status
}

func nodeReady(node *v1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}

func nodeCondition(kind v1.NodeConditionType, value v1.ConditionStatus, reason string, now metav1.Time) v1.NodeCondition {
	return v1.NodeCondition{Type: kind, Status: value, Reason: reason, LastHeartbeatTime: now, LastTransitionTime: now}
}

// hostIP returns the node's internal address, or the empty string while it has none.
func hostIP(node *v1.Node) string {
	for _, address := range node.Status.Addresses {
		if address.Type == v1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}
