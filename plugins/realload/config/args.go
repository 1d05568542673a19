// Package config is how the realload plugin is configured: its arguments, what
// they default to and what of them makes no sense.
package config

import (
	"math"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// The modes of Args.
const (
	// ModeSpread prefers the node least at risk of overload.
	ModeSpread = "spread"
	// ModePack fills nodes up to a target.
	ModePack = "pack"
	// ModeTargetLoadPacking and ModeLoadVariationRiskBalancing score as
	// Trimaran's plugins of these names do, and do not filter unless tiers are given.
	ModeTargetLoadPacking          = "targetLoadPacking"
	ModeLoadVariationRiskBalancing = "loadVariationRiskBalancing"
)

// Args are the plugin's arguments.
type Args struct {
	metav1.TypeMeta `json:",inline"`

	// Mode is what a good node is: spread (default), pack, targetLoadPacking or
	// loadVariationRiskBalancing.
	Mode string `json:"mode,omitempty"`
	// Target is the load that pack fills nodes to, in per cent. Default 60.
	Target int64 `json:"target,omitempty"`
	// RiskFactor is z in µ + z·σ: how many deviations above the mean pack takes a
	// node's load to be, and explanations tell it to be at its worst. Spread takes
	// the node whose load is the most deviations away. Default 1.5.
	RiskFactor *float64 `json:"riskFactor,omitempty"`

	// Warmup is how long a pod must have run before its own usage is believed
	// instead of its workload's. Default 2m.
	Warmup metav1.Duration `json:"warmup,omitzero"`
	// FreshFor is how old a sample may be and be fully trusted. Default 90s.
	FreshFor metav1.Duration `json:"freshFor,omitzero"`
	// ExpireAfter is how old a sample must be to count for nothing. Default 5m.
	ExpireAfter metav1.Duration `json:"expireAfter,omitzero"`
	// ClockSkew is how far in the future a sample may lie. Default 30s.
	ClockSkew metav1.Duration `json:"clockSkew,omitzero"`

	// Requests says what a pod of which nothing was measured is believed to use.
	Requests RequestsArgs `json:"requests,omitzero"`
	// Capacity is what each node can carry where the usage source does not know
	// it. Without either, the dimension is not judged.
	Capacity CapacityArgs `json:"capacity,omitzero"`
	// Tiers say who may go where. Default: critical, normal and batch.
	Tiers []Tier `json:"tiers,omitempty"`
	// CountIncoming has Filter refuse a node that the pod itself would make hot.
	// Default true.
	CountIncoming *bool `json:"countIncoming,omitempty"`

	// TargetLoadPacking are the arguments of that mode.
	TargetLoadPacking TargetLoadPackingArgs `json:"targetLoadPacking,omitzero"`
	// LoadVariationRiskBalancing are the arguments of that mode.
	LoadVariationRiskBalancing LoadVariationRiskBalancingArgs `json:"loadVariationRiskBalancing,omitzero"`

	// Usage says where usage is read from.
	Usage usage.Config `json:"usage,omitzero"`
}

// RequestsArgs turn requests into usage, until the cluster itself has taught
// what its pods use of what they request.
type RequestsArgs struct {
	// CPUFactor and MemoryFactor are the share of its request that a pod uses.
	// Default 0.85 and 0.7.
	CPUFactor    *float64 `json:"cpuFactor,omitempty"`
	MemoryFactor *float64 `json:"memoryFactor,omitempty"`
	// DefaultCPU and DefaultMemory are what a pod without a request uses.
	// Default 250m and 200Mi.
	DefaultCPU    *resource.Quantity `json:"defaultCPU,omitempty"`
	DefaultMemory *resource.Quantity `json:"defaultMemory,omitempty"`
}

// CapacityArgs are bytes a second.
type CapacityArgs struct {
	Network *resource.Quantity `json:"network,omitempty"`
	Disk    *resource.Quantity `json:"disk,omitempty"`
}

// Tier is a class of pods, by priority, with what it bears.
type Tier struct {
	// Name is for metrics and messages.
	Name string `json:"name"`
	// MinPriority is the least priority of the tier's pods. A pod belongs to the
	// tier with the highest MinPriority that it reaches.
	MinPriority int32 `json:"minPriority"`
	// HotAbove is the load, in per cent, above which a node is hot for this tier.
	// A dimension left out never makes a node hot.
	HotAbove Percentages `json:"hotAbove,omitzero"`
	// CoolBelow is the load that a hot node must fall below to be cool again.
	// Default: ten points less than HotAbove.
	CoolBelow Percentages `json:"coolBelow,omitzero"`
	// Patience is how long a pod stays away from hot nodes before it takes one.
	// Default 5m.
	Patience metav1.Duration `json:"patience,omitzero"`
}

// Percentages has one value for each dimension.
type Percentages struct {
	CPU     *int64 `json:"cpu,omitempty"`
	Memory  *int64 `json:"memory,omitempty"`
	Network *int64 `json:"network,omitempty"`
	Disk    *int64 `json:"disk,omitempty"`
}

// TargetLoadPackingArgs mean what they mean to Trimaran.
type TargetLoadPackingArgs struct {
	// TargetUtilization is in per cent. Default 40.
	TargetUtilization int64 `json:"targetUtilization,omitempty"`
	// DefaultRequests is the CPU of a container without limit and request. Default 1.
	DefaultRequests *resource.Quantity `json:"defaultRequests,omitempty"`
	// DefaultRequestsMultiplier makes usage of the request of a container without
	// limit. Default 1.5.
	DefaultRequestsMultiplier *float64 `json:"defaultRequestsMultiplier,omitempty"`
}

// LoadVariationRiskBalancingArgs mean what they mean to Trimaran.
type LoadVariationRiskBalancingArgs struct {
	// SafeVarianceMargin multiplies the deviation. Default 1.
	SafeVarianceMargin *float64 `json:"safeVarianceMargin,omitempty"`
	// SafeVarianceSensitivity is the root taken of the deviation. Default 1.
	SafeVarianceSensitivity *float64 `json:"safeVarianceSensitivity,omitempty"`
}

// setDefaults sets what was left open.
func (a *Args) setDefaults() {
	setDefault(&a.Mode, ModeSpread)
	setDefault(&a.Target, 60)
	setPointer(&a.RiskFactor, 1.5)
	setDefault(&a.Warmup.Duration, 2*time.Minute)
	setDefault(&a.FreshFor.Duration, 90*time.Second)
	setDefault(&a.ExpireAfter.Duration, 5*time.Minute)
	setDefault(&a.ClockSkew.Duration, 30*time.Second)
	setPointer(&a.Requests.CPUFactor, 0.85)
	setPointer(&a.Requests.MemoryFactor, 0.7)
	setPointer(&a.Requests.DefaultCPU, resource.MustParse("250m"))
	setPointer(&a.Requests.DefaultMemory, resource.MustParse("200Mi"))
	setPointer(&a.CountIncoming, true)
	setDefault(&a.TargetLoadPacking.TargetUtilization, 40)
	setPointer(&a.TargetLoadPacking.DefaultRequests, resource.MustParse("1"))
	setPointer(&a.TargetLoadPacking.DefaultRequestsMultiplier, 1.5)
	setPointer(&a.LoadVariationRiskBalancing.SafeVarianceMargin, 1)
	setPointer(&a.LoadVariationRiskBalancing.SafeVarianceSensitivity, 1)
	a.Usage.Default()
	if a.Tiers == nil && (a.Mode == ModeSpread || a.Mode == ModePack) {
		a.Tiers = defaultTiers()
	}
	for i := range a.Tiers {
		a.Tiers[i].setDefaults()
	}
}

// MeanWindow is the stretch of time behind the source's means: a task younger
// than that is in them only in part.
func (a *Args) MeanWindow() time.Duration {
	switch {
	case a.Usage.Prometheus != nil:
		return a.Usage.Prometheus.Windows.Recent.Duration
	case a.Usage.LoadWatcher != nil:
		return 15 * time.Minute // what load-watcher asks for by default
	default:
		return time.Minute // metrics-server's resolution, and its delay
	}
}

func defaultTiers() []Tier {
	return []Tier{
		{Name: "critical", MinPriority: 1_000_000_000},
		{Name: "normal", MinPriority: 0, HotAbove: percentages(80, 90, 80, 80)},
		{Name: "batch", MinPriority: math.MinInt32, HotAbove: percentages(65, 80, 65, 65)},
	}
}

func percentages(cpu, memory, network, disk int64) Percentages {
	return Percentages{CPU: &cpu, Memory: &memory, Network: &network, Disk: &disk}
}

const hysteresis = 10

func (t *Tier) setDefaults() {
	setDefault(&t.Patience.Duration, 5*time.Minute)
	cool := t.CoolBelow.Fields()
	for i, hot := range t.HotAbove.Fields() {
		if *hot != nil && *cool[i] == nil {
			value := max(0, **hot-hysteresis)
			*cool[i] = &value
		}
	}
}

// Fields returns where the values of the dimensions are.
func (p *Percentages) Fields() [usage.Dimensions]**int64 {
	return [usage.Dimensions]**int64{usage.CPU: &p.CPU, usage.Memory: &p.Memory, usage.Network: &p.Network, usage.Disk: &p.Disk}
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

func setPointer[T any](v **T, value T) {
	if *v == nil {
		*v = &value
	}
}
