package controlplane

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

func container() []v1.Container {
	return []v1.Container{{Name: "main", Image: "registry.invalid/main:1"}}
}

// bindAll binds the namespace's unbound pods to the nodes in turn, as a scheduler would.
func bindAll(t *testing.T, client kubernetes.Interface, ns string, names []string) {
	t.Helper()
	pods, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName="})
	if err != nil {
		t.Fatal(err)
	}
	for i, pod := range pods.Items {
		binding := &v1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: ns, UID: pod.UID},
			Target:     v1.ObjectReference{Kind: "Node", Name: names[i%len(names)]},
		}
		if err := client.CoreV1().Pods(ns).Bind(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func ready(node *v1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}

func waitForNodes(t *testing.T, client kubernetes.Interface, names []string) {
	t.Helper()
	for _, name := range names {
		eventually(t, "node "+name+" is ready and free of taints", func() (bool, error) {
			node, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
			return err == nil && ready(node) && len(node.Spec.Taints) == 0, err
		})
	}
}

func TestDeploymentBecomesAvailable(t *testing.T) {
	client := clientFor(t, shared.RESTConfig())
	ns := namespace(t, client)
	names := nodes(t, client, "deploy", 3)
	waitForNodes(t, client, names)

	const replicas = int32(20)
	count, app := replicas, map[string]string{"app": "web"}
	if _, err := client.AppsV1().Deployments(ns).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &count,
			Selector: &metav1.LabelSelector{MatchLabels: app},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: app}, Spec: v1.PodSpec{Containers: container()}},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	available := func() (bool, error) {
		bindAll(t, client, ns, names)
		deployment, err := client.AppsV1().Deployments(ns).Get(t.Context(), "web", metav1.GetOptions{})
		return err == nil && deployment.Status.AvailableReplicas == replicas, err
	}
	eventually(t, "all replicas are available", available)

	t.Run("each pod has an address of its own and its node's", func(t *testing.T) {
		pods, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		hosts, seen := map[string]string{}, map[string]string{}
		for _, name := range names {
			node, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			hosts[name] = node.Status.Addresses[0].Address
		}
		for _, pod := range pods.Items {
			if other, taken := seen[pod.Status.PodIP]; taken {
				t.Errorf("%s and %s share the address %s", pod.Name, other, pod.Status.PodIP)
			}
			seen[pod.Status.PodIP] = pod.Name
			if want := hosts[pod.Spec.NodeName]; pod.Status.HostIP != want {
				t.Errorf("%s has host address %q, want %q", pod.Name, pod.Status.HostIP, want)
			}
		}
	})
	t.Run("deleted pods go and are replaced", func(t *testing.T) {
		before, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.CoreV1().Pods(ns).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, pod := range before.Items {
			eventually(t, pod.Name+" is gone", func() (bool, error) {
				_, err := client.CoreV1().Pods(ns).Get(t.Context(), pod.Name, metav1.GetOptions{})
				return apierrors.IsNotFound(err), err
			})
		}
		eventually(t, "all replicas are available again", available)
	})
}

func TestJobRunsItsTime(t *testing.T) {
	client := clientFor(t, shared.RESTConfig())
	ns := namespace(t, client)
	names := nodes(t, client, "job", 1)
	waitForNodes(t, client, names)
	completions := int32(3)
	if _, err := client.BatchV1().Jobs(ns).Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "batch"},
		Spec: batchv1.JobSpec{
			Completions: &completions, Parallelism: &completions,
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{RunForAnnotation: "2s"}},
				Spec:       v1.PodSpec{RestartPolicy: v1.RestartPolicyNever, Containers: container(), NodeName: names[0]},
			},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the job is complete", func() (bool, error) {
		job, err := client.BatchV1().Jobs(ns).Get(t.Context(), "batch", metav1.GetOptions{})
		return err == nil && job.Status.Succeeded == completions && job.Status.CompletionTime != nil, err
	})
	pods, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		ended := pod.Status.ContainerStatuses[0].State.Terminated
		if ended == nil {
			t.Fatalf("%s: the container has not terminated: %+v", pod.Name, pod.Status)
		}
		if ran := ended.FinishedAt.Sub(ended.StartedAt.Time); ran < 2*time.Second {
			t.Errorf("%s ran %s, want 2s at least", pod.Name, ran)
		}
	}
}

// setLabel sets the label by which a node is managed, or not.
func setLabel(t *testing.T, client kubernetes.Interface, node, value string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, NodeLabel, value)
	if _, err := client.CoreV1().Nodes().Patch(t.Context(), node, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestPodBoundBeforeItsNodeIsManaged(t *testing.T) {
	client := clientFor(t, shared.RESTConfig())
	ns := namespace(t, client)
	node := NewNode("late", map[string]string{NodeLabel: "not-yet"}, nil)
	node, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.CoreV1().Nodes().Delete(context.Background(), "late", metav1.DeleteOptions{}) })
	if _, err := client.CoreV1().Pods(ns).Create(t.Context(), &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "waiting"},
		Spec:       v1.PodSpec{NodeName: "late", Containers: container()},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	setLabel(t, client, node.Name, NodeLabelValue)
	eventually(t, "the pod runs", func() (bool, error) {
		pod, err := client.CoreV1().Pods(ns).Get(t.Context(), "waiting", metav1.GetOptions{})
		return err == nil && pod.Status.Phase == v1.PodRunning, err
	})
}

func TestLeasesAreRenewedAndGoWithTheirNode(t *testing.T) {
	client := clientFor(t, shared.RESTConfig())
	names := nodes(t, client, "lease", 1)
	leases := client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	eventually(t, "the node holds its lease", func() (bool, error) {
		lease, err := leases.Get(t.Context(), names[0], metav1.GetOptions{})
		return err == nil && lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity == names[0], err
	})
	if err := client.CoreV1().Nodes().Delete(t.Context(), names[0], metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lease is collected", func() (bool, error) {
		_, err := leases.Get(t.Context(), names[0], metav1.GetOptions{})
		return apierrors.IsNotFound(err), err
	})
}

func TestSecondStartNodesIsRefused(t *testing.T) {
	if err := shared.StartNodes(t.Context(), NodeOptions{}); err == nil {
		t.Error("nodes were started twice")
	}
}

func TestNodeOptionsMustNotBeNegative(t *testing.T) {
	for name, options := range map[string]NodeOptions{
		"lease": {LeaseSeconds: -1},
		"stop":  {StopAfter: -time.Second},
	} {
		if err := shared.StartNodes(t.Context(), options); err == nil {
			t.Errorf("%s: negative value was accepted", name)
		}
	}
}
