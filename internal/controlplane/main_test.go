package controlplane

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// shared is one control plane with living nodes for all tests that do not start or stop one.
var shared struct {
	*ControlPlane
	took time.Duration
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	if os.Getenv("CONTROLPLANE_LOG") == "" {
		quiet()
	}
	// klog's flusher and the health check's ticker live as long as the process does.
	_ = healthz.LogHealthz.Check(nil)
	before := goleak.IgnoreCurrent()

	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if shared.ControlPlane, err = Start(ctx, Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.took = time.Since(began)
	if err := shared.StartNodes(context.Background(), NodeOptions{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := shared.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return max(code, leaks(before))
}

// leaks finds what all control planes of the tests left running. No goroutine is excused; but a request
// that waited for the watch cache when its server stopped keeps a timer for three seconds more.
func leaks(before goleak.Option) int {
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if err = goleak.Find(before); err == nil {
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// quiet discards what the components log; set CONTROLPLANE_LOG to read it.
func quiet() {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false")
	_ = flags.Set("alsologtostderr", "false")
	_ = flags.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard)
}

func clientFor(t testing.TB, cfg *rest.Config) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// namespace returns a new namespace in which pods can be created, and removes it after the test.
func namespace(t testing.TB, client kubernetes.Interface) string {
	t.Helper()
	ctx := t.Context()
	wanted := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	created, err := client.CoreV1().Namespaces().Create(ctx, wanted, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.CoreV1().Namespaces().Delete(context.Background(), created.Name, metav1.DeleteOptions{})
	})
	eventually(t, "the namespace's service account exists", func() (bool, error) {
		_, err := client.CoreV1().ServiceAccounts(created.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, err
	})
	return created.Name
}

// eventually polls until the condition holds. The limit only ends a test that has failed.
func eventually(t testing.TB, what string, condition func() (bool, error)) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var ok bool
		if ok, err = condition(); ok {
			return
		}
	}
	t.Fatalf("waited a minute in vain until %s: last error: %v", what, err)
}

func nodes(t testing.TB, client kubernetes.Interface, prefix string, count int) []string {
	t.Helper()
	var names []string
	for i := range count {
		node := NewNode(fmt.Sprintf("%s-%d", prefix, i), nil, v1.ResourceList{
			v1.ResourceCPU:    resource.MustParse("8"),
			v1.ResourceMemory: resource.MustParse("32Gi"),
		})
		if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		names = append(names, node.Name)
		t.Cleanup(func() {
			_ = client.CoreV1().Nodes().Delete(context.Background(), node.Name, metav1.DeleteOptions{})
		})
	}
	return names
}
