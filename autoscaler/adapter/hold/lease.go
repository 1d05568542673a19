package hold

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// Lease is what the replicas of an adapter compete for.
type Lease struct {
	Client          kubernetes.Interface
	Namespace, Name string
	// Identity is that of the replica.
	Identity string
}

// Run has the holder of the lease run f, until the context ends. f is told by its context when the lease is lost, and is
// run again when it is won again.
func (l *Lease) Run(ctx context.Context, f func(ctx context.Context)) error {
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: l.Namespace, Name: l.Name},
			Client:     l.Client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: l.Identity},
		},
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
		ReleaseOnCancel: true, Name: l.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: f,
			OnStoppedLeading: func() { klog.FromContext(ctx).V(2).Info("The lease is not ours", "lease", l.Name) },
		},
	})
	if err != nil {
		return fmt.Errorf("preparing the election of who writes: %w", err)
	}
	for ctx.Err() == nil {
		elector.Run(ctx)
	}
	return nil
}
