package hold

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
)

// TestLease: of two replicas one works at a time; the other takes over when it ends, and one that lost its lease works again.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		working := map[string]bool{}
		turns := map[string]int{}
		compete := func(name string) context.CancelFunc {
			ctx, stop := context.WithCancel(t.Context())
			l := &Lease{Client: client, Namespace: "evenkeel-system", Name: "adapter", Identity: name}
			go func() {
				err := l.Run(ctx, func(ctx context.Context) {
					working[name] = true
					turns[name]++
					if len(working) > 1 {
						t.Errorf("%v work at once", working)
					}
					<-ctx.Done()
					delete(working, name)
				})
				if err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(time.Minute)
			synctest.Wait()
			return stop
		}
		stopA := compete("a")
		stopB := compete("b")
		if !working["a"] || working["b"] {
			t.Fatalf("%v works, and a came first", working)
		}
		stopA()
		time.Sleep(10 * time.Second) // it gives its lease back: nobody waits for it to run out
		synctest.Wait()
		if !working["b"] || working["a"] {
			t.Fatalf("%v works, and a has ended", working)
		}
		lease, err := client.CoordinationV1().Leases("evenkeel-system").Get(t.Context(), "adapter", metav1.GetOptions{})
		if err != nil || *lease.Spec.HolderIdentity != "b" {
			t.Fatalf("the lease is %+v, %v", lease, err)
		}
		away := true // the API server, so that nobody can renew
		client.PrependReactor("update", "leases", func(kubetesting.Action) (bool, runtime.Object, error) {
			return away, nil, errors.New("away")
		})
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if working["b"] {
			t.Error("b works on a lease that it could not renew")
		}
		away = false
		time.Sleep(time.Minute)
		synctest.Wait()
		if !working["b"] || turns["b"] != 2 {
			t.Errorf("%v works, b for the %d. time", working, turns["b"])
		}
		stopB()
		synctest.Wait()
		if len(working) > 0 {
			t.Errorf("%v works after all were told to stop", working)
		}
	})
}

func TestLeaseWithoutIdentity(t *testing.T) {
	l := &Lease{Client: fake.NewClientset(), Namespace: "evenkeel-system", Name: "adapter"}
	if err := l.Run(t.Context(), func(context.Context) { t.Error("it works") }); err == nil {
		t.Error("nobody can compete")
	}
}
