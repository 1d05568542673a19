package objects

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
)

func pod(namespace, name, app string, phase v1.PodPhase) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": app}},
		Spec:       v1.PodSpec{NodeName: "n", Containers: []v1.Container{{Name: "c"}}},
		Status:     v1.PodStatus{Phase: phase, PodIP: "10.0.0.1"},
	}
}

var services = schema.GroupVersionResource{Version: "v1", Resource: "services"}

func start(t *testing.T) *Objects {
	t.Helper()
	going := pod("shop", "web-going", "web", v1.PodRunning)
	now := metav1.Now()
	going.DeletionTimestamp, going.Finalizers = &now, []string{"evenkeel.dev/test"}
	client := fake.NewClientset(pod("shop", "web-1", "web", v1.PodRunning), pod("shop", "web-2", "web", v1.PodPending),
		pod("shop", "web-3", "web", v1.PodFailed), pod("shop", "db-1", "db", v1.PodRunning), pod("else", "web-1", "web", v1.PodRunning), going)
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	service := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front", Labels: map[string]string{"app": "web"}},
	}
	o := New(client, metadatafake.NewSimpleMetadataClient(scheme, []runtime.Object{service}...))
	o.Start(t.Context())
	return o
}

func TestSelect(t *testing.T) {
	o := start(t)
	tests := map[string]struct {
		resource  schema.GroupVersionResource
		namespace string
		by        string
		want      []serve.Object
		reason    string
	}{
		"pods": {
			v1.SchemeGroupVersion.WithResource("pods"), "shop", "app=web",
			[]serve.Object{{Name: "web-1"}, {Name: "web-2", Idle: true}, {Name: "web-3", Idle: true}, {Name: "web-going", Idle: true}},
			"those that an autoscaler leaves out are idle",
		},
		"all pods":   {v1.SchemeGroupVersion.WithResource("pods"), "else", "", []serve.Object{{Name: "web-1"}}, "of the namespace"},
		"no pods":    {v1.SchemeGroupVersion.WithResource("pods"), "shop", "app=nothing", nil, "none has the label"},
		"services":   {services, "shop", "app=web", []serve.Object{{Name: "front"}}, "they are watched from now on"},
		"no service": {services, "else", "app=web", nil, "of another namespace"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			by, err := labels.Parse(test.by)
			if err != nil {
				t.Fatal(err)
			}
			got, err := o.Select(t.Context(), test.resource, test.namespace, by)
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(got, func(a, b serve.Object) int { return strings.Compare(a.Name, b.Name) })
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: got %v, want %v", test.reason, got, test.want)
			}
		})
	}
}

func TestLittleOfAPodIsKept(t *testing.T) {
	o := start(t)
	if _, err := o.Select(t.Context(), v1.SchemeGroupVersion.WithResource("pods"), "shop", labels.Everything()); err != nil {
		t.Fatal(err)
	}
	kept, err := o.lister.Pods("shop").Get("web-1")
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.Spec.Containers) > 0 || kept.Status.PodIP != "" {
		t.Errorf("more than is asked about is kept: %v", kept)
	}
}

// TestUnknownPodsAreAnError: before they are known, no answer may look as if there were none.
func TestUnknownPodsAreAnError(t *testing.T) {
	o := New(fake.NewClientset(pod("shop", "web-1", "web", v1.PodRunning)), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got, err := o.Select(ctx, v1.SchemeGroupVersion.WithResource("pods"), "shop", labels.Everything()); err == nil {
		t.Errorf("nobody watches, and there are %v", got)
	}
}
