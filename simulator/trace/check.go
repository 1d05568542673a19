package trace

import (
	"errors"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// maxReported is how many problems of a workload are told at once.
const maxReported = 10

// Validate says what is wrong with a workload as a whole: names that come twice, and pods and events on nodes that
// are not there.
func (w *Workload) Validate() error {
	nodes := make(map[string]bool, len(w.Nodes))
	var errs []error
	for _, node := range w.Nodes {
		if nodes[node.Name] {
			errs = append(errs, fmt.Errorf("node %q comes twice: names must differ", node.Name))
		}
		nodes[node.Name] = true
	}
	errs = append(errs, checkPods(w.Pods, nodes)...)
	for _, event := range w.Events {
		for _, name := range event.Nodes {
			if !nodes[name] {
				errs = append(errs, fmt.Errorf("the %s at %v is of node %q, which is not there", event.Kind, event.At, name))
			}
		}
	}
	if more := len(errs) - maxReported; more > 0 {
		errs = append(errs[:maxReported], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

func checkPods(pods []Pod, nodes map[string]bool) []error {
	var errs []error
	seen := make(map[types.UID]bool, len(pods))
	for i := range pods {
		pod := pods[i].Object
		if seen[pod.UID] {
			errs = append(errs, fmt.Errorf("pod %q comes twice: names must differ, give one of the lists a prefix", pod.UID))
		}
		seen[pod.UID] = true
		if on := pod.Spec.NodeName; on != "" && !nodes[on] {
			errs = append(errs, fmt.Errorf("pod %q runs on node %q, which is not there: save nodes and pods together", pod.UID, on))
		}
	}
	return errs
}

// Warnings tells of pods that could not run even if the cluster were empty: a question that a user may mean to ask.
// There is one warning for each set of GPU models that no node has, and one for all pods that ask for too much.
func (w *Workload) Warnings() []string {
	type group struct {
		count int
		first string
	}
	groups := map[string]group{}
	for i := range w.Pods {
		pod := w.Pods[i].Object
		if pod.Spec.NodeName != "" {
			continue
		}
		if reason := w.misfit(pod); reason != "" {
			g := groups[reason]
			if g.count++; g.count == 1 {
				g.first = string(pod.UID)
			}
			groups[reason] = g
		}
	}
	var warnings []string
	for reason, g := range groups {
		warnings = append(warnings, fmt.Sprintf("%d pods can never run, %s first: %s", g.count, g.first, reason))
	}
	slices.Sort(warnings)
	return warnings
}

// misfit is why no node could take a pod even if it were empty.
func (w *Workload) misfit(pod *v1.Pod) string {
	models := gpuModels(pod)
	reason := "they ask for more than any node has"
	if len(models) > 0 {
		reason = fmt.Sprintf("no node has a GPU model of %v", models)
	}
	for _, node := range w.Nodes {
		if len(models) > 0 && !slices.Contains(models, node.Labels[LabelGPUModel]) {
			continue
		}
		if offers(node, pod) {
			return ""
		}
		reason = "they ask for more than any node has"
	}
	return reason
}

func offers(node *v1.Node, pod *v1.Pod) bool {
	asked := v1.ResourceList{}
	for i := range pod.Spec.Containers {
		for name, quantity := range pod.Spec.Containers[i].Resources.Requests {
			sum := asked[name]
			sum.Add(quantity)
			asked[name] = sum
		}
	}
	for name, quantity := range asked {
		offered := node.Status.Allocatable[name]
		if quantity.Cmp(offered) > 0 {
			return false
		}
	}
	return true
}
