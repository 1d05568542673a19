// Package explain says what a HorizontalPodAutoscaler will make of its metrics, and why it does not scale down. It goes by
// what everybody who may read the autoscaler can read as well: the answers of the metrics APIs, which are what the autoscaler
// is told, and the status of ScalingWindows, which is what the adapter remembers.
package explain

import (
	"errors"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// Facts are what is known of an autoscaler.
type Facts struct {
	Now        time.Time
	Autoscaler *autoscalingv2.HorizontalPodAutoscaler
	// Replicas is the scale's spec.replicas, Running its status.replicas.
	Replicas, Running int32
	// Pods are those that the scale's selector selects.
	Pods []v1.Pod
	// Reads has one for each metric of the specification.
	Reads []Read
	// Windows are those of the namespace.
	Windows []wish.Wish
	// Unknown is what could not be read, and what is not known therefore.
	Unknown []string
	// Options are the flags of the controller.
	Options hpa.Options
}

// Read is the answer to one read, as the autoscaler does it.
type Read struct {
	Values []Value
	// Err is why there is none. An Unread says nothing of what the autoscaler gets.
	Err error
}

// Value is one of an answer.
type Value struct {
	// Object is the name of a pod or another object, or what the labels of an external metric are.
	Object string
	Milli  int64
	// At is when it was true.
	At time.Time
}

// Unread is why whoever asks for an explanation could not read a metric. The autoscaler may well be able to.
type Unread struct{ Err error }

// Error implements error.
func (u *Unread) Error() string { return u.Err.Error() }

// Unwrap returns the cause.
func (u *Unread) Unwrap() error { return u.Err }

// foreign tells whether an error says nothing of what the autoscaler gets.
func foreign(err error) bool {
	var unread *Unread
	return errors.As(err, &unread) || errors.Is(err, hpa.ErrUnsupported)
}
