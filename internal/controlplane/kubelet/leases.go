package kubelet

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// leaseJitter spreads the heartbeats of nodes created together.
const leaseJitter = 0.1

// heldLease is a node's lease as last written, and when to renew it.
type heldLease struct {
	lease *coordinationv1.Lease
	node  types.UID
	due   time.Time
}

// leases are what the nodes hold, by name.
type leases struct {
	mu   sync.Mutex
	held map[string]heldLease
}

// of returns what this very node holds, not an earlier one of its name.
func (l *leases) of(node *v1.Node) (heldLease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held, found := l.held[node.Name]
	if !found || held.node != node.UID {
		return heldLease{}, false
	}
	return held, true
}

func (l *leases) keep(name string, held heldLease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[string]heldLease{}
	}
	l.held[name] = held
}

func (l *leases) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, name)
}

// syncLease renews the node's lease if it is due, and says when it next is.
func (f *fleet) syncLease(ctx context.Context, name string) (time.Duration, error) {
	node := f.node(name)
	if node == nil {
		f.leases.forget(name)
		return 0, nil
	}
	now := f.clock.Now()
	held, found := f.leases.of(node)
	if wait := held.due.Sub(now); found && wait > 0 {
		return wait, nil
	}
	renewed, err := f.renew(ctx, node, held.lease, metav1.NewMicroTime(now))
	if err != nil {
		f.leases.forget(name)
		return 0, err
	}
	next := renewAfter(f.options.LeaseSeconds, rand.Float64())
	f.leases.keep(name, heldLease{lease: renewed, node: node.UID, due: now.Add(next)})
	return next, nil
}

// renewAfter is a quarter of the lease, less up to a tenth of that; luck is in [0, 1).
func renewAfter(leaseSeconds int, luck float64) time.Duration {
	quarter := time.Duration(leaseSeconds) * time.Second / 4
	return time.Duration(float64(quarter) * (1 - leaseJitter*luck))
}

// renew writes the node's lease over the last one known, or over none. Whoever else wrote it meanwhile,
// or removed it with an earlier node of the name, is overruled.
func (f *fleet) renew(ctx context.Context, node *v1.Node, last *coordinationv1.Lease, now metav1.MicroTime) (*coordinationv1.Lease, error) {
	leases := f.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	if last == nil {
		created, err := leases.Create(ctx, f.newLease(node, now), metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			return created, err
		}
		if last, err = leases.Get(ctx, node.Name, metav1.GetOptions{}); err != nil {
			return nil, err
		}
	}
	lease := last.DeepCopy()
	fresh := f.newLease(node, now)
	lease.OwnerReferences, lease.Spec = fresh.OwnerReferences, fresh.Spec
	updated, err := leases.Update(ctx, lease, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return leases.Create(ctx, fresh, metav1.CreateOptions{})
	}
	return updated, err
}

func (f *fleet) newLease(node *v1.Node, now metav1.MicroTime) *coordinationv1.Lease {
	seconds := int32(f.options.LeaseSeconds)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name:      node.Name,
			Namespace: v1.NamespaceNodeLease,
			// The lease of a deleted node goes with it.
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}},
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &node.Name, LeaseDurationSeconds: &seconds, RenewTime: &now},
	}
}
