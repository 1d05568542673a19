package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
	"github.com/evenkeel/evenkeel/simulator/load"
	"github.com/evenkeel/evenkeel/simulator/packing"
	"github.com/evenkeel/evenkeel/simulator/trace"
	"github.com/evenkeel/evenkeel/test/bench"
)

const area = "simulator"

// measure runs work and reports how long it took and how much memory it had from the system at most beyond what was
// in use before.
func measure(b *testing.B, name string, work func() error) {
	b.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cmd/simulator does
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(3 << 30))
	debug.FreeOSMemory()
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var stats runtime.MemStats
		var highest uint64
		for {
			runtime.ReadMemStats(&stats)
			highest = max(highest, stats.HeapInuse+stats.StackInuse)
			select {
			case <-stop:
				most <- highest
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	start := time.Now()
	err := work()
	took := time.Since(start)
	close(stop)
	if err != nil {
		b.Fatal(err)
	}
	bench.Report(b, bench.Result{Area: area, Name: name + "_seconds", Value: took.Seconds(), Unit: "s"})
	bench.Report(b, bench.Result{Area: area, Name: name + "_mb", Value: float64(<-most) / 1e6, Unit: "MB"})
}

// BenchmarkPacking is one run of the published experiment: 1,213 nodes, some 10,900 pods.
func BenchmarkPacking(b *testing.B) {
	const data = "../../../simulator/packing/testdata/openb_"
	nodes, err := trace.ReadNodes(data + "node_list_gpu_node.csv.gz")
	if err != nil {
		b.Fatal(err)
	}
	pods, err := trace.ReadPods(data + "pod_list_default.csv.gz")
	if err != nil {
		b.Fatal(err)
	}
	list := packing.List{Name: "default"}
	for i := range pods {
		list.Pods = append(list.Pods, pods[i].Object)
	}
	for range b.N {
		measure(b, "packing_run", func() error {
			e := packing.Experiment{
				Nodes: nodes, Lists: []packing.List{list}, Policies: []string{"antifragmentation"}, Seeds: []int64{42}, Tune: 1.3,
			}
			_, err := e.Run(context.Background())
			return err
		})
	}
}

// BenchmarkLoad plays 100,000 pods with usage on 5,000 nodes for a week, with -short a tenth of each.
func BenchmarkLoad(b *testing.B) {
	nodes, pods := 5000, 100_000
	if testing.Short() {
		nodes, pods = nodes/10, pods/10
	}
	for range b.N {
		measure(b, fmt.Sprintf("load_7d_%d_nodes", nodes), func() error {
			_, err := load.Run(context.Background(), func(seed int64) (*trace.Workload, error) { return week(nodes, pods, seed) },
				load.Options{Policies: []string{"realload"}, Seeds: []int64{1}, Scrape: 5 * time.Minute})
			return err
		})
	}
}

// week is a workload: half of the pods are there from the first hour on, the others come over the week and stay a day.
func week(nodes, pods int, seed int64) (*trace.Workload, error) {
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	w := &trace.Workload{Duration: 7 * 24 * time.Hour}
	amounts := v1.ResourceList{
		v1.ResourceCPU: resource.MustParse("64"), v1.ResourceMemory: resource.MustParse("256Gi"), v1.ResourcePods: resource.MustParse("250"),
	}
	for i := range nodes {
		w.Nodes = append(w.Nodes, &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i), Labels: map[string]string{v1.LabelHostname: fmt.Sprintf("n%d", i)}},
			Status:     v1.NodeStatus{Allocatable: amounts, Capacity: amounts},
		})
	}
	vms, err := bitbrains.Load()
	if err != nil {
		return nil, err
	}
	for i := range pods {
		cores := []int64{1, 2, 4, 8}[rng.IntN(4)]
		name := fmt.Sprintf("service-%d-%d", i/20, i)
		p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
		p.Spec.Containers = []v1.Container{{Name: "app", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
			v1.ResourceCPU: *resource.NewQuantity(cores, resource.DecimalSI), v1.ResourceMemory: *resource.NewQuantity(cores<<31, resource.BinarySI),
		}}}}
		pod := trace.Pod{Object: p, Curve: curve{bitbrains.Curve{VM: &vms.VMs[rng.IntN(len(vms.VMs))], Offset: time.Duration(rng.IntN(2000)) * 5 * time.Minute, Share: 1}, float64(cores)}}
		if i%2 == 0 {
			pod.Arrival = time.Duration(rng.Int64N(int64(time.Hour)))
		} else {
			pod.Arrival = time.Duration(rng.Int64N(int64(w.Duration)))
			pod.Departure = pod.Arrival + 24*time.Hour
		}
		w.Pods = append(w.Pods, pod)
	}
	return w, nil
}

// curve is what a pod uses: as much of its request as a machine of the trace used of its own cores.
type curve struct {
	bitbrains.Curve
	cores float64
}

// At implements trace.Curve.
func (c curve) At(at time.Duration) int64 {
	return int64(1000 * c.CPU(at) / float64(c.VM.Cores) * c.cores)
}
