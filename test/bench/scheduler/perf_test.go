package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler"
	perf "k8s.io/kubernetes/test/integration/scheduler_perf"
	"k8s.io/kubernetes/test/utils/client-go/ktesting"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// workload is scheduler_perf's SchedulingBasic: nodes, then pods that warm up, then pods that are measured.
type workload struct {
	Nodes, InitPods, Pods int
}

// basic is the operations of SchedulingBasic as Kubernetes 1.37 lists them, with its pod.
var basic = template.Must(template.New("").Parse(`
- name: SchedulingBasic
  defaultPodTemplatePath: {{.Dir}}/pod.yaml
  schedulerConfigPath: {{.Dir}}/configuration.yaml
  labels: [performance, short]
  workloadTemplate:
  - opcode: createNodes
    countParam: $initNodes
  - opcode: createPods
    countParam: $initPods
  - opcode: createPods
    countParam: $measurePods
    collectMetrics: true
  workloads:
  - name: {{.Profile}}
    params:
      initNodes: {{.Nodes}}
      initPods: {{.InitPods}}
      measurePods: {{.Pods}}
`))

const pod = `apiVersion: v1
kind: Pod
metadata:
  generateName: pod-
spec:
  containers:
  - name: pause
    image: registry.k8s.io/pause:3.10.2
    ports:
    - containerPort: 80
    resources:
      limits: {cpu: 100m, memory: 500Mi}
      requests: {cpu: 100m, memory: 500Mi}
`

// trial is one run of a workload by a profile.
type trial struct {
	profile  profile
	workload workload
	load     load
	gauge    *gauge
	started  time.Duration
}

// outcome is what a trial measured.
type outcome struct {
	podsPerSecond float64
	processor     time.Duration // from when the nodes were there to the end
	hintsUsed     float64
}

// run lets scheduler_perf do the work on an API server and etcd of its own.
func (tr *trial) run(b *testing.B) outcome {
	b.Helper()
	dir := b.TempDir()
	tr.write(b, dir)
	results := filepath.Join(dir, "results")
	if err := flag.Set("data-items-dir", results); err != nil {
		b.Fatalf("directing the results of scheduler_perf: %v", err)
	}
	tr.gauge = newGauge()
	var o outcome
	perf.RunBenchmarkPerfScheduling(b, filepath.Join(dir, "workload.yaml"), "evenkeel", tr.profile.plugins(tr.gauge),
		perf.WithPrepareFn(func(t ktesting.TContext) error {
			// This runs before the cleanup, registered earlier, in which scheduler_perf resets all metrics.
			t.Cleanup(func() {
				o.hintsUsed = hintsUsed(b)
				now, err := processorTime()
				if err != nil {
					t.Errorf("reading the processor time: %v", err)
				}
				o.processor = now - tr.started
			})
			return nil
		}),
		perf.WithNodeUpdateFn(tr.measureNodes))
	if b.Failed() {
		b.FailNow()
	}
	o.podsPerSecond = throughput(b, results)
	return o
}

func (tr *trial) write(b *testing.B, dir string) {
	b.Helper()
	var operations strings.Builder
	err := basic.Execute(&operations, struct {
		workload
		Dir, Profile string
	}{tr.workload, dir, tr.profile.name})
	if err != nil {
		b.Fatalf("writing the workload: %v", err)
	}
	for name, content := range map[string][]byte{
		"workload.yaml":      []byte(operations.String()),
		"pod.yaml":           []byte(pod),
		"configuration.yaml": tr.profile.configuration,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// measureNodes gives the nodes a load, and renews it at the pace of a Collector.
func (tr *trial) measureNodes(t ktesting.TContext, _ *scheduler.Scheduler, _ *perf.Workload, nodes *v1.NodeList) error {
	var names []string
	for _, node := range nodes.Items {
		names = append(names, node.Name)
	}
	var err error
	if tr.started, err = processorTime(); err != nil {
		return err
	}
	measure := func() { tr.gauge.set(tr.load.snapshot(names, time.Now())) }
	measure()
	var cfg usage.Config
	cfg.Default()
	ctx, cancel := context.WithCancel(t)
	var running sync.WaitGroup
	running.Go(func() { every(ctx, cfg.RefreshInterval.Duration, measure) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return nil
}

func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// processorTime is what this process has used of it: scheduler and API server, but not etcd. Unlike the wall
// clock it does not count what other processes on the machine took.
func processorTime() (time.Duration, error) {
	var used syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), err
}

// throughput reads the file that scheduler_perf leaves behind.
func throughput(b *testing.B, dir string) float64 {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 1 {
		b.Fatalf("scheduler_perf left %d results, want one (%v)", len(files), err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		b.Fatal(err)
	}
	average, err := averageThroughput(content)
	if err != nil {
		b.Fatal(err)
	}
	return average
}

func averageThroughput(content []byte) (float64, error) {
	var items perf.DataItems
	if err := json.Unmarshal(content, &items); err != nil {
		return 0, err
	}
	for _, item := range items.DataItems {
		if item.Labels["Metric"] == "SchedulingThroughput" {
			return item.Data["Average"], nil
		}
	}
	return 0, errTooShort
}

var errTooShort = errors.New("scheduler_perf took no sample of throughput: more pods are needed")

func TestAverageThroughput(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    float64
		fails   bool
	}{
		"the average, among other metrics": {
			content: `{"version":"v1","dataItems":[
				{"data":{"Average":1},"unit":"ms","labels":{"Metric":"scheduler_pod_scheduling_duration_seconds"}},
				{"data":{"Average":512.5,"Perc50":500},"unit":"pods/s","labels":{"Metric":"SchedulingThroughput"}}]}`,
			want: 512.5,
		},
		"too short to be sampled": {content: `{"version":"v1","dataItems":[]}`, fails: true},
		"cut off":                 {content: `{"version":"v1","dataItems":[`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := averageThroughput([]byte(test.content))
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("averageThroughput() = %v, %v, want %v, failing: %v", got, err, test.want, test.fails)
			}
		})
	}
}
