package scaledown

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// scene is what a watch sees of one namespace.
type scene struct {
	*watch
	t    *testing.T
	time time.Duration
}

func newScene(t *testing.T) *scene {
	index := func() cache.Indexer {
		return cache.NewIndexer(cache.DeletionHandlingMetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	}
	s := &scene{t: t}
	s.watch = &watch{pods: index(), deployments: index(), now: func() time.Duration { return s.time }, sizes: map[string][]Size{}}
	return s
}

func (s *scene) scale(replicas *int32) {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: web}, Spec: appsv1.DeploymentSpec{Replicas: replicas}}
	if err := s.deployments.Update(d); err != nil {
		s.t.Fatal(err)
	}
}

// pod puts a pod as it is then: ready or not, going away or not.
func (s *scene) pod(namespace string, number int, ready v1.ConditionStatus, leaving bool) {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint(number)}}
	p.Status.Conditions = []v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionTrue}, {Type: v1.PodReady, Status: ready}}
	if leaving {
		p.DeletionTimestamp = &metav1.Time{}
	}
	if err := s.pods.Update(p); err != nil {
		s.t.Fatal(err)
	}
}

func TestSizesAreNotedWhenTheyChange(t *testing.T) {
	s := newScene(t)
	s.look("a") // nothing is there
	s.scale(ptr.To[int32](2))
	s.look("a")
	s.pod("a", 1, v1.ConditionFalse, false)
	s.pod("b", 1, v1.ConditionTrue, false) // another's
	s.time = time.Second
	s.look("a") // as before
	s.pod("a", 1, v1.ConditionTrue, false)
	s.time = 2 * time.Second
	s.look("a")
	s.pod("a", 2, v1.ConditionTrue, false)
	s.time = 3 * time.Second
	s.look("a")
	s.look("a")
	s.scale(nil) // which is one
	s.pod("a", 2, v1.ConditionTrue, true)
	s.time = 4 * time.Second
	s.look("a")
	s.look("b") // has no Deployment
	want := []Size{
		{At: 0, Replicas: 2}, {At: 2 * time.Second, Replicas: 2, Ready: 1}, {At: 3 * time.Second, Replicas: 2, Ready: 2},
		{At: 4 * time.Second, Replicas: 1, Ready: 1},
	}
	if diff := cmp.Diff(want, s.of("a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.of("b"); len(got) > 0 {
		t.Errorf("without a Deployment there are sizes: %v", got)
	}
	s.of("a")[0].Ready = 9
	if s.of("a")[0].Ready != 0 {
		t.Error("what was told changes with what is kept")
	}
}
