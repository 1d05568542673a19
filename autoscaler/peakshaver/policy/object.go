package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/valley"
)

// Values are the fields of an object that policies change. Those that its kind does not have are zero.
type Values struct {
	Suspend                  bool  // Job, CronJob
	Replicas                 int32 // Deployment, StatefulSet
	MinReplicas, MaxReplicas int32 // HorizontalPodAutoscaler
	Paused                   bool  // ScaledObject
	StopPolicy               string
}

// Kueue's stop policies, from the weakest; an empty one is None.
const (
	stopNone         = "None"
	stopHold         = "Hold"
	stopHoldAndDrain = "HoldAndDrain"
)

// Object is what is known of a target.
type Object struct {
	Kind                 v1alpha1.TargetKind
	Namespace, Name, UID string
	Labels               labels.Set
	NamespaceLabels      labels.Set
	// Priority of its pods.
	Priority int32
	// Original are the values that its owner gave it.
	Original Values
	// Autoscaled tells that an autoscaler sets the replicas of a Deployment or StatefulSet.
	Autoscaled bool
	// Job is set for Jobs alone.
	Job *Job
}

// Job is what is known of a Job beyond its values. A time that is zero is not known, or has not come.
type Job struct {
	Created  time.Time
	Started  time.Time // when its pods began to run; zero while it is suspended
	Finished bool
	// Deadline that the Job's annotation gives.
	Deadline time.Time
	// RunTime that is forecast; zero where nothing like it has run.
	RunTime history.RunTime
	// CPU that it is expected to use, in millicores; 0: not known.
	CPU int64
	// Held tells that it is suspended by a policy rather than by its owner.
	Held bool
	// Admitted says why it is released now, by package valley; empty where it is not.
	Admitted valley.Reason
	// Released tells that it was released inside a window to meet its deadline, and is not stopped again.
	Released bool
	// Queued tells that Kueue suspends and releases it.
	Queued bool
}

const (
	// systemPriority is where the priority classes of Kubernetes' own components begin.
	systemPriority = 2_000_000_000
	maxPriority    = 1_000_000_000
)

// protectedNamespaces are never shaved.
var protectedNamespaces = []string{"kube-system", "kube-public", "kube-node-lease", "evenkeel-system"}

// protected tells that the object is part of the control plane.
func (o *Object) protected() bool {
	return slices.Contains(protectedNamespaces, o.Namespace) || o.Priority >= systemPriority
}

// place is where the object stands in every order, evenly spread over all 64-bit numbers: the same for every process.
func (o *Object) place() uint64 {
	sum := sha256.Sum256([]byte(string(o.Kind) + "/" + o.Namespace + "/" + o.Name + "/" + o.UID))
	return binary.BigEndian.Uint64(sum[:])
}
