package usage_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	clientprometheus "github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/prometheus"
)

const (
	benchNodes = 5000
	benchPods  = 150_000
	serverFlag = "EVENKEEL_BENCH_SERVER"
)

// TestMain is either the tests or, in a process of its own so that its work is
// not counted, the Prometheus of the benchmark.
func TestMain(m *testing.M) {
	if os.Getenv(serverFlag) == "" {
		os.Exit(m.Run())
	}
	server := httptest.NewServer(http.HandlerFunc(pretend))
	fmt.Println(server.URL)
	bufio.NewReader(os.Stdin).ReadString('\n') // until the parent is gone
}

// pretend answers for 5,000 nodes or 150,000 pods, in the form of Prometheus.
func pretend(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("query")
	now := float64(time.Now().UnixMilli()) / 1000
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush()
	out.WriteString(`{"status":"success","data":{"resultType":"vector","result":[`)
	n, pods := benchNodes, strings.Contains(query, "namespace")
	if pods {
		n = benchPods
	}
	evaluated := strconv.FormatFloat(now, 'f', 3, 64)
	times := strings.HasPrefix(query, "max by") && strings.Contains(query, "timestamp(")
	var line []byte
	for i := range n {
		line = line[:0]
		if i > 0 {
			line = append(line, ',')
		}
		if pods {
			line = fmt.Appendf(line, `{"metric":{"namespace":"team-%d","pod":"service-%d-5d89bdcf78-%s"},"value":[`, i/300, i/30, suffix(i))
		} else {
			line = fmt.Appendf(line, `{"metric":{"node":"node-%d.zone-a.example.internal"},"value":[`, i)
		}
		line = append(append(line, evaluated...), `,"`...)
		if times {
			line = strconv.AppendFloat(line, now-1, 'f', 3, 64)
		} else {
			line = strconv.AppendFloat(line, 0.1234567890123+float64(i)/7, 'f', -1, 64)
		}
		out.Write(append(line, `"]}`...))
	}
	out.WriteString(`]}}`)
}

func suffix(i int) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	var b [5]byte
	for p := range b {
		b[p] = letters[i%len(letters)]
		i /= len(letters)
	}
	return string(b[:])
}

func startServer(b *testing.B) string {
	b.Helper()
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), serverFlag+"=1")
	stdin, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		server.Wait()
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(url)
}

func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakRSS is the most memory that this process ever held, by the kernel.
func peakRSS() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Maxrss) / 1024
}

// BenchmarkRefresh reads Mean and Deviation of CPU, memory, network and disk of
// 5,000 nodes and 150,000 pods: what happens every 15 seconds. The budget is 15
// seconds of CPU and 500 MB.
func BenchmarkRefresh(b *testing.B) {
	for name, statistics := range map[string][]usage.Statistic{
		"every15s": {usage.Mean, usage.Deviation},
		"p95":      {usage.P95},
		"peak":     {usage.Peak},
	} {
		b.Run(name, func(b *testing.B) { benchmarkRefresh(b, statistics) })
	}
}

func benchmarkRefresh(b *testing.B, statistics []usage.Statistic) {
	cfg := usage.Config{Prometheus: &usage.PrometheusConfig{Address: startServer(b)}}
	source, err := prometheus.New(cfg, nil)
	if err != nil {
		b.Fatal(err)
	}
	collector, err := usage.NewCollector(cfg, source, clock.RealClock{}, clientprometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	for range 2 { // until everything is known and slabs have grown
		if !collector.Refresh(b.Context(), usage.Mean, usage.Deviation, usage.P95, usage.Peak) {
			b.Fatal("nothing was read")
		}
	}
	nodes, pods, workloads := collector.Snapshot().Len()
	if nodes != benchNodes || pods != benchPods {
		b.Fatalf("%d nodes, %d pods, %d workloads", nodes, pods, workloads)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu := processCPU()
	for b.Loop() {
		collector.Refresh(b.Context(), statistics...)
	}
	cpu = processCPU() - cpu
	runtime.ReadMemStats(&after)
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/refresh")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/1e6, "MB-garbage/refresh")
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc)/1e6, "MB-live")
	b.ReportMetric(peakRSS(), "MB-peak-rss")
	runtime.KeepAlive(collector)
}

var sink *usage.Node

// BenchmarkSnapshotNode is what Score does for each node.
func BenchmarkSnapshotNode(b *testing.B) {
	builder := usage.NewBuilder(time.Now())
	names := make([]string, benchNodes)
	for i := range names {
		names[i] = fmt.Sprintf("node-%d.zone-a.example.internal", i)
		builder.Node(names[i], usage.CPU, usage.Mean, 1, time.Now())
	}
	snapshot := builder.Build()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		sink = snapshot.Node(names[i%benchNodes])
		i++
	}
}

func TestSnapshotNodeAllocatesNothing(t *testing.T) {
	snapshot := usage.NewBuilder(time.Now()).Node("a", usage.CPU, usage.Mean, 1, time.Now()).Build()
	if n := testing.AllocsPerRun(100, func() { sink = snapshot.Node("a") }); n != 0 {
		t.Errorf("Node allocates %v times", n)
	}
}
