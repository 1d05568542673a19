package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// kindsPeriod is how often the cluster is asked which kinds it has.
const kindsPeriod = 5 * time.Second

// discoverer tells what there is of a group and version; discovery.DiscoveryInterface is one.
type discoverer interface {
	ServerResourcesForGroupVersion(groupVersion string) (*metav1.APIResourceList, error)
}

// connect returns what tells which kinds a cluster has, and what reads and writes objects of theirs.
func connect(config *rest.Config) (discoverer, dynamic.Interface, error) {
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("making a client: %w", err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("making a client: %w", err)
	}
	return kinds, objects, nil
}

// inventory is what a cluster has of what policies need.
type inventory struct {
	kinds     []v1alpha1.TargetKind
	admission bool // PeakAdmissions
}

func (i inventory) equal(other inventory) bool {
	return i.admission == other.admission && slices.Equal(i.kinds, other.kinds)
}

// survey asks what the cluster has. It is an error where it does not have policies.
func survey(client discoverer) (inventory, error) {
	for _, resource := range []string{"peakpolicies", "clusterpeakpolicies"} {
		if found, err := served(client, v1alpha1.GroupVersion.WithResource(resource)); err != nil || !found {
			return inventory{}, errors.Join(err, fmt.Errorf("the cluster has no %s: kubectl apply -k manifests/crd", resource))
		}
	}
	kinds, err := presentKinds(client)
	if err != nil {
		return inventory{}, err
	}
	admission, err := served(client, v1alpha1.GroupVersion.WithResource("peakadmissions"))
	return inventory{kinds: kinds, admission: admission}, err
}

// awaitOther returns when the cluster has something else than it had, or the context ends. It has to say so twice in a row:
// an API server that begins does not know all of its own yet.
func awaitOther(ctx context.Context, client discoverer, had inventory, period time.Duration) {
	last := had
	_ = wait.PollUntilContextCancel(ctx, period, false, func(context.Context) (bool, error) { // ends by the context alone
		has, err := survey(client)
		if err != nil {
			has = had // nothing is known
		}
		lasts := has.equal(last)
		last = has
		return lasts && !has.equal(had), nil
	})
}

func presentKinds(client discoverer) ([]v1alpha1.TargetKind, error) {
	var kinds []v1alpha1.TargetKind
	for _, kind := range target.Kinds() {
		found, err := served(client, target.ResourceOf(kind))
		if err != nil {
			return nil, err
		}
		if found {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

func served(client discoverer, resource schema.GroupVersionResource) (bool, error) {
	list, err := client.ServerResourcesForGroupVersion(resource.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking what there is of %s: %w", resource.GroupVersion(), err)
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource.Resource }), nil
}
