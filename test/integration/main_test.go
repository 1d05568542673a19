package integration

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-base/cli"
	"k8s.io/klog/v2"

	adapter "github.com/evenkeel/evenkeel/cmd/metrics-adapter/app"
	peakshaver "github.com/evenkeel/evenkeel/cmd/peakshaver/app"
	"github.com/evenkeel/evenkeel/cmd/scheduler/app"
	"github.com/evenkeel/evenkeel/internal/controlplane"
)

// Any of these in the environment makes the test binary that command.
const (
	asScheduler  = "EVENKEEL_TEST_AS_SCHEDULER"
	asAdapter    = "EVENKEEL_TEST_AS_ADAPTER"
	asPeakShaver = "EVENKEEL_TEST_AS_PEAKSHAVER"
)

func TestMain(m *testing.M) {
	if os.Getenv(asScheduler) != "" {
		os.Exit(runLogging(app.NewCommand(), os.Args[1:]))
	}
	if os.Getenv(asAdapter) != "" {
		os.Exit(runAdapter(os.Args[1:]))
	}
	if os.Getenv(asPeakShaver) != "" {
		os.Exit(runLogging(peakshaver.NewCommand(), os.Args[1:]))
	}
	klog.SetLogger(klog.Logger{})
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runLogging does what the mains of cmd/scheduler and cmd/peakshaver do.
func runLogging(cmd *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd.SetContext(ctx)
	cmd.SetArgs(args)
	if err := cli.RunNoErrOutput(cmd); err != nil {
		fmt.Fprintf(os.Stderr, "Error: %v\n", err)
		return 1
	}
	return 0
}

// runAdapter does what cmd/metrics-adapter's main does.
func runAdapter(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := adapter.NewCommand()
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "metrics-adapter:", err)
		return 1
	}
	return 0
}

var shared struct {
	sync.Mutex
	plane *controlplane.ControlPlane
	err   error
}

// cluster returns the control plane that tests share, started on first use.
// Nodes that a test creates with newNodes come to life.
func cluster(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.plane == nil && shared.err == nil {
		shared.plane, shared.err = startShared()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.plane
}

func startShared() (*controlplane.ControlPlane, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		return nil, err
	}
	return plane, plane.StartNodes(context.Background(), controlplane.NodeOptions{})
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.plane == nil {
		return nil
	}
	return shared.plane.Stop()
}

func admin(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster(t).RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// poolLabel keeps the nodes of a test to its own pods.
const poolLabel = "evenkeel.test/pool"

// newNodes creates nodes of 8 cores and 32 GiB for the pods of one test, and
// waits until they are ready.
func newNodes(t *testing.T, pool string, names ...string) {
	t.Helper()
	client := admin(t)
	capacity := v1.ResourceList{v1.ResourceCPU: resource.MustParse("8"), v1.ResourceMemory: resource.MustParse("32Gi")}
	for _, name := range names {
		node := controlplane.NewNode(name, map[string]string{poolLabel: pool}, capacity)
		if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := client.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "the nodes to be ready", func(ctx context.Context) (bool, error) {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: poolLabel + "=" + pool})
		if err != nil {
			return false, err
		}
		ready := 0
		for i := range nodes.Items {
			if isReady(&nodes.Items[i]) {
				ready++
			}
		}
		return ready == len(names), nil
	})
}

func isReady(node *v1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			return condition.Status == v1.ConditionTrue && len(node.Spec.Taints) == 0
		}
	}
	return false
}

// newNamespace creates a namespace in which pods can be created.
func newNamespace(t *testing.T, name string) {
	t.Helper()
	client := admin(t)
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			logWaiting(t, client, name)
		}
		now := int64(0)
		if err := client.CoreV1().Pods(name).DeleteCollection(context.Background(), metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the namespace's service account", func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
}

// logWaiting tells what the pods of a namespace wait for.
func logWaiting(t *testing.T, client kubernetes.Interface, namespace string) {
	pods, err := client.CoreV1().Pods(namespace).List(context.Background(), metav1.ListOptions{FieldSelector: "spec.nodeName="})
	if err != nil {
		t.Error(err)
		return
	}
	for i := range pods.Items {
		for _, condition := range pods.Items[i].Status.Conditions {
			t.Logf("pod %s waits: %s", pods.Items[i].Name, condition.Message)
		}
	}
}

// newPod is a pod for the nodes of a pool, not yet created.
func newPod(namespace, name, scheduler, pool, cpu string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1.PodSpec{
			SchedulerName: scheduler,
			NodeSelector:  map[string]string{poolLabel: pool},
			Containers: []v1.Container{{
				Name: "c", Image: "registry.example/c:1",
				Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
					v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("16Mi"),
				}},
			}},
		},
	}
}

func createPod(t *testing.T, pod *v1.Pod) {
	t.Helper()
	if _, err := admin(t).CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// nodeOf waits until a pod is bound, and returns to which node.
func nodeOf(t *testing.T, namespace, name string) string {
	t.Helper()
	var node string
	eventually(t, fmt.Sprintf("pod %s/%s to be bound", namespace, name), func(ctx context.Context) (bool, error) {
		pod, err := admin(t).CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		node = pod.Spec.NodeName
		return node != "", nil
	})
	return node
}

// eventually waits until done says so; an error of done ends the test.
func eventually(t *testing.T, what string, done wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, done); err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}
