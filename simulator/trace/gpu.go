package trace

import (
	v1 "k8s.io/api/core/v1"
)

// The names by which GPUs, pools and prices appear in Kubernetes objects.
const (
	// GPU is the resource of whole GPUs.
	GPU v1.ResourceName = "nvidia.com/gpu"
	// GPUMilli is the resource of shares of one GPU, in thousandths. A node has 1,000 for each GPU.
	GPUMilli v1.ResourceName = "evenkeel.dev/gpu-milli"
	// LabelGPUModel is the node label of the GPUs' model.
	LabelGPUModel = "nvidia.com/gpu.product"
	// LabelPool is the node label of the scenario's pool that a node is from.
	LabelPool = "evenkeel.dev/pool"
	// AnnotationPrice is the node annotation of the price an hour.
	AnnotationPrice = "evenkeel.dev/price"
)

// wholeGPU is one GPU in thousandths.
const wholeGPU = 1000

// PodGPUMilli is what a pod's containers ask for, in thousandths of a GPU: whole GPUs and shares together.
func PodGPUMilli(pod *v1.Pod) int64 {
	var sum int64
	for i := range pod.Spec.Containers {
		requests := pod.Spec.Containers[i].Resources.Requests
		sum += amount(requests, GPU)*wholeGPU + amount(requests, GPUMilli)
	}
	return sum
}

// NodeGPUMilli is what a node offers, in thousandths of a GPU.
func NodeGPUMilli(node *v1.Node) int64 {
	if milli := amount(node.Status.Allocatable, GPUMilli); milli > 0 {
		return milli
	}
	return amount(node.Status.Allocatable, GPU) * wholeGPU
}

func amount(list v1.ResourceList, name v1.ResourceName) int64 {
	quantity := list[name]
	return quantity.Value()
}

// gpuModels are the models that a pod's node affinity allows; none: any.
func gpuModels(pod *v1.Pod) []string {
	affinity := pod.Spec.Affinity
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	var models []string
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, expression := range term.MatchExpressions {
			if expression.Key == LabelGPUModel && expression.Operator == v1.NodeSelectorOpIn {
				models = append(models, expression.Values...)
			}
		}
	}
	return models
}

// cpuMilli is what containers request, in millicores.
func cpuMilli(containers []v1.Container) int64 {
	var sum int64
	for i := range containers {
		sum += containers[i].Resources.Requests.Cpu().MilliValue()
	}
	return sum
}
