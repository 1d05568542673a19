package usage

import (
	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/internal/usage/config"
	"github.com/evenkeel/evenkeel/internal/usage/workload"
)

// The configuration: package config says what each is.
type (
	Config            = config.Config
	PrometheusConfig  = config.Prometheus
	QueriesConfig     = config.Queries
	DimensionQueries  = config.DimensionQueries
	Query             = config.Query
	WindowsConfig     = config.Windows
	WindowConfig      = config.Window
	SeasonConfig      = config.Season
	HistoryConfig     = config.History
	MetricsAPIConfig  = config.MetricsAPI
	LoadWatcherConfig = config.LoadWatcher
)

// Presets of PrometheusConfig.
const (
	PresetNodeExporterCAdvisor = config.PresetNodeExporterCAdvisor
	PresetNone                 = config.PresetNone
)

// Workload names what a pod is a replica of: the name its pods share.
type Workload = workload.Name

// WorkloadOf returns the workload of a pod; see workload.Of.
func WorkloadOf(pod *v1.Pod) Workload { return workload.Of(pod) }

// WorkloadOfName returns the workload of a pod of that name; see workload.OfName.
func WorkloadOfName(namespace, podName string) Workload { return workload.OfName(namespace, podName) }
