package trace

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/evenkeel/evenkeel/simulator/trace/manifest"
	"github.com/evenkeel/evenkeel/simulator/trace/source"
)

// ReadPods reads pods from a CSV list (name,cpu_milli,memory_mib,num_gpu,gpu_milli and optionally gpu_spec,
// creation_time,deletion_time) or from kubectl's YAML or JSON; either may be gzipped. An error names the file, the
// line and the field. The pods keep the order of the file.
func ReadPods(path string) ([]Pod, error) {
	from, err := source.Open(path, source.MaxUnpacked)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	if from.IsCSV() {
		return parsePods(from, path)
	}
	found, err := manifest.Parse(from, path)
	if err != nil {
		return nil, err
	}
	if len(found.Pods) == 0 {
		return nil, fmt.Errorf("reading %s: no object of kind Pod in it that is not finished", path)
	}
	return running(found.Pods), nil
}

// running takes the pods of a cluster over: those with a node run already.
func running(objects []*v1.Pod) []Pod {
	pods := make([]Pod, 0, len(objects))
	for _, pod := range objects {
		pod.Spec.SchedulerName = ""
		pod.Namespace = cmp.Or(pod.Namespace, metav1.NamespaceDefault)
		rename(pod, pod.Name)
		pods = append(pods, Pod{Object: pod})
	}
	return pods
}

func parsePods(from io.Reader, file string) ([]Pod, error) {
	t := source.NewTable(from, file, "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
	made := mold{}
	var pods []Pod
	for t.Next() {
		name := t.Name("name", validation.IsDNS1123Subdomain)
		asked := shapeOf(t)
		arrival, departure := lifeOf(t)
		if t.Err() != nil {
			break
		}
		pods = append(pods, Pod{Object: made.pod(name, asked), Arrival: arrival, Departure: departure})
		if len(pods) > maxPods {
			t.Fail("name", "more than %d pods: split the list", maxPods)
		}
	}
	if t.Err() != nil {
		return nil, t.Err()
	}
	if len(pods) == 0 {
		return nil, fmt.Errorf("reading %s: no pod below the header", file)
	}
	return pods, nil
}

func shapeOf(t *source.Table) shape {
	s := shape{cpuMilli: t.Whole("cpu_milli", maxMilli), memory: t.Whole("memory_mib", maxMiB) * mebibyte}
	gpus, milli := t.Whole("num_gpu", maxGPUs), t.Whole("gpu_milli", maxMilli)
	switch {
	case gpus == 0 && milli != 0:
		t.Fail("gpu_milli", "%d without a GPU: num_gpu must be 1 for a share of one", milli)
	case gpus > 0 && (milli < 1 || milli > wholeGPU):
		t.Fail("gpu_milli", "%d is not within 1..%d, thousandths of one GPU", milli, wholeGPU)
	case gpus > 1 && milli < wholeGPU:
		t.Fail("gpu_milli", "%d of each of %d GPUs: a share is of one GPU, so it must be %d here", milli, gpus, wholeGPU)
	case milli == wholeGPU:
		s.gpus = gpus
	default:
		s.gpuMilli = milli
	}
	s.models = modelsOf(t, gpus)
	return s
}

func modelsOf(t *source.Table, gpus int64) string {
	spec := t.Text("gpu_spec")
	if spec == "" {
		return ""
	}
	if gpus == 0 {
		t.Fail("gpu_spec", "%q without a GPU: num_gpu must be at least 1", spec)
	}
	for model := range strings.SplitSeq(spec, "|") {
		if problems := validation.IsValidLabelValue(model); model == "" || len(problems) > 0 {
			t.Fail("gpu_spec", "%q has no valid model in %q: write models joined by '|'", spec, model)
		}
	}
	return strings.Clone(spec) // which otherwise keeps its whole row
}

func lifeOf(t *source.Table) (arrival, departure time.Duration) {
	arrival, _ = t.Seconds("creation_time")
	departure, leaves := t.Seconds("deletion_time")
	switch {
	case leaves && departure < arrival:
		t.Fail("deletion_time", "%s is before creation_time %s", t.Text("deletion_time"), t.Text("creation_time"))
	case leaves:
		departure = max(departure, 1) // 0 would mean that it stays
	}
	return arrival, departure
}
