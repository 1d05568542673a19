package scheduler

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/evenkeel/evenkeel/cmd/scheduler/app"
	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload"
)

// peer is what evenkeel's scheduler is compared with.
const peer = "kube-scheduler 1.37"

// profile is one way to schedule. It answers to the name default-scheduler, which the pods and the
// collectors of scheduler_perf expect.
type profile struct {
	name string
	// configuration is a KubeSchedulerConfiguration in YAML.
	configuration []byte
	plugins       func(*gauge) frameworkruntime.Registry
}

func stock() profile {
	return profile{
		name:          "stock",
		configuration: app.StockConfiguration(),
		plugins:       func(*gauge) frameworkruntime.Registry { return nil },
	}
}

func evenkeel() profile {
	return profile{
		name: "evenkeel",
		configuration: bytes.ReplaceAll(app.DefaultConfiguration(),
			[]byte("schedulerName: evenkeel"), []byte("schedulerName: default-scheduler")),
		plugins: func(g *gauge) frameworkruntime.Registry {
			return frameworkruntime.Registry{realload.Name: realload.NewFactory(g.open)}
		},
	}
}

// decode reads the configuration with its defaults.
func (p profile) decode(tb testing.TB) *config.KubeSchedulerConfiguration {
	tb.Helper()
	object, _, err := scheme.Codecs.UniversalDecoder().Decode(p.configuration, nil, nil)
	if err != nil {
		tb.Fatalf("decoding the configuration of %s: %v", p.name, err)
	}
	decoded, ok := object.(*config.KubeSchedulerConfiguration)
	if !ok {
		tb.Fatalf("the configuration of %s is a %T", p.name, object)
	}
	return decoded
}

// gauge is a usage source that answers what it was told, in place of a Collector.
type gauge struct {
	mutex       sync.Mutex
	snapshot    *usage.Snapshot
	subscribers []func(*usage.Snapshot)
}

func newGauge() *gauge { return &gauge{snapshot: usage.NewBuilder(time.Time{}).Build()} }

func (g *gauge) open(context.Context, usage.Config) (realload.Provider, error) { return g, nil }

func (g *gauge) Snapshot() *usage.Snapshot {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.snapshot
}

func (g *gauge) Subscribe(subscriber func(*usage.Snapshot)) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.subscribers = append(g.subscribers, subscriber)
}

func (g *gauge) set(snapshot *usage.Snapshot) {
	g.mutex.Lock()
	g.snapshot = snapshot
	subscribers := g.subscribers
	g.mutex.Unlock()
	for _, tell := range subscribers {
		tell(snapshot)
	}
}

// keep that the profile's plugin is the one in the tree.
var _ func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) = realload.NewFactory(newGauge().open)
