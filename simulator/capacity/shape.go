// Package capacity finds the cheapest nodes that a workload needs: it builds clusters, has the real scheduler fill
// them, and closes in on the smallest that does.
package capacity

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

// Shape is a kind of node that can be had, in any number.
type Shape struct {
	Name   string
	CPU    resource.Quantity
	Memory resource.Quantity
	GPUs   int64
	Model  string
	// Price is what one costs, in any unit; default 1.
	Price float64
}

// ParseShape reads a shape as a command line has it: name=cpu:32,memory:128Gi,gpu:8,model:A100,price:2.5.
func ParseShape(text string) (Shape, error) {
	name, rest, ok := strings.Cut(text, "=")
	if !ok || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return Shape{}, fmt.Errorf("shape %q: want name=cpu:32,memory:128Gi[,gpu:8][,model:A100][,price:2.5], the name in small letters", text)
	}
	s := Shape{Name: name, Price: 1}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(part, ":")
		if seen[key] {
			return Shape{}, fmt.Errorf("shape %q: %s is given twice", name, key)
		}
		seen[key] = true
		if err := s.set(key, value); err != nil {
			return Shape{}, fmt.Errorf("shape %q: %w", name, err)
		}
	}
	if !seen["cpu"] || !seen["memory"] {
		return Shape{}, fmt.Errorf("shape %q: cpu and memory must be given", name)
	}
	return s, nil
}

func (s *Shape) set(key, value string) (err error) {
	switch key {
	case "cpu":
		s.CPU, err = amount(key, value)
	case "memory":
		s.Memory, err = amount(key, value)
	case "gpu":
		s.GPUs, err = count(value)
	case "model":
		s.Model, err = label(value)
	case "price":
		s.Price, err = cost(value)
	default:
		return fmt.Errorf("%q is none of cpu, memory, gpu, model and price", key)
	}
	return err
}

func count(value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("gpu %q is no number of GPUs", value)
	}
	return n, nil
}

func label(value string) (string, error) {
	if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
		return "", fmt.Errorf("model %q: %s", value, strings.Join(problems, "; "))
	}
	return value, nil
}

func cost(value string) (float64, error) {
	price, err := strconv.ParseFloat(value, 64)
	if err != nil || !(price > 0) || math.IsInf(price, 0) {
		return 0, fmt.Errorf("price %q is no number above 0", value)
	}
	return price, nil
}

func amount(key, value string) (resource.Quantity, error) {
	q, err := resource.ParseQuantity(value)
	if err != nil || q.Sign() <= 0 {
		return q, fmt.Errorf("%s %q is no amount above 0, as in 32 or 128Gi", key, value)
	}
	return q, nil
}

// podsPerNode is a number of pods that never limits.
const podsPerNode = 10_000

// node makes the i-th node of the shape.
func (s *Shape) node(i int) *v1.Node {
	name := fmt.Sprintf("%s-%d", s.Name, i)
	amounts := v1.ResourceList{
		v1.ResourceCPU: s.CPU, v1.ResourceMemory: s.Memory,
		v1.ResourcePods: *resource.NewQuantity(podsPerNode, resource.DecimalSI),
	}
	labels := map[string]string{v1.LabelHostname: name, trace.LabelPool: s.Name}
	if s.GPUs > 0 {
		amounts[trace.GPU] = *resource.NewQuantity(s.GPUs, resource.DecimalSI)
		amounts[trace.GPUMilli] = *resource.NewQuantity(1000*s.GPUs, resource.DecimalSI)
		if s.Model != "" {
			labels[trace.LabelGPUModel] = s.Model
		}
	}
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status:     v1.NodeStatus{Allocatable: amounts, Capacity: amounts},
	}
}

// Mix is how many nodes there are of each shape.
type Mix []int

func (m Mix) nodes(shapes []Shape) []*v1.Node {
	var nodes []*v1.Node
	for i, count := range m {
		for j := range count {
			nodes = append(nodes, shapes[i].node(j))
		}
	}
	return nodes
}

// Price is what a mix costs.
func (m Mix) Price(shapes []Shape) (price float64) {
	for i, count := range m {
		price += float64(count) * shapes[i].Price
	}
	return price
}

// String lists what there is.
func (m Mix) String() string { return fmt.Sprint([]int(m)) }
