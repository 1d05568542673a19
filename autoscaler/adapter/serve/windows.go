package serve

import (
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Key is the metric that a window is for, and who reads it.
type Key struct {
	Namespace string
	Resource  schema.GroupResource // zero for external metrics
	Metric    string
	Selector  string // in the form of labels.Selector
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
	Pods(key Key, by labels.Selector) (*Served, error)
	Object(key Key, name string) (*Served, error)
	External(key Key) (*Served, error)
}

// none is no windows.
type none struct{}

// Pods implements Windows.
func (none) Pods(Key, labels.Selector) (*Served, error) { return nil, nil }

// Object implements Windows.
func (none) Object(Key, string) (*Served, error) { return nil, nil }

// External implements Windows.
func (none) External(Key) (*Served, error) { return nil, nil }
