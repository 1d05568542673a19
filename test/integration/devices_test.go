package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/cmd/scheduler/app"
	"github.com/evenkeel/evenkeel/internal/controlplane"
)

const (
	gpu       = "nvidia.com/gpu"
	gpuMilli  = "evenkeel.dev/gpu-milli"
	gpusOfPod = "evenkeel.dev/gpu-devices"
)

// newGPUNode creates a node with GPUs.
func newGPUNode(t *testing.T, pool, name string, gpus int) {
	t.Helper()
	client := admin(t)
	node := controlplane.NewNode(name, map[string]string{poolLabel: pool}, v1.ResourceList{
		v1.ResourceCPU: resource.MustParse("8"), v1.ResourceMemory: resource.MustParse("32Gi"),
		gpu: resource.MustParse(fmt.Sprint(gpus)), gpuMilli: resource.MustParse(fmt.Sprint(1000 * gpus)),
	})
	if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "node "+name+" to be ready", func(ctx context.Context) (bool, error) {
		node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		return err == nil && isReady(node), err
	})
}

// placeGPUPod creates a pod that wants so much of a resource of devices, and returns where it is and on which.
func placeGPUPod(t *testing.T, namespace, name, scheduler, pool string, what v1.ResourceName, amount string) (node, devices string) {
	t.Helper()
	pod := newPod(namespace, name, scheduler, pool, "100m")
	resources := &pod.Spec.Containers[0].Resources
	resources.Requests[what] = resource.MustParse(amount)
	resources.Limits = v1.ResourceList{what: resource.MustParse(amount)}
	createPod(t, pod)
	node = nodeOf(t, namespace, name)
	bound, err := admin(t).CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return node, bound.Annotations[gpusOfPod]
}

const antiFragmentation = head + `profiles:
- schedulerName: %s
  plugins: {multiPoint: {enabled: [{name: AntiFragmentation, weight: 100}]}}
`

// TestDevices: shares go on GPUs in use, each pod says which it has, and a scheduler that starts anew knows.
func TestDevices(t *testing.T) {
	newGPUNode(t, "devices", "devices-a", 2)
	newGPUNode(t, "devices", "devices-b", 2)
	newNamespace(t, "devices")
	schedule(t, fmt.Sprintf(antiFragmentation, "devices-one"))

	first, firstGPU := placeGPUPod(t, "devices", "half", "devices-one", "devices", gpuMilli, "500")
	if firstGPU != "0" {
		t.Errorf("a share of an idle node is on GPU %q, want the first", firstGPU)
	}
	if node, devices := placeGPUPod(t, "devices", "other-half", "devices-one", "devices", gpuMilli, "500"); node != first || devices != firstGPU {
		t.Errorf("a share that fits beside another is on GPU %q of %s, want %q of %s", devices, node, firstGPU, first)
	}
	pair, devices := placeGPUPod(t, "devices", "pair", "devices-one", "devices", gpu, "2")
	if pair == first || devices != "0,1" {
		t.Errorf("two whole GPUs are %q of %s, where a share is on %s", devices, pair, first)
	}
	if node, devices := placeGPUPod(t, "devices", "third", "devices-one", "devices", gpuMilli, "300"); node != first || devices != "1" {
		t.Errorf("a third share is on GPU %q of %s, want the second of %s", devices, node, first)
	}

	schedule(t, fmt.Sprintf(antiFragmentation, "devices-two")) // knows only what pods say
	if node, devices := placeGPUPod(t, "devices", "fourth", "devices-two", "devices", gpuMilli, "700"); node != first || devices != "1" {
		t.Errorf("another scheduler put a share on GPU %q of %s, want the second of %s", devices, node, first)
	}
	late := newPod("devices", "late", "devices-two", "devices", "100m")
	late.Spec.Containers[0].Resources.Requests[gpuMilli] = resource.MustParse("100")
	late.Spec.Containers[0].Resources.Limits = v1.ResourceList{gpuMilli: resource.MustParse("100")}
	createPod(t, late)
	eventually(t, "the pod to be told that nothing fits", func(ctx context.Context) (bool, error) {
		pod, err := admin(t).CoreV1().Pods("devices").Get(ctx, "late", metav1.GetOptions{})
		return err == nil && slices.ContainsFunc(pod.Status.Conditions, func(c v1.PodCondition) bool {
			return c.Type == v1.PodScheduled && c.Reason == v1.PodReasonUnschedulable
		}), err
	})
	now := int64(0)
	if err := admin(t).CoreV1().Pods("devices").Delete(t.Context(), "third", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
	if node := nodeOf(t, "devices", "late"); node != first { // woken by the deletion
		t.Errorf("the pod that waited is on %s, want %s, where room was made", node, first)
	}
}

// TestGPUOverlay checks the overlay's configuration as the scheduler would.
func TestGPUOverlay(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(manifests, "overlays/gpu/config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var config v1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &config); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(config.Data["config.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := app.NewCommand()
	cmd.SetArgs([]string{"check", "--config", file})
	if err := cmd.ExecuteContext(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	apply(t, readObjects(t, filepath.Join(manifests, "overlays/gpu/rbac.yaml"))...)
}
