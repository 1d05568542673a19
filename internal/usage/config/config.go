// Package config is how usage is configured: where it is read, how often, and
// over which stretches of time. Its types go by the names of package usage.
package config

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Config says where usage is read and how often. One source is chosen by
// setting its field; with none set it is the metrics.k8s.io API.
type Config struct {
	// RefreshInterval is how often means and deviations are read. Default 15s.
	RefreshInterval metav1.Duration `json:"refreshInterval,omitzero"`
	// P95Interval is how often the 95th percentiles are read. Default 1m.
	P95Interval metav1.Duration `json:"p95Interval,omitzero"`
	// PeakInterval is how often the peaks of earlier days are read. Default 30m.
	PeakInterval metav1.Duration `json:"peakInterval,omitzero"`
	// CapacityInterval is how often capacities are read. Default 10m.
	CapacityInterval metav1.Duration `json:"capacityInterval,omitzero"`
	// Timeout bounds one query of the source. Default 30s.
	Timeout metav1.Duration `json:"timeout,omitzero"`
	// Retention is how long an object is remembered after its last sample was
	// true. It bounds memory, and is how long gone pods teach about their
	// workload. Default 1h.
	Retention metav1.Duration `json:"retention,omitzero"`
	// MaxSkew is how far in the future a sample may lie, by the clock of this
	// process, before it is dropped. Default 30s.
	MaxSkew metav1.Duration `json:"maxSkew,omitzero"`

	// Prometheus reads from a Prometheus, or what speaks its HTTP API.
	Prometheus *Prometheus `json:"prometheus,omitempty"`
	// MetricsAPI reads from metrics.k8s.io, as served by metrics-server.
	MetricsAPI *MetricsAPI `json:"metricsAPI,omitempty"`
	// LoadWatcher reads from a load-watcher, as Trimaran's users have.
	LoadWatcher *LoadWatcher `json:"loadWatcher,omitempty"`
}

// Prometheus says how to reach a Prometheus and what to ask of it.
type Prometheus struct {
	// Address is its URL, with the path before /api/v1 if there is one.
	Address string `json:"address"`
	// BearerTokenFile holds the token sent along; read anew for each query.
	BearerTokenFile string `json:"bearerTokenFile,omitempty"`
	// CAFile holds the certificates (PEM) to trust instead of the system's.
	CAFile string `json:"caFile,omitempty"`
	// CertFile and KeyFile hold the client's certificate and key (PEM).
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
	// MaxResponseBytes bounds the answer to one query. Default 128 MiB.
	MaxResponseBytes int64 `json:"maxResponseBytes,omitempty"`
	// Concurrency is how many queries run at once. Default 2.
	Concurrency int `json:"concurrency,omitempty"`

	// Preset chooses the queries: "node-exporter-cadvisor" (default), or "none".
	Preset string `json:"preset,omitempty"`
	// Queries overrides queries of the preset.
	Queries Queries `json:"queries,omitzero"`
	// NodeLabel is the label with a node's name. Default: "node", and for series
	// of node-exporter without it, the nodename of node_uname_info of the same
	// instance. A value such as node-1:9100 stands for node-1.
	NodeLabel string `json:"nodeLabel,omitempty"`
	// NamespaceLabel and PodLabel name a pod. Default "namespace" and "pod".
	NamespaceLabel string `json:"namespaceLabel,omitempty"`
	PodLabel       string `json:"podLabel,omitempty"`
	// Windows are the stretches of time that the statistics are made of.
	Windows Windows `json:"windows,omitzero"`
}

// Presets of Prometheus.
const (
	PresetNodeExporterCAdvisor = "node-exporter-cadvisor"
	PresetNone                 = "none"
)

// Queries has the queries of nodes and pods, and of what nodes can carry.
type Queries struct {
	Nodes DimensionQueries `json:"nodes,omitzero"`
	Pods  DimensionQueries `json:"pods,omitzero"`
	// Capacity is the nodes' capacity; its queries are evaluated as they are,
	// with the recent window for $window.
	Capacity DimensionQueries `json:"capacity,omitzero"`
}

// DimensionQueries has a query for each dimension.
type DimensionQueries struct {
	CPU     *Query `json:"cpu,omitempty"`
	Memory  *Query `json:"memory,omitempty"`
	Network *Query `json:"network,omitempty"`
	Disk    *Query `json:"disk,omitempty"`
}

// List returns the queries in the order of the dimensions, nil where there is none.
func (q *DimensionQueries) List() [4]*Query {
	return [...]*Query{q.CPU, q.Memory, q.Network, q.Disk}
}

// dimensions are the fields of DimensionQueries, as they are spelt.
var dimensions = [...]string{"cpu", "memory", "network", "disk"}

// Query is how one dimension is measured.
type Query struct {
	// Rate is an instant PromQL expression, one series for each node (or each
	// namespace and pod), in the unit of the dimension. $window in it stands for
	// the stretch of time to average over; without $window, as for a recording
	// rule, it is averaged in a subquery.
	Rate string `json:"rate,omitempty"`
	// Samples selects the series that Rate is made of. The newest of their
	// samples says how old the rate is. Default: Rate, if it is a plain selector.
	Samples string `json:"samples,omitempty"`
	// Disabled leaves the dimension unknown: nothing is asked.
	Disabled bool `json:"disabled,omitempty"`
}

// Windows has the stretches of time behind the statistics.
type Windows struct {
	// Recent is what Mean averages over. Default 5m.
	Recent metav1.Duration `json:"recent,omitzero"`
	// Resolution is what each point of the other statistics averages over: at
	// least two scrape intervals. Default 2m.
	Resolution metav1.Duration `json:"resolution,omitzero"`
	// Deviation is what Deviation is taken over. Default 15m in steps of 1m.
	Deviation Window `json:"deviation,omitzero"`
	// Hour is what P95 is taken over. Default 1h in steps of 1m.
	Hour Window `json:"hour,omitzero"`
	// Season is what Peak is taken over.
	Season Season `json:"season,omitzero"`
}

// Window is a stretch of time up to now, seen at steps.
type Window struct {
	Window metav1.Duration `json:"window,omitzero"`
	Step   metav1.Duration `json:"step,omitzero"`
}

// Season says which hours of which earlier days foretell the coming ones.
type Season struct {
	// Period is after how long load repeats. Default 24h.
	Period metav1.Duration `json:"period,omitzero"`
	// Width is the stretch around this time of day. Default 2h.
	Width metav1.Duration `json:"width,omitzero"`
	// Days is how many periods back to look, up to 14; 0 leaves Peak unknown.
	// Default 3.
	Days *int `json:"days,omitempty"`
	// Step is how finely. Default 5m.
	Step metav1.Duration `json:"step,omitzero"`
}

// MetricsAPI says how to read metrics.k8s.io. It has no past: Deviation
// and P95 come from what this process saw since it started, Peak stays unknown.
type MetricsAPI struct {
	// MaxResponseBytes bounds one answer. Default 256 MiB.
	MaxResponseBytes int64 `json:"maxResponseBytes,omitempty"`
	// Windows are the stretches behind Deviation and P95.
	Windows History `json:"windows,omitzero"`
}

// History has the stretches of time over which a process that can only ask
// for the present makes its own Deviation and P95.
type History struct {
	// Deviation is what Deviation is taken over. Default 15m.
	Deviation metav1.Duration `json:"deviation,omitzero"`
	// Hour is what P95 is taken over. Default 1h.
	Hour metav1.Duration `json:"hour,omitzero"`
	// Step is how finely. Default 1m.
	Step metav1.Duration `json:"step,omitzero"`
}

// LoadWatcher says how to reach a load-watcher. It knows nodes only.
type LoadWatcher struct {
	// Address is its URL; /watcher is appended.
	Address string `json:"address"`
	// MaxResponseBytes bounds one answer. Default 64 MiB.
	MaxResponseBytes int64 `json:"maxResponseBytes,omitempty"`
	// Windows are the stretches behind P95, and behind Deviation where the
	// load-watcher has none.
	Windows History `json:"windows,omitzero"`
}

// Default sets what was left open.
func (c *Config) Default() {
	setDuration(&c.RefreshInterval, 15*time.Second)
	setDuration(&c.P95Interval, time.Minute)
	setDuration(&c.PeakInterval, 30*time.Minute)
	setDuration(&c.CapacityInterval, 10*time.Minute)
	setDuration(&c.Timeout, 30*time.Second)
	setDuration(&c.Retention, time.Hour)
	setDuration(&c.MaxSkew, 30*time.Second)
	if c.Prometheus == nil && c.MetricsAPI == nil && c.LoadWatcher == nil {
		c.MetricsAPI = &MetricsAPI{}
	}
	if c.Prometheus != nil {
		c.Prometheus.setDefaults()
	}
	if c.MetricsAPI != nil {
		setValue(&c.MetricsAPI.MaxResponseBytes, 256<<20)
		c.MetricsAPI.Windows.Default()
	}
	if c.LoadWatcher != nil {
		setValue(&c.LoadWatcher.MaxResponseBytes, 64<<20)
		c.LoadWatcher.Windows.Default()
	}
}

func (p *Prometheus) setDefaults() {
	setValue(&p.MaxResponseBytes, 128<<20)
	setValue(&p.Concurrency, 2)
	setValue(&p.Preset, PresetNodeExporterCAdvisor)
	setValue(&p.NamespaceLabel, "namespace")
	setValue(&p.PodLabel, "pod")
	w := &p.Windows
	setDuration(&w.Recent, 5*time.Minute)
	setDuration(&w.Resolution, 2*time.Minute)
	setDuration(&w.Deviation.Window, 15*time.Minute)
	setDuration(&w.Deviation.Step, time.Minute)
	setDuration(&w.Hour.Window, time.Hour)
	setDuration(&w.Hour.Step, time.Minute)
	setDuration(&w.Season.Period, 24*time.Hour)
	setDuration(&w.Season.Width, 2*time.Hour)
	setDuration(&w.Season.Step, 5*time.Minute)
	if w.Season.Days == nil {
		days := 3
		w.Season.Days = &days
	}
}

// Default sets what was left open.
func (h *History) Default() {
	setDuration(&h.Deviation, 15*time.Minute)
	setDuration(&h.Hour, time.Hour)
	setDuration(&h.Step, time.Minute)
}

func setDuration(d *metav1.Duration, value time.Duration) {
	if d.Duration == 0 {
		d.Duration = value
	}
}

func setValue[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Key is what two equal configurations, once defaulted, have in common and two
// different ones have not.
func (c *Config) Key() (string, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding the usage configuration: %w", err)
	}
	return string(raw), nil
}

// Kind names the source, for metrics and messages.
func (c *Config) Kind() string {
	switch {
	case c.Prometheus != nil:
		return "prometheus"
	case c.LoadWatcher != nil:
		return "loadwatcher"
	default:
		return "metricsapi"
	}
}

// ID tells configurations apart in metrics.
func (c *Config) ID() string {
	h := fnv.New32a()
	if key, err := c.Key(); err == nil {
		h.Write([]byte(key))
	}
	return fmt.Sprintf("%08x", h.Sum32())
}
