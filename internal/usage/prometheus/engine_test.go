package prometheus

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// server is a real PromQL engine over a real TSDB, behind the HTTP API. Its
// clock stands still.
type server struct {
	*httptest.Server
	now     time.Time
	queries atomic.Int64
}

func serve(t testing.TB, db *tsdb.DB, now time.Time) *server {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true,
	})
	s := &server{now: now}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.queries.Add(1)
		query, err := engine.NewInstantQuery(r.Context(), db, nil, r.FormValue("query"), s.now)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(map[string]any{"status": "error", "errorType": "bad_data", "error": err.Error()})
			return
		}
		defer query.Close()
		vector, err := query.Exec(r.Context()).Vector()
		if err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			json.NewEncoder(w).Encode(map[string]any{"status": "error", "errorType": "execution", "error": err.Error()})
			return
		}
		result := []any{}
		for _, sample := range vector {
			result = append(result, map[string]any{
				"metric": sample.Metric.Map(),
				"value":  []any{float64(sample.T) / 1000, strconv.FormatFloat(sample.F, 'f', -1, 64)},
			})
		}
		json.NewEncoder(w).Encode(map[string]any{
			"status": "success", "data": map[string]any{"resultType": "vector", "result": result},
		})
	}))
	t.Cleanup(s.Close)
	return s
}

func openDB(t testing.TB) *tsdb.DB {
	t.Helper()
	options := tsdb.DefaultOptions()
	options.RetentionDuration = 0
	options.MinBlockDuration, options.MaxBlockDuration = time.Hour.Milliseconds()*24, time.Hour.Milliseconds()*24
	db, err := tsdb.Open(t.TempDir(), nil, nil, options, nil)
	if err != nil {
		t.Fatalf("opening the TSDB: %v", err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// curve is a series of the world: its value at each moment.
type curve struct {
	labels labels.Labels
	// rate is the growth per second of a counter, or the value of a gauge.
	rate    func(at time.Time) float64
	gauge   bool
	from    time.Time // zero: the beginning
	until   time.Time // zero: now
	silence bool      // it ends as a scrape that fails ends it
}

func counter(rate float64, kv ...string) curve {
	return curve{labels: labels.FromStrings(kv...), rate: func(time.Time) float64 { return rate }}
}

func gauge(v float64, kv ...string) curve {
	c := counter(v, kv...)
	c.gauge = true
	return c
}

// record scrapes the curves.
func record(t testing.TB, db *tsdb.DB, curves []curve, start, now time.Time, interval time.Duration) {
	t.Helper()
	appender := db.Appender(context.Background())
	for _, c := range curves {
		total := 0.0
		for at := start; !at.After(now); at = at.Add(interval) {
			if at.Before(c.from) {
				continue
			}
			if !c.until.IsZero() && at.After(c.until) {
				if c.silence {
					mustAppend(t, appender, c.labels, at, math.Float64frombits(value.StaleNaN))
				}
				break
			}
			v := c.rate(at)
			if !c.gauge {
				// So much per second that the rate in real seconds is that of a
				// world sped up as much as interval is short.
				total += v * interval.Seconds()
				v = total
			}
			mustAppend(t, appender, c.labels, at, v)
		}
	}
	if err := appender.Commit(); err != nil {
		t.Fatalf("committing: %v", err)
	}
}

func mustAppend(t testing.TB, appender storage.Appender, l labels.Labels, at time.Time, v float64) {
	t.Helper()
	if _, err := appender.Append(0, l, at.UnixMilli(), v); err != nil {
		t.Fatalf("appending to %s: %v", l, err)
	}
}

const (
	app   = "app"
	shop  = "shop"
	webA  = "web-5d89bdcf78-bbbbb"
	gone  = "web-5d89bdcf78-ggggg"
	young = "web-5d89bdcf78-yyyyy"
	older = "web-6c4f59d4b7-zzzzz"
)

// world is the clock of a test: real time, or real time sped up.
type world struct {
	speed int64
	now   time.Time
}

func (w world) span(d time.Duration) time.Duration { return d / time.Duration(w.speed) }
func (w world) ago(d time.Duration) time.Time      { return w.now.Add(-w.span(d)) }

func (w world) config(address string) usage.Config {
	days := 3
	span := func(d time.Duration) metav1.Duration { return metav1.Duration{Duration: w.span(d)} }
	cfg := usage.Config{Prometheus: &usage.PrometheusConfig{Address: address, Windows: usage.WindowsConfig{
		Recent:     span(5 * time.Minute),
		Resolution: span(2 * time.Minute),
		Deviation:  usage.WindowConfig{Window: span(15 * time.Minute), Step: span(time.Minute)},
		Hour:       usage.WindowConfig{Window: span(time.Hour), Step: span(time.Minute)},
		Season:     usage.SeasonConfig{Period: span(2 * time.Hour), Width: span(20 * time.Minute), Days: &days, Step: span(time.Minute)},
	}}}
	cfg.Default()
	return cfg
}

// deadFor is for how long one exporter has been dead.
const deadFor = 3 * time.Minute

// memoryAt is a node's available memory, never twice the same within minutes.
func (w world) memoryAt(at time.Time) float64 {
	return 500 + 400*math.Sin(float64(at.UnixMilli())/float64(w.span(7*time.Minute).Milliseconds()))
}

func (w world) curves() []curve {
	var out []curve
	// alpha's series name their node; beta's do not, and its exporter is dead.
	for _, n := range []struct {
		node, instance string
		until          time.Time
	}{
		{node: "alpha", instance: "10.0.0.1:9100"},
		{node: "", instance: "10.0.0.2:9100", until: w.ago(deadFor)},
	} {
		for _, c := range w.nodeCurves() {
			b := labels.NewBuilder(c.labels).Set("instance", n.instance).Set("job", "node-exporter")
			if n.node != "" {
				b.Set("node", n.node)
			}
			c.labels, c.until, c.silence = b.Labels(), n.until, true
			out = append(out, c)
		}
	}
	out = append(out,
		curve{labels: labels.FromStrings("__name__", "node_uname_info", "instance", "10.0.0.2:9100", "nodename", "beta"), gauge: true, rate: one, until: w.ago(deadFor), silence: true},
		// The address was gamma's until some minutes ago: it must break nothing.
		curve{labels: labels.FromStrings("__name__", "node_uname_info", "instance", "10.0.0.2:9100", "nodename", "gamma"), gauge: true, rate: one, until: w.ago(4 * time.Minute), silence: true},
	)
	return append(out, w.podCurves()...)
}

func one(time.Time) float64 { return 1 }

func (w world) nodeCurves() []curve {
	day := w.span(2 * time.Hour)
	rush := func(at time.Time) float64 {
		if d := at.Sub(w.now.Add(-2 * day)); d > w.span(-5*time.Minute) && d < w.span(5*time.Minute) {
			return 1.5
		}
		return 0.5
	}
	memory := gauge(0, "__name__", "node_memory_MemAvailable_bytes")
	memory.rate = w.memoryAt
	out := []curve{
		gauge(1000, "__name__", "node_memory_MemTotal_bytes"), memory,
		counter(10, "__name__", "node_network_receive_bytes_total", "device", "eth0"),
		counter(5, "__name__", "node_network_transmit_bytes_total", "device", "eth0"),
		gauge(125e6, "__name__", "node_network_speed_bytes", "device", "eth0"),
		gauge(-1, "__name__", "node_network_speed_bytes", "device", "eth1"),
	}
	for _, device := range []string{"lo", "veth12", "cali34", "eth0.100", "bond0", "docker0"} {
		out = append(out,
			counter(1000, "__name__", "node_network_receive_bytes_total", "device", device),
			counter(1000, "__name__", "node_network_transmit_bytes_total", "device", device))
	}
	for _, device := range []string{"sda", "dm-0", "md127", "loop3"} {
		out = append(out,
			counter(3, "__name__", "node_disk_read_bytes_total", "device", device),
			counter(4, "__name__", "node_disk_written_bytes_total", "device", device))
	}
	for _, cpu := range []string{"0", "1"} {
		user := counter(0, "__name__", "node_cpu_seconds_total", "cpu", cpu, "mode", "user")
		user.rate = rush
		out = append(out, user,
			counter(0.1, "__name__", "node_cpu_seconds_total", "cpu", cpu, "mode", "system"),
			counter(0.2, "__name__", "node_cpu_seconds_total", "cpu", cpu, "mode", "iowait"),
			counter(0.1, "__name__", "node_cpu_seconds_total", "cpu", cpu, "mode", "steal"),
			counter(0.1, "__name__", "node_cpu_seconds_total", "cpu", cpu, "mode", "idle"))
	}
	return out
}

func (w world) podCurves() []curve {
	var out []curve
	pods := []struct {
		name        string
		from, until time.Time
		factor      float64
	}{
		{name: webA, factor: 1},
		{name: gone, factor: 2, until: w.ago(30 * time.Minute)},
		{name: young, factor: 1, from: w.ago(150 * time.Second)},
		{name: older, factor: 3, until: w.ago(2 * time.Hour)},
	}
	for _, p := range pods {
		set := func(c curve) {
			rate := c.rate
			c.rate = func(at time.Time) float64 { return p.factor * rate(at) }
			c.labels = labels.NewBuilder(c.labels).Set("namespace", shop).Set("pod", p.name).Set("node", "alpha").Labels()
			c.until, c.silence = p.until, true
			if !p.from.IsZero() {
				c.from = p.from
			}
			out = append(out, c)
		}
		for _, container := range []string{app, "sidecar"} {
			set(counter(0.25, "__name__", "container_cpu_usage_seconds_total", "container", container, "id", "/1", "image", "i"))
			set(counter(2, "__name__", "container_fs_reads_bytes_total", "container", container, "device", "/dev/sda"))
			set(counter(3, "__name__", "container_fs_writes_bytes_total", "container", container, "device", "/dev/sda"))
			set(counter(2, "__name__", "container_fs_reads_bytes_total", "container", container, "device", "/dev/dm-0"))
			set(gauge(100, "__name__", "container_memory_working_set_bytes", "container", container, "id", "/1", "image", "i"))
		}
		// The pod's control group, and its sandbox.
		set(counter(0.5, "__name__", "container_cpu_usage_seconds_total", "container", "", "id", "/0"))
		set(counter(0.01, "__name__", "container_cpu_usage_seconds_total", "container", "POD", "id", "/2"))
		set(gauge(200, "__name__", "container_memory_working_set_bytes", "container", "", "id", "/0"))
		set(counter(4, "__name__", "container_fs_reads_bytes_total", "container", "", "device", "/dev/sda", "id", "/0"))
		set(counter(6, "__name__", "container_fs_writes_bytes_total", "container", "", "device", "/dev/sda", "id", "/0"))
		// The network is the sandbox's.
		set(counter(6, "__name__", "container_network_receive_bytes_total", "container", "POD", "interface", "eth0"))
		set(counter(1, "__name__", "container_network_transmit_bytes_total", "container", "POD", "interface", "eth0"))
		set(counter(100, "__name__", "container_network_receive_bytes_total", "container", "POD", "interface", "lo"))
		set(counter(100, "__name__", "container_network_transmit_bytes_total", "container", "POD", "interface", "lo"))
	}
	// webA's app started anew two minutes ago: for a while it has two series.
	restarted := gauge(80, "__name__", "container_memory_working_set_bytes", "container", app, "id", "/9", "image", "i", "namespace", shop, "pod", webA, "node", "alpha")
	restarted.from = w.ago(2 * time.Minute)
	return append(out, restarted)
}

type readings map[usage.Object]map[usage.Dimension]usage.Sample

func readAll(t testing.TB, s *Source, statistic usage.Statistic) readings {
	t.Helper()
	out := readings{}
	err := s.Read(context.Background(), statistic, func(r usage.Reading) {
		if out[r.Object] == nil {
			out[r.Object] = map[usage.Dimension]usage.Sample{}
		}
		if _, twice := out[r.Object][r.Dimension]; twice {
			t.Errorf("%s %s of %v came twice", statistic, r.Dimension, r.Object)
		}
		out[r.Object][r.Dimension] = r.Sample
	})
	if err != nil {
		t.Fatalf("reading %s: %v", statistic, err)
	}
	return out
}

func TestPresetOnRealEngine(t *testing.T) {
	for name, speed := range map[string]int64{"as it is": 1, "sixty times faster": 60} {
		t.Run(name, func(t *testing.T) {
			w := world{speed: speed, now: time.Date(2026, 11, 21, 12, 0, 7, 250e6, time.UTC)}
			db := openDB(t)
			interval := w.span(15 * time.Second)
			// The scrapes are not in step with the question: the last was 5 s ago.
			last := w.ago(5 * time.Second)
			start := last.Add(-interval * (7 * 240))
			record(t, db, w.curves(), start, last, interval)
			server := serve(t, db, w.now)
			source, err := New(w.config(server.URL), nil)
			if err != nil {
				t.Fatal(err)
			}
			checkPreset(t, w, source, last)
		})
	}
}

// lastBefore is the last scrape at or before then.
func (w world) lastBefore(last time.Time, ago time.Duration) time.Time {
	interval := w.span(15 * time.Second)
	for last.After(w.ago(ago)) {
		last = last.Add(-interval)
	}
	return last
}

func checkPreset(t *testing.T, w world, source *Source, last time.Time) {
	t.Helper()
	var (
		alpha, beta = usage.Object{Name: "alpha"}, usage.Object{Name: "beta"}
		web         = usage.Object{Namespace: shop, Name: webA}
		goneHalf    = usage.Object{Namespace: shop, Name: gone}
		goneLong    = usage.Object{Namespace: shop, Name: older}
		now         = last.UnixMilli()
		dead        = w.lastBefore(last, deadFor).UnixMilli()
		halfHour    = w.lastBefore(last, 30*time.Minute).UnixMilli()
		points      = w.memoryPoints(last)
	)
	check := func(statistic usage.Statistic, got readings, o usage.Object, want map[usage.Dimension]usage.Sample, slack time.Duration) {
		t.Helper()
		if len(got[o]) != len(want) {
			t.Errorf("%s of %v is %v, want %v", statistic, o, got[o], want)
		}
		for d, w := range want {
			g := got[o][d]
			if math.Abs(g.Value-w.Value) > 1e-3*max(1, w.Value) || g.At > w.At || w.At-g.At > slack.Milliseconds() {
				t.Errorf("%s %s of %v is %v, want %v, at most %v older", statistic, d, o, g, w, slack)
			}
		}
	}
	all := func(at int64, cpu, memory, network, disk float64) map[usage.Dimension]usage.Sample {
		return map[usage.Dimension]usage.Sample{
			usage.CPU: {Value: cpu, At: at}, usage.Memory: {Value: memory, At: at},
			usage.Network: {Value: network, At: at}, usage.Disk: {Value: disk, At: at},
		}
	}

	got := readAll(t, source, usage.Mean)
	check(usage.Mean, got, alpha, all(now, 1.2, 1000-w.average(last, w.now, 5*time.Minute), 15, 7), 0)
	check(usage.Mean, got, beta, nil, 0) // its rate would seem to fall
	check(usage.Mean, got, web, all(now, 0.5, 200, 7, 10), 0)
	check(usage.Mean, got, goneHalf, nil, 0)
	check(usage.Mean, got, usage.Object{Namespace: shop, Name: young}, nil, 0) // half of it would be from before it began
	if _, ok := got[usage.Object{Name: ""}]; ok {
		t.Error("a node without a name was read")
	}

	got = readAll(t, source, usage.Deviation)
	check(usage.Deviation, got, alpha, all(now, 0, deviation(points[len(points)-15:]), 0, 0), 0)
	check(usage.Deviation, got, beta, nil, 0) // it was not there two steps ago

	got = readAll(t, source, usage.P95)
	check(usage.P95, got, alpha, all(now, 1.2, quantile(0.95, points[len(points)-60:]), 15, 7), 0)
	check(usage.P95, got, beta, all(dead, 1.2, got[beta][usage.Memory].Value, 15, 7), w.span(3*time.Minute))
	check(usage.P95, got, web, all(now, 0.5, 200, 7, 10), 0)
	check(usage.P95, got, goneHalf, all(halfHour, 1, 400, 14, 20), w.span(3*time.Minute))
	check(usage.P95, got, goneLong, nil, 0)

	got = readAll(t, source, usage.Peak)
	if cpu := got[alpha][usage.CPU]; math.Abs(cpu.Value-3.2) > 0.01 || cpu.At != now {
		t.Errorf("the peak of alpha's CPU is %v, want 3.2 of the rush two days ago, at %d", cpu, now)
	}
	check(usage.Peak, got, web, all(now, 0.5, 200, 7, 10), 0)
	day := w.now.Add(-w.span(2*time.Hour + 10*time.Minute)).UnixMilli()
	check(usage.Peak, got, goneLong, all(day, 1.5, 600, 21, 30), time.Second)

	got = readAll(t, source, usage.Capacity)
	check(usage.Capacity, got, alpha, map[usage.Dimension]usage.Sample{usage.Network: {Value: 125e6, At: now}}, 0)
}

// average is what avg_over_time makes of available memory at a time.
func (w world) average(last, at time.Time, window time.Duration) float64 {
	var sum, n float64
	for s := last; s.After(at.Add(-w.span(window))); s = s.Add(-w.span(15 * time.Second)) {
		if s.After(at) {
			continue
		}
		sum += w.memoryAt(s)
		n++
	}
	return sum / n
}

// memoryPoints are the last hour's points of used memory, oldest first: at
// multiples of a minute, each over the two minutes before.
func (w world) memoryPoints(last time.Time) []float64 {
	var out []float64
	step := w.span(time.Minute)
	at := time.UnixMilli(w.now.UnixMilli() / step.Milliseconds() * step.Milliseconds())
	for range 60 {
		out = append(out, 1000-w.average(last, at, 2*time.Minute))
		at = at.Add(-step)
	}
	slices.Reverse(out)
	return out
}

func deviation(points []float64) float64 {
	var mean, squares float64
	for _, p := range points {
		mean += p / float64(len(points))
	}
	for _, p := range points {
		squares += (p - mean) * (p - mean) / float64(len(points))
	}
	return math.Sqrt(squares)
}

// quantile is PromQL's: it takes a straight line between ranks.
func quantile(q float64, points []float64) float64 {
	points = slices.Sorted(slices.Values(points))
	rank := q * float64(len(points)-1)
	low := int(rank)
	high := min(low+1, len(points)-1)
	return points[low] + (rank-float64(low))*(points[high]-points[low])
}
