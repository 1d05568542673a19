package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// script is an API server that begins and ends to serve groups as time goes by.
type script struct {
	begun time.Time
	steps []step // in order
}

type step struct {
	after  time.Duration
	groups []string
	err    error
}

const (
	own, batch, keda = "evenkeel.dev/v1alpha1", "batch/v1", "keda.sh/v1alpha1"
)

func (s *script) ServerResourcesForGroupVersion(group string) (*metav1.APIResourceList, error) {
	var is step
	for _, step := range s.steps {
		if time.Since(s.begun) >= step.after {
			is = step
		}
	}
	if is.err != nil {
		return nil, is.err
	}
	if !slices.Contains(is.groups, group) {
		return nil, apierrors.NewNotFound(schema.GroupResource{}, group)
	}
	list := &metav1.APIResourceList{}
	for _, name := range []string{"peakpolicies", "clusterpeakpolicies", "peakadmissions", "jobs", "scaledobjects"} {
		list.APIResources = append(list.APIResources, metav1.APIResource{Name: name})
	}
	return list, nil
}

// TestAwaitOther: what the cluster has is taken up when it says so twice, and not for a moment in which it does not know.
func TestAwaitOther(t *testing.T) {
	plain := step{0, []string{own, batch}, nil}
	for name, test := range map[string]struct {
		steps []step
		want  time.Duration // 0: never
	}{
		"nothing changes":            {[]step{plain}, 0},
		"a kind comes":               {[]step{plain, {35 * time.Second, []string{own, batch, keda}, nil}}, 50 * time.Second},
		"a kind goes":                {[]step{plain, {35 * time.Second, []string{own}, nil}}, 50 * time.Second},
		"a kind is gone for a while": {[]step{plain, {35 * time.Second, []string{own}, nil}, {45 * time.Second, plain.groups, nil}}, 0},
		"nobody answers":             {[]step{plain, {35 * time.Second, nil, errors.New("connection refused")}}, 0},
		"the policies themselves go": {[]step{plain, {35 * time.Second, []string{batch}, nil}}, 0},
		"it comes with a failure between": {[]step{
			plain, {35 * time.Second, []string{own, batch, keda}, nil}, {45 * time.Second, nil, errors.New("busy")}, {55 * time.Second, []string{own, batch, keda}, nil},
		}, 70 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &script{begun: time.Now(), steps: test.steps}
				had, err := survey(server)
				if err != nil || !slices.Equal(had.kinds, []v1alpha1.TargetKind{v1alpha1.Job}) || !had.admission {
					t.Fatalf("it begins with %v, %v", had, err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				awaitOther(ctx, server, had, 10*time.Second)
				got := time.Since(server.begun)
				if ctx.Err() != nil {
					got = 0
				}
				if got != test.want {
					t.Errorf("it was seen after %s, want %s", got, test.want)
				}
			})
		})
	}
	if _, err := survey(&script{steps: []step{{0, []string{batch}, nil}}}); err == nil {
		t.Error("a cluster without policies is worked in")
	}
	if group := target.ResourceOf(v1alpha1.ScaledObject).GroupVersion().String(); group != keda {
		t.Errorf("ScaledObjects are in %s", group)
	}
}
