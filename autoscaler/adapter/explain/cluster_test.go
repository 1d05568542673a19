package explain

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	scalefake "k8s.io/client-go/scale/fake"
	kubetesting "k8s.io/client-go/testing"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	customfake "k8s.io/metrics/pkg/client/custom_metrics/fake"
	externalfake "k8s.io/metrics/pkg/client/external_metrics/fake"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// fakes are clients of a cluster that has what facts are, and one ScalingWindow.
type fakes struct {
	client   *fake.Clientset
	objects  *dynamicfake.FakeDynamicClient
	scales   *scalefake.FakeScaleClient
	custom   *customfake.FakeCustomMetricsClient
	external *externalfake.FakeExternalMetricsClient
	scale    autoscalingv1.Scale
	asked    []string
}

func newFakes(f *Facts) *fakes {
	var objects []runtime.Object
	for i := range f.Pods {
		f.Pods[i].Labels = map[string]string{"app": "web"}
		objects = append(objects, &f.Pods[i])
	}
	objects = append(objects, f.Autoscaler, &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "another"}})
	window := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "evenkeel.dev/v1alpha1", "kind": "ScalingWindow", "metadata": map[string]any{"namespace": "shop", "name": "slow"},
		"spec": map[string]any{
			"autoscaler": "web", "metric": map[string]any{"type": "Pods", "name": "requests"},
			"target": map[string]any{"averageValue": "10"}, "maxWindow": "1h",
		},
		"status": map[string]any{"demand": "40"},
	}}
	kinds := map[schema.GroupVersionResource]string{v1alpha1.GroupVersion.WithResource("scalingwindows"): "ScalingWindowList"}
	c := &fakes{
		client: fake.NewClientset(objects...), objects: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, window),
		scales: &scalefake.FakeScaleClient{}, custom: &customfake.FakeCustomMetricsClient{}, external: &externalfake.FakeExternalMetricsClient{},
		scale: autoscalingv1.Scale{
			Spec: autoscalingv1.ScaleSpec{Replicas: f.Replicas}, Status: autoscalingv1.ScaleStatus{Replicas: f.Running, Selector: "app=web"},
		},
	}
	c.scales.AddReactor("get", "deployments", func(kubetesting.Action) (bool, runtime.Object, error) { return true, &c.scale, nil })
	c.custom.AddReactor("get", "*", func(a kubetesting.Action) (bool, runtime.Object, error) {
		get := a.(customfake.GetForAction)
		c.asked = append(c.asked, fmt.Sprintf("%s %s %s %v", get.GetResource().Resource, get.GetName(), get.GetMetricName(), get.GetLabelSelector()))
		list := &v1beta2.MetricValueList{}
		for i, value := range f.Reads[0].Values {
			if get.GetName() == "*" || i == 0 {
				list.Items = append(list.Items, v1beta2.MetricValue{
					DescribedObject: v1.ObjectReference{Name: value.Object}, Timestamp: metav1.NewTime(value.At),
					Value: *resource.NewMilliQuantity(value.Milli, resource.DecimalSI),
				})
			}
		}
		return true, list, nil
	})
	c.external.AddReactor("list", "*", func(a kubetesting.Action) (bool, runtime.Object, error) {
		c.asked = append(c.asked, fmt.Sprintf("external %s %v", a.GetResource().Resource, a.(kubetesting.ListAction).GetListRestrictions().Labels))
		return true, &v1beta1.ExternalMetricValueList{Items: []v1beta1.ExternalMetricValue{
			{MetricLabels: map[string]string{"queue": "mail"}, Value: resource.MustParse("45")}, {Value: resource.MustParse("5")},
		}}, nil
	})
	return c
}

func (c *fakes) cluster() *Cluster {
	return &Cluster{
		Client: c.client, Objects: c.objects, Scales: c.scales, Custom: c.custom, External: c.external, Mapper: rules.BuiltIn(),
		Clock: clocktesting.NewFakePassiveClock(now()), Options: hpa.NewOptions(),
	}
}

func TestFacts(t *testing.T) {
	f := shop(3, 10)
	f.add(externalMetric(), Read{})
	f.add(objectMetric("Service", "front"), Read{})
	f.add(objectMetric("Namespace", "any"), Read{})
	f.add(cpuMetric(), Read{})
	c := newFakes(f)
	got, err := c.cluster().Facts(t.Context(), "shop", "web")
	if err != nil {
		t.Fatal(err)
	}
	if got.Replicas != 3 || got.Running != 3 || len(got.Pods) != 3 || len(got.Unknown) > 0 || !got.Now.Equal(now()) {
		t.Errorf("facts are %+v", got)
	}
	want := []Read{
		f.Reads[0], {Values: []Value{{Object: "queue=mail", Milli: 45_000}, {Object: "<none>", Milli: 5000}}},
		{Values: f.Reads[0].Values[:1]}, {Values: f.Reads[0].Values[:1]}, {},
	}
	if !errors.Is(got.Reads[4].Err, hpa.ErrUnsupported) {
		t.Errorf("of the CPU it says: %v", got.Reads[4].Err)
	}
	got.Reads[4].Err = nil
	if diff := cmp.Diff(want, got.Reads); diff != "" {
		t.Error(diff)
	}
	wantAsked := []string{
		"pods * requests app=web", "external queue_depth queue=mail", "services front requests <nil>", "namespaces shop requests <nil>",
	}
	if diff := cmp.Diff(wantAsked, c.asked); diff != "" {
		t.Error(diff)
	}
	if w := Of(got).Metrics[0].Window; w == nil || w.Name != "slow" || *w.DemandAsks != 4 {
		t.Errorf("the window over it is %+v", w)
	}
}

func objectMetric(kind, name string) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{
		DescribedObject: autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: kind, Name: name},
		Metric:          autoscalingv2.MetricIdentifier{Name: "requests"}, Target: ten(),
	}}
}

// TestUnreadableFacts: what is needed is an error, what is not is told.
func TestUnreadableFacts(t *testing.T) {
	forbidden := func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(v1.Resource("things"), "web", errors.New("no rights"))
	}
	stale := apierrors.NewServiceUnavailable("its newest sample is 12m0s old")
	for name, tc := range map[string]struct {
		with func(c *fakes)
		err  string // of the facts
		says string // else, in the explanation
	}{
		"no rights to it":       {with: func(c *fakes) { c.client.PrependReactor("get", "horizontalpodautoscalers", forbidden) }, err: "reading HorizontalPodAutoscaler shop/web"},
		"no scale":              {with: func(c *fakes) { c.scales.PrependReactor("get", "*", forbidden) }, err: "reading the scale of Deployment web"},
		"no selector":           {with: func(c *fakes) { c.scale.Status.Selector = "" }, err: "by which no autoscaler finds pods"},
		"a broken selector":     {with: func(c *fakes) { c.scale.Status.Selector = "a in" }, err: "by which no autoscaler finds pods"},
		"no rights to pods":     {with: func(c *fakes) { c.client.PrependReactor("list", "pods", forbidden) }, err: "listing the pods of app=web"},
		"no rights to metrics":  {with: func(c *fakes) { c.custom.PrependReactor("get", "*", forbidden) }, says: "you may not read it (the autoscaler may)"},
		"no rights to windows":  {with: func(c *fakes) { c.objects.PrependReactor("list", "*", forbidden) }, says: "Not known: whether ScalingWindows hold"},
		"no window at all":      {with: func(c *fakes) { c.objects.PrependReactor("list", "*", notThere) }, says: "It stays at 3"},
		"stale":                 {with: func(c *fakes) { c.custom.PrependReactor("get", "*", failing(stale)) }, says: "Unreadable"},
		"an empty answer":       {with: func(c *fakes) { c.custom.PrependReactor("get", "*", empty) }, says: "the answer has no values"},
		"a window without kind": {with: func(c *fakes) { c.objects.PrependReactor("list", "*", malformed) }, says: "reading ScalingWindow shop/odd"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFakes(shop(3, 10))
			tc.with(c)
			facts, err := c.cluster().Facts(t.Context(), "shop", "web")
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("it is %v, want %q in it", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if err := Of(facts).Print(&text); err != nil || !strings.Contains(text.String(), tc.says) {
				t.Errorf("%q is missing (%v) in:\n%s", tc.says, err, &text)
			}
		})
	}
	c := newFakes(shop(3, 10)).cluster()
	if _, err := c.Facts(t.Context(), "shop", "wed"); err == nil || !strings.Contains(err.Error(), "in namespace shop there are: web") {
		t.Errorf("a slip of the pen is told: %v", err)
	}
	if _, err := c.Facts(t.Context(), "shoq", "web"); err == nil || !strings.Contains(err.Error(), "no other in namespace shoq") {
		t.Errorf("another slip of the pen is told: %v", err)
	}
}

func failing(err error) kubetesting.ReactionFunc {
	return func(kubetesting.Action) (bool, runtime.Object, error) { return true, nil, err }
}

func notThere(kubetesting.Action) (bool, runtime.Object, error) {
	return true, nil, apierrors.NewNotFound(v1.Resource("scalingwindows"), "")
}

func empty(kubetesting.Action) (bool, runtime.Object, error) {
	return true, &v1beta2.MetricValueList{}, nil
}

func malformed(kubetesting.Action) (bool, runtime.Object, error) {
	odd := unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "evenkeel.dev/v1alpha1", "kind": "ScalingWindow", "metadata": map[string]any{"namespace": "shop", "name": "odd"}, "spec": "odd",
	}}
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "evenkeel.dev/v1alpha1", "kind": "ScalingWindowList"}}
	list.Items = []unstructured.Unstructured{odd}
	return true, list, nil
}
