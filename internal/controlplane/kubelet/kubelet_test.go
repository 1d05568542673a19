package kubelet

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"
)

// start runs a kubelet on a fake API within a synctest bubble, and returns the API. The fake does not
// select by label or field, so everything in it is managed.
func start(t *testing.T, o Options, prepare func(*fake.Clientset), objects ...runtime.Object) *fake.Clientset {
	t.Helper()
	client := fake.NewClientset(objects...)
	if prepare != nil {
		prepare(client)
	}
	ctx, cancel := context.WithCancel(t.Context())
	synced, ended := make(chan struct{}), make(chan error)
	go func() { ended <- Run(ctx, client, clock.RealClock{}, o, func() { close(synced) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-synced
	return client
}

// count counts the requests of a verb on a resource from now on.
func count(client *fake.Clientset, verb, resource string) *atomic.Int64 {
	var n atomic.Int64
	client.PrependReactor(verb, resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		n.Add(1)
		return false, nil, nil
	})
	return &n
}

func TestLeaseIsRenewedFourTimesAsOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var renewals *atomic.Int64
		client := start(t, Options{LeaseSeconds: 40}, func(c *fake.Clientset) {
			renewals = count(c, "update", "leases")
		}, NewNode("n", nil, nil))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		// Every 9 to 10 seconds.
		if got := renewals.Load(); got < 59 || got > 67 {
			t.Errorf("renewed %d times in ten minutes, want 60 to 66", got)
		}
		lease, err := client.CoordinationV1().Leases(v1.NamespaceNodeLease).Get(t.Context(), "n", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(lease.Spec.RenewTime.Time); age > 10*time.Second {
			t.Errorf("the lease was renewed %s ago, want 10s at most", age)
		}
		if *lease.Spec.LeaseDurationSeconds != 40 {
			t.Errorf("the lease lasts %d s, want 40", *lease.Spec.LeaseDurationSeconds)
		}
	})
}

func TestLeaseOfAnotherHolderIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{options: Options{LeaseSeconds: 40}}
		foreign := f.newLease(NewNode("n", nil, nil), metav1.NewMicroTime(time.Now()))
		*foreign.Spec.HolderIdentity = "somebody"
		client := start(t, Options{}, nil, NewNode("n", nil, nil), foreign)
		time.Sleep(time.Second)
		synctest.Wait()
		lease, err := client.CoordinationV1().Leases(v1.NamespaceNodeLease).Get(t.Context(), "n", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if *lease.Spec.HolderIdentity != "n" {
			t.Errorf("the lease is held by %q, want the node", *lease.Spec.HolderIdentity)
		}
	})
}

func TestLeaseThatVanishedIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := start(t, Options{}, nil, NewNode("n", nil, nil))
		time.Sleep(time.Second)
		leases := client.CoordinationV1().Leases(v1.NamespaceNodeLease)
		if err := leases.Delete(t.Context(), "n", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if _, err := leases.Get(t.Context(), "n", metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func TestRenewAfter(t *testing.T) {
	for name, test := range map[string]struct {
		seconds int
		luck    float64
		want    time.Duration
	}{
		"no luck":    {40, 0, 10 * time.Second},
		"most luck":  {40, 1, 9 * time.Second},
		"odd second": {1, 0, 250 * time.Millisecond},
	} {
		if got := renewAfter(test.seconds, test.luck); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestPodLivesAndDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pod(annotated("30s"))
		client := start(t, Options{}, nil, NewNode("n", nil, nil), p)
		phaseAfter := func(d time.Duration) v1.PodPhase {
			time.Sleep(d)
			synctest.Wait()
			got, err := client.CoreV1().Pods("ns").Get(t.Context(), "p", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return got.Status.Phase
		}
		if got := phaseAfter(time.Second); got != v1.PodRunning {
			t.Errorf("after a second the pod is %s, want running", got)
		}
		if got := phaseAfter(28 * time.Second); got != v1.PodRunning {
			t.Errorf("after 29 seconds the pod is %s, want running", got)
		}
		if got := phaseAfter(2 * time.Second); got != v1.PodSucceeded {
			t.Errorf("after 31 seconds the pod is %s, want succeeded", got)
		}
	})
}

func TestDeletedPodIsRemovedAfterItsContainersStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pod(running(time.Hour))
		p.DeletionTimestamp = &metav1.Time{Time: time.Now().Add(30 * time.Second)}
		grace := int64(30)
		p.DeletionGracePeriodSeconds = &grace
		p.Finalizers = []string{"keeps.the/fake-from-refusing"}
		var deletions *atomic.Int64
		start(t, Options{StopAfter: 5 * time.Second}, func(c *fake.Clientset) {
			deletions = count(c, "delete", "pods")
		}, NewNode("n", nil, nil), p)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if got := deletions.Load(); got != 0 {
			t.Errorf("removed after 4 of 5 seconds")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := deletions.Load(); got != 1 {
			t.Errorf("removed %d times after 6 seconds, want once", got)
		}
	})
}

func TestRemoveIsBoundToTheUID(t *testing.T) {
	client := fake.NewClientset()
	var got metav1.DeleteOptions
	client.PrependReactor("delete", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if deletion, ok := action.(clienttesting.DeleteAction); ok {
			got = deletion.GetDeleteOptions()
		}
		return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "p", errors.New("another UID"))
	})
	p := pod()
	p.UID = "one"
	if err := (&fleet{client: client}).remove(t.Context(), p); err != nil {
		t.Errorf("a pod that has been replaced: %v, want no error", err)
	}
	if got.Preconditions == nil || *got.Preconditions.UID != "one" || *got.GracePeriodSeconds != 0 {
		t.Errorf("options are %+v, want grace 0 and the UID", got)
	}
}

func TestFailedUpdateIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures atomic.Int64
		client := start(t, Options{}, func(c *fake.Clientset) {
			c.PrependReactor("update", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
				if failures.Add(1) <= 3 {
					return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "p", errors.New("changed"))
				}
				return false, nil, nil
			})
		}, NewNode("n", nil, nil), pod())
		time.Sleep(time.Minute)
		synctest.Wait()
		got, err := client.CoreV1().Pods("ns").Get(t.Context(), "p", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status.Phase != v1.PodRunning {
			t.Errorf("the pod is %q after three conflicts, want running", got.Status.Phase)
		}
	})
}

func TestBadAnnotationLeavesThePodRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := start(t, Options{}, nil, NewNode("n", nil, nil), pod(annotated("soon")))
		time.Sleep(time.Hour)
		synctest.Wait()
		got, err := client.CoreV1().Pods("ns").Get(t.Context(), "p", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status.Phase != v1.PodRunning {
			t.Errorf("the pod is %q, want running", got.Status.Phase)
		}
	})
}

func TestHostNetworkSharesTheNodesAddress(t *testing.T) {
	f := &fleet{}
	node := NewNode("n", nil, nil)
	node.Status = *readyStatus(node, *ago(0))
	p := pod()
	p.Spec.HostNetwork = true
	if at := f.placement(p, node); at.podIP != hostIP(node) {
		t.Errorf("a pod on the host's network is at %s, want %s", at.podIP, hostIP(node))
	}
	p.Spec.HostNetwork = false
	if at := f.placement(p, node); at.podIP != "10.128.0.1" {
		t.Errorf("the pod is at %s, want an address of its own", at.podIP)
	}
	p.Status.PodIP = "10.128.9.9"
	if at := f.placement(p, node); at.podIP != "10.128.9.9" {
		t.Errorf("the pod moved to %s", at.podIP)
	}
}

func TestOptions(t *testing.T) {
	complete, err := Options{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if want := (Options{LeaseSeconds: 40, StopAfter: time.Second}); complete != want {
		t.Errorf("defaults are %+v, want %+v", complete, want)
	}
	for field, options := range map[string]Options{
		"LeaseSeconds": {LeaseSeconds: -1},
		"StopAfter":    {StopAfter: -time.Second},
	} {
		err := Run(t.Context(), fake.NewClientset(), clock.RealClock{}, options, func() { t.Error("running") })
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
}
