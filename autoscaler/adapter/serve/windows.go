package serve

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

// Key is what a window is for: a metric, and whose.
type Key struct {
	Type      v1alpha1.WindowMetricType
	Namespace string
	Resource  schema.GroupResource // zero for external metrics
	Metric    string
	Selector  string // in the form of labels.Selector
	// Name is that of the object. For Pods metrics it is that of the workload, as usage.WorkloadOfName tells it from the
	// names of the pods; "" for external metrics.
	Name string
}

// Served is what a window serves in place of the demand.
type Served struct {
	// Milli is the total in thousandths.
	Milli int64
	At    time.Time
}

// Windows knows what to serve in place of what is measured; nil where there is no window. An error keeps an autoscaler
// from doing anything: there is a window, and it does not know the demand.
type Windows interface {
	Served(key Key) (*Served, error)
}

// none is no windows.
type none struct{}

// Served implements Windows.
func (none) Served(Key) (*Served, error) { return nil, nil }
