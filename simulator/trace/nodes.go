package trace

import (
	"fmt"
	"io"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/evenkeel/evenkeel/simulator/trace/manifest"
	"github.com/evenkeel/evenkeel/simulator/trace/source"
)

const (
	maxMilli  = 1e9     // a million cores
	maxMiB    = 1 << 40 // so that bytes stay within 60 bits
	maxGPUs   = 1 << 16
	mebibyte  = 1 << 20
	maxPods   = 2_000_000 // and nodes
	podsANode = 1000      // as many as never to be what a node lacks
)

// ReadNodes reads nodes from a CSV list (sn,cpu_milli,memory_mib,gpu,model) or from kubectl's YAML or JSON; either
// may be gzipped. An error names the file, the line and the field.
func ReadNodes(path string) ([]*v1.Node, error) {
	from, err := source.Open(path, source.MaxUnpacked)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	if from.IsCSV() {
		return parseNodes(from, path)
	}
	found, err := manifest.Parse(from, path)
	if err != nil {
		return nil, err
	}
	if len(found.Nodes) == 0 {
		return nil, fmt.Errorf("reading %s: no object of kind Node in it", path)
	}
	return found.Nodes, nil
}

func parseNodes(from io.Reader, file string) ([]*v1.Node, error) {
	t := source.NewTable(from, file, "sn", "cpu_milli", "memory_mib", "gpu", "model")
	var nodes []*v1.Node
	for t.Next() {
		name, model := strings.Clone(t.Name("sn", nodeNameProblems)), strings.Clone(t.Text("model"))
		if problems := validation.IsValidLabelValue(model); len(problems) > 0 {
			t.Fail("model", "%q cannot be a label's value: %s", model, problems[0])
		}
		capacity := v1.ResourceList{
			v1.ResourceCPU:    *resource.NewMilliQuantity(t.Whole("cpu_milli", maxMilli), resource.DecimalSI),
			v1.ResourceMemory: *resource.NewQuantity(t.Whole("memory_mib", maxMiB)*mebibyte, resource.BinarySI),
		}
		nodes = append(nodes, newNode(name, capacity, t.Whole("gpu", maxGPUs), model))
		if len(nodes) > maxPods {
			t.Fail("sn", "more than %d nodes", maxPods)
		}
	}
	if t.Err() == nil && len(nodes) == 0 {
		return nil, fmt.Errorf("reading %s: no node below the header", file)
	}
	return nodes, t.Err()
}

// nodeNameProblems holds a node's name to what a label's value may be too, for it is the label kubernetes.io/hostname.
func nodeNameProblems(name string) []string {
	return append(validation.IsDNS1123Subdomain(name), validation.IsValidLabelValue(name)...)
}

// newNode makes a node that is ready. It takes the list over.
func newNode(name string, list v1.ResourceList, gpus int64, model string) *v1.Node {
	labels := map[string]string{v1.LabelHostname: name}
	list[v1.ResourcePods] = *resource.NewQuantity(podsANode, resource.DecimalSI)
	if gpus > 0 {
		list[GPU] = *resource.NewQuantity(gpus, resource.DecimalSI)
		list[GPUMilli] = *resource.NewQuantity(gpus*wholeGPU, resource.DecimalSI)
		if model != "" {
			labels[LabelGPUModel] = model
		}
	}
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status: v1.NodeStatus{
			Capacity: list, Allocatable: list,
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}},
		},
	}
}
