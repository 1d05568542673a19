package integration

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/evenkeel/evenkeel/internal/replay"
)

// TestMetricsAPIThroughTheAggregator replays usage on the real API server and
// reads it as kubectl top does.
func TestMetricsAPIThroughTheAggregator(t *testing.T) {
	plane := cluster(t)
	admin := plane.RESTConfig()
	client := kubernetes.NewForConfigOrDie(admin)
	newNodes(t, "replay-metrics", "top-node")
	newNamespace(t, "replay-metrics")
	playOn(t, client, "replay-metrics", "top-node")
	r, err := replay.New(replay.Options{
		Client: client, Step: 100 * time.Millisecond, Window: time.Second,
		Assign: func(pod *corev1.Pod) (replay.Curve, bool) {
			return replay.Constant(0.75), pod.Namespace == "replay-metrics"
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	server, err := r.ServeMetricsAPI(t.Context(), "v1beta1-metrics-k8s-io.kube-system.svc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	began := time.Now()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := plane.RegisterAPIService(t.Context(), "metrics.k8s.io", "v1beta1", server.Port(), server.CA()); err != nil {
		t.Fatal(err)
	}

	// A group that nobody serves would hold up the deletion of namespaces.
	t.Cleanup(func() {
		err := aggregator.NewForConfigOrDie(admin).ApiregistrationV1().APIServices().
			Delete(context.Background(), "v1beta1.metrics.k8s.io", metav1.DeleteOptions{})
		if err != nil {
			t.Error(err)
		}
	})

	top := metricsclient.NewForConfigOrDie(admin).MetricsV1beta1()
	want := map[corev1.ResourceName]string{"cpu": "750m", "memory": "1Gi"}
	// The first window holds the pod's beginning; the second does not.
	eventually(t, "a whole window of usage", func(ctx context.Context) (bool, error) {
		node, err := top.NodeMetricses().Get(ctx, "top-node", metav1.GetOptions{})
		if apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) {
			return false, nil // not measured yet, or the aggregator has not taken notice yet
		}
		return err == nil && node.Timestamp.Sub(began) > 3*time.Second, err
	})
	node, err := top.NodeMetricses().Get(t.Context(), "top-node", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, rounded(node.Usage)); diff != "" {
		t.Errorf("usage of the node (-want +got):\n%s", diff)
	}
	if node.Window.Duration < time.Second || node.Window.Duration > 30*time.Second {
		t.Errorf("window is %v, want about a second", node.Window)
	}
	pods, err := top.PodMetricses("replay-metrics").List(t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
	if err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 1 || len(pods.Items[0].Containers) != 1 {
		t.Fatalf("pods are %+v, want one with one container", pods.Items)
	}
	if diff := cmp.Diff(want, rounded(pods.Items[0].Containers[0].Usage)); diff != "" {
		t.Errorf("usage of the pod (-want +got):\n%s", diff)
	}
	none, err := top.PodMetricses("replay-metrics").List(t.Context(), metav1.ListOptions{LabelSelector: "app=other"})
	if err != nil || len(none.Items) != 0 {
		t.Errorf("pods of another label: %v, %v", none.Items, err)
	}
	if _, err := top.PodMetricses("replay-metrics").Get(t.Context(), "nobody", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("metrics of an unknown pod: %v, want not found", err)
	}
	t.Run("RBAC decides who reads", func(t *testing.T) {
		checkMetricsRBAC(t, client, plane.ConfigFor("replay-reader"), plane.ConfigFor("replay-stranger"))
	})
}

func checkMetricsRBAC(t *testing.T, admin kubernetes.Interface, reader, stranger *rest.Config) {
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "replay-metrics-reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"metrics.k8s.io"}, Resources: []string{"nodes"}, Verbs: []string{"list"}}},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "replay-reader"}},
	}
	if _, err := admin.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = admin.RbacV1().ClusterRoleBindings().Delete(context.Background(), binding.Name, metav1.DeleteOptions{})
		_ = admin.RbacV1().ClusterRoles().Delete(context.Background(), role.Name, metav1.DeleteOptions{})
	})
	may, mayNot := metricsclient.NewForConfigOrDie(reader).MetricsV1beta1(), metricsclient.NewForConfigOrDie(stranger).MetricsV1beta1()
	eventually(t, "the granted right", func(ctx context.Context) (bool, error) {
		_, err := may.NodeMetricses().List(ctx, metav1.ListOptions{})
		if apierrors.IsForbidden(err) {
			return false, nil
		}
		return err == nil, err
	})
	if _, err := may.PodMetricses("").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("pods for one who may read nodes: %v, want forbidden", err)
	}
	if _, err := mayNot.NodeMetricses().List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("nodes for a stranger: %v, want forbidden", err)
	}
}

// playOn makes a pod that runs on a node.
func playOn(t *testing.T, client kubernetes.Interface, namespace, node string) {
	t.Helper()
	noToken := false
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			NodeName: node, AutomountServiceAccountToken: &noToken,
			Containers: []corev1.Container{{
				Name: "main", Image: "none",
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"memory": resource.MustParse("1Gi")}},
			}},
		},
	}
	pods := client.CoreV1().Pods(namespace)
	if _, err := pods.Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod to run", func(ctx context.Context) (bool, error) {
		now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && now.Status.Phase == corev1.PodRunning, err
	})
}

func rounded(usage corev1.ResourceList) map[corev1.ResourceName]string {
	cpu := usage.Cpu().DeepCopy()
	return map[corev1.ResourceName]string{
		"cpu":    resource.NewMilliQuantity(cpu.MilliValue(), resource.DecimalSI).String(),
		"memory": usage.Memory().String(),
	}
}
