package trace

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// shape is what a pod asks for.
type shape struct {
	cpuMilli, memory int64
	gpus, gpuMilli   int64  // whole ones, or a share of one
	models           string // joined by '|'; empty: any
}

// parts are what pods of one shape have in common.
type parts struct {
	containers []v1.Container
	affinity   *v1.Affinity
}

// mold makes pods. Pods of one shape share their containers and affinity: a list of 100,000 pods has a few hundred
// shapes, and a resource list and a container each would double what the pods take. Hence objects are read only.
type mold map[shape]parts

func (m mold) pod(name string, s shape) *v1.Pod {
	common, ok := m[s]
	if !ok {
		common = parts{containers: s.containers(), affinity: s.affinity()}
		m[s] = common
	}
	pod := &v1.Pod{Spec: v1.PodSpec{Containers: common.containers, Affinity: common.affinity}}
	pod.Namespace = metav1.NamespaceDefault
	rename(pod, name)
	return pod
}

// rename sets the name and the UID that follows from it; the two share their bytes.
func rename(pod *v1.Pod, name string) {
	uid := pod.Namespace + "/" + name
	pod.Name, pod.UID = uid[len(pod.Namespace)+1:], types.UID(uid)
}

func (s shape) containers() []v1.Container {
	container := v1.Container{Name: "app"}
	container.Resources.Requests = v1.ResourceList{
		v1.ResourceCPU:    *resource.NewMilliQuantity(s.cpuMilli, resource.DecimalSI),
		v1.ResourceMemory: *resource.NewQuantity(s.memory, resource.BinarySI),
	}
	extended := func(name v1.ResourceName, value int64) {
		if value == 0 {
			return
		}
		quantity := *resource.NewQuantity(value, resource.DecimalSI)
		container.Resources.Requests[name] = quantity
		// Kubernetes refuses a request of an extended resource without an equal limit.
		container.Resources.Limits = v1.ResourceList{name: quantity}
	}
	extended(GPU, s.gpus)
	extended(GPUMilli, s.gpuMilli)
	return []v1.Container{container}
}

func (s shape) affinity() *v1.Affinity {
	if s.models == "" {
		return nil
	}
	is := v1.NodeSelectorRequirement{Key: LabelGPUModel, Operator: v1.NodeSelectorOpIn, Values: strings.Split(s.models, "|")}
	return &v1.Affinity{NodeAffinity: &v1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
			NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{is}}},
		},
	}}
}
