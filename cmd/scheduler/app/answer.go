package app

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	componentbaseconfig "k8s.io/component-base/config"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

// answerer answers "scheduler why" from what the recorder keeps.
type answerer struct {
	recorder *explain.Recorder
	profiles []string

	// self is this process among those that want to lead; empty without leader
	// election, and then the lease is not read.
	self   string
	lease  componentbaseconfig.LeaderElectionConfiguration
	client kubernetes.Interface
}

var _ explain.Source = (*answerer)(nil)

// Answer implements explain.Source.
func (a *answerer) Answer(ctx context.Context, namespace, name string) explain.Answer {
	answer := explain.Answer{
		Records:  a.recorder.Lookup(namespace, name),
		Profiles: a.profiles,
		Self:     a.self,
	}
	answer.Capacity, answer.Kept, answer.Since = a.recorder.Extent()
	if len(answer.Records) == 0 && a.self != "" {
		answer.Leader = a.leader(ctx)
	}
	return answer
}

// leader asks who holds the lease; empty where that cannot be told.
func (a *answerer) leader(ctx context.Context) string {
	lease, err := a.client.CoordinationV1().Leases(a.lease.ResourceNamespace).Get(ctx, a.lease.ResourceName, metav1.GetOptions{})
	if err != nil {
		klog.FromContext(ctx).V(4).Info("Could not read the lease", "err", err)
		return ""
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
