// Package spec says how a scenario is written: data and what is valid, nothing of what it means.
package spec

import (
	"fmt"
	"io"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/simulator/trace/source"
	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

// What a scenario's apiVersion and kind must be.
const (
	APIVersion = "evenkeel.dev/v1alpha1"
	Kind       = "Scenario"
)

// Scenario says what to play. Files are relative to the folder of the scenario's own file.
type Scenario struct {
	metav1.TypeMeta `json:",inline"`
	// Duration ends the simulation; pods that would arrive then or later are left out. Absent: all is played.
	Duration metav1.Duration `json:"duration"`
	// Nodes and Pods are lists, one after the other.
	Nodes []NodeSource `json:"nodes"`
	Pods  []PodSource  `json:"pods"`
	// Snapshot has nodes and pods of a cluster in one file; the pods with a node run already.
	Snapshot *FileSource `json:"snapshot"`
	// Demand changes the number of the listed pods, but not of the snapshot's or a burst's.
	Demand Demand `json:"demand"`
	// Usage is where curves come from; absent: pods have none.
	Usage *UsageSource `json:"usage"`
	// Arrivals change when the listed pods arrive.
	Arrivals Arrivals `json:"arrivals"`
	// Events befall the cluster.
	Events []EventSource `json:"events"`

	file string
	tree *source.Tree
}

// The kinds of events.
const (
	NodeLoss = "NodeLoss"
	Drain    = "Drain"
	Burst    = "Burst"
)

// maxBytes is what a scenario's file may have.
const maxBytes = 1 << 20

// Read reads a scenario in YAML, strictly: each unknown, repeated or wrong field is told with its line. The files that
// it names are not looked at.
func Read(path string) (*Scenario, error) {
	from, err := source.Open(path, maxBytes)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	content, err := io.ReadAll(from)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return Parse(content, path)
}

// Parse parses a scenario that is in a file.
func Parse(content []byte, file string) (*Scenario, error) {
	tree, err := source.ParseTree(content, file)
	if err != nil {
		return nil, err
	}
	s := &Scenario{file: file, tree: tree}
	if err := tree.Decode(s); err != nil {
		return nil, err
	}
	if err := tree.Locate(s.validate()); err != nil {
		return nil, err
	}
	return s, nil
}

// Path is the path of the scenario's own file.
func (s *Scenario) Path() string { return s.file }

// Beside is the path of a file that the scenario names.
func (s *Scenario) Beside(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(s.file), file)
}

// Wrong tells what only shows when the scenario is played, with the line of the field.
func (s *Scenario) Wrong(path *field.Path, value any, err error) error {
	return s.tree.Locate(field.ErrorList{field.Invalid(path, value, err.Error())})
}

// FileSource names a file.
type FileSource struct {
	File string `json:"file"`
}

// NodeSource is a file of nodes or a pool; exactly one of them.
type NodeSource struct {
	File string `json:"file"`
	Pool *Pool  `json:"pool"`
}

// Pool is a number of nodes that are alike, named name-0, name-1, …
type Pool struct {
	Name   string            `json:"name"`
	Count  int               `json:"count"`
	CPU    resource.Quantity `json:"cpu"`
	Memory resource.Quantity `json:"memory"`
	// GPU is how many a node has, and Model what they are.
	GPU    int64             `json:"gpu"`
	Model  string            `json:"model"`
	Labels map[string]string `json:"labels"`
	Taints []v1.Taint        `json:"taints"`
	// Price is of one node an hour, in any currency.
	Price float64 `json:"price"`
}

// PodSource is a list of pods.
type PodSource struct {
	File string `json:"file"`
	// Repeat is how often the list is played: each time once the last pod before has come and gone. 0 counts as 1.
	Repeat int `json:"repeat"`
	// Prefix comes before each name.
	Prefix string `json:"prefix"`
}

// Demand is how many pods come; at most one of its fields.
type Demand struct {
	// Scale multiplies the number of pods.
	Scale *float64 `json:"scale"`
	// Tune clones or drops pods until they ask for this share of all GPUs.
	Tune *float64 `json:"tune"`
}

// UsageSource is where curves come from.
type UsageSource struct {
	File   string       `json:"file"`
	Format usage.Format `json:"format"`
	// Scale multiplies each curve; absent: 1.
	Scale *float64 `json:"scale"`
}

// The orders of arrivals.
const (
	// OrderTrace is as the list says; the default.
	OrderTrace = "trace"
	// OrderShuffled has pods swap their arrivals.
	OrderShuffled = "shuffled"
)

// Arrivals say when pods arrive. A pod that arrives at another time lives as long as before.
type Arrivals struct {
	Order string `json:"order"`
	// Every is the time from one pod to the next; 0: all at once. Absent, with Poisson: the list's times.
	Every *metav1.Duration `json:"every"`
	// Poisson is the mean time from one pod to the next.
	Poisson *metav1.Duration `json:"poisson"`
	// Stay keeps pods from ever leaving.
	Stay bool `json:"stay"`
}

// EventSource is an event. NodeLoss and Drain are of a node, of nodes, or of count of a pool's nodes, drawn by the
// seed; Burst is of pods.
type EventSource struct {
	At    metav1.Duration `json:"at"`
	Kind  string          `json:"kind"`
	Node  string          `json:"node"`
	Nodes []string        `json:"nodes"`
	Pool  string          `json:"pool"`
	// Count is of nodes or pods. A file's pods need none: all come.
	Count int        `json:"count"`
	Pods  *BurstPods `json:"pods"`
}

// BurstPods are the pods of a burst: of a file or like a template; exactly one of them.
type BurstPods struct {
	File     string       `json:"file"`
	Prefix   string       `json:"prefix"`
	Template *PodTemplate `json:"template"`
}

// PodTemplate makes pods named name-0, name-1, …
type PodTemplate struct {
	Name   string            `json:"name"`
	CPU    resource.Quantity `json:"cpu"`
	Memory resource.Quantity `json:"memory"`
	// GPU is whole GPUs, GPUMilli a share of one in thousandths; at most one of them.
	GPU      int64 `json:"gpu"`
	GPUMilli int64 `json:"gpuMilli"`
	// Models are the GPUs that will do; none: any.
	Models []string `json:"models"`
	// Life is how long a pod stays; 0: for ever.
	Life metav1.Duration `json:"life"`
}
