package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/explain"
	adapter "github.com/evenkeel/evenkeel/cmd/metrics-adapter/app"
)

// followWindow has an autoscaler follow the window of testWindow, and another read what nobody serves.
func (s *adapterStage) followWindow(t *testing.T) {
	perPod := func(name string) autoscalingv2.MetricSpec {
		return autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: name},
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: ptr.To(resource.MustParse("40"))},
		}}
	}
	s.autoscale(t, "held", perPod("requests"))
	s.deploy(t, "blind", 2)
	s.autoscale(t, "blind", perPod("nothing"))
}

// testExplain has a viewer ask why neither scales down.
func (s *adapterStage) testExplain(t *testing.T) {
	eventually(t, "the autoscaler to follow the window", func(ctx context.Context) (bool, error) {
		hpa, err := s.client.AutoscalingV2().HorizontalPodAutoscalers(adapterNamespace).Get(ctx, "held", metav1.GetOptions{})
		return err == nil && hpa.Status.DesiredReplicas == 4 && hpa.Status.CurrentReplicas == 4, err
	})
	viewer := writeKubeconfig(t, cluster(t).ConfigFor("viewer"))
	if _, err := explained(t, viewer, "adapter/held"); err == nil || !strings.Contains(err.Error(), `cannot get resource "horizontalpodautoscalers"`) {
		t.Errorf("who may see nothing is told: %v", err)
	}
	s.grantView(t)
	eventually(t, "the viewer's rights", func(context.Context) (bool, error) {
		text, err := explained(t, viewer, "adapter/held")
		return err == nil && strings.Contains(text, "NotComputed") && strings.Contains(text, "you may not read it") &&
			strings.Contains(text, "Not known: whether ScalingWindows hold anything"), nil
	})
	for _, object := range readObjects(t, filepath.Join(manifests, "metrics-adapter/rbac.yaml")) {
		if object.GetName() == "evenkeel-metrics-adapter-view" {
			apply(t, object)
		}
	}
	eventually(t, "the viewer to be told", func(context.Context) (bool, error) {
		text, err := explained(t, viewer, "adapter/held")
		return err == nil && strings.Contains(text, "WindowHolds") && strings.Contains(text, "of 2"), nil
	})
	checkExplanation(t, viewer)
	text, err := explained(t, viewer, "adapter/blind")
	if err != nil || !strings.Contains(text, "Unreadable") || !strings.Contains(text, "nothing") || !strings.Contains(text, "FailedGetPodsMetric") {
		t.Errorf("of a metric that there is not it says (%v):\n%s", err, text)
	}
	if _, err := explained(t, viewer, "adapter/nobody"); err == nil || !strings.Contains(err.Error(), "there are: blind, external-average, ") {
		t.Errorf("of an autoscaler that there is not it says: %v", err)
	}
}

// checkExplanation reads the window's hold as a program would.
func checkExplanation(t *testing.T, kubeconfig string) {
	t.Helper()
	text, err := explained(t, kubeconfig, "adapter/held", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var e explain.Explanation
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	if e.Replicas != 4 || e.Next != 4 || len(e.Metrics) != 1 || len(e.Holds) == 0 || e.Holds[0].Reason != explain.WindowHolds {
		t.Fatalf("it says: %s", text)
	}
	m := &e.Metrics[0]
	if m.Total.String() != "160" || m.Window.Demand.String() != "2" || m.Window.HeldBy.Value.String() != "160" || *m.Window.DemandAsks != 1 {
		t.Errorf("it says: %s", text)
	}
	// The sample was within the test, and counts for the window's 10m.
	at, until := m.Window.HeldBy.Time, e.Holds[0].Until
	if hold := until.Sub(at.Time); time.Since(at.Time) > 5*time.Minute || hold < 10*time.Minute || hold > 10*time.Minute+5*time.Second {
		t.Errorf("the sample of %s holds until %s", at, until)
	}
}

// grantView makes viewer a viewer of the namespace.
func (s *adapterStage) grantView(t *testing.T) {
	t.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: adapterNamespace, Name: "viewer"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "viewer"}},
	}
	if _, err := s.client.RbacV1().RoleBindings(adapterNamespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// explained is what the command explain prints.
func explained(t *testing.T, kubeconfig string, args ...string) (string, error) {
	t.Helper()
	cmd := adapter.NewCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(append([]string{"explain", "--kubeconfig", kubeconfig}, args...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}
