package controlplane

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func itoa(n int) string { return strconv.Itoa(n) }

// insecure is for tests that have to look at a server before they can trust it.
func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// freePort returns a port that nothing listened on a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return portOf(t, listener)
}

func portOf(t *testing.T, listener net.Listener) int {
	t.Helper()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%v is no TCP address", listener.Addr())
	}
	return address.Port
}

func TestReadyTime(t *testing.T) {
	if shared.took <= 0 {
		t.Fatal("the shared control plane was not timed")
	}
	t.Logf("ready in %s", shared.took)
}

func TestAnonymousIsUnauthorized(t *testing.T) {
	for path, reason := range map[string]string{
		"/api/v1/pods": "resources",
		"/version":     "what upstream shows to all by default",
		"/healthz":     "health, likewise",
	} {
		anonymous := rest.AnonymousClientConfig(shared.RESTConfig())
		_, err := clientFor(t, anonymous).CoreV1().RESTClient().Get().AbsPath(path).DoRaw(t.Context())
		if !apierrors.IsUnauthorized(err) {
			t.Errorf("%s (%s): got %v, want unauthorized", path, reason, err)
		}
	}
}

func TestConfigForIsBoundByRBAC(t *testing.T) {
	admin := clientFor(t, shared.RESTConfig())
	ns := namespace(t, admin)
	reader := clientFor(t, shared.ConfigFor("jane", "readers"))
	list := func() error {
		_, err := reader.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
		return err
	}
	if err := list(); !apierrors.IsForbidden(err) {
		t.Fatalf("without rights: got %v, want forbidden", err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "readers"},
		Subjects:   []rbacv1.Subject{{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "readers"}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", APIGroup: rbacv1.GroupName, Name: "view"},
	}
	if _, err := admin.RbacV1().RoleBindings(ns).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the group may list pods", func() (bool, error) {
		err := list()
		return err == nil, err
	})
	if err := reader.CoreV1().Pods(ns).Delete(t.Context(), "any", metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("deleting with the right to view: got %v, want forbidden", err)
	}
}

func TestConfigForWithoutUserPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	shared.ConfigFor("")
}

func TestKubeconfig(t *testing.T) {
	info, err := os.Stat(shared.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("mode of the kubeconfig is %o, want 600", mode)
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", shared.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clientFor(t, cfg).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(shared.RESTConfig().Host, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	if host != "127.0.0.1" {
		t.Errorf("the API server is at %q, want 127.0.0.1", host)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		ip, _, err := net.ParseCIDR(address.String())
		if err != nil {
			t.Fatal(err)
		}
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), port), time.Second)
		if err == nil {
			_ = connection.Close()
			t.Errorf("the API server answers on %s", ip)
		}
	}
}

func TestServiceAccountTokens(t *testing.T) {
	admin := clientFor(t, shared.RESTConfig())
	token := newToken(t, admin)
	cfg := rest.AnonymousClientConfig(shared.RESTConfig())
	cfg.BearerToken = token
	_, err := clientFor(t, cfg).CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "system:serviceaccount:default:default") {
		t.Errorf("got %v, want forbidden for the service account", err)
	}
}

func newToken(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	accounts := client.CoreV1().ServiceAccounts("default")
	request, err := accounts.CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

func TestPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	port := portOf(t, listener)
	c, err := Start(t.Context(), Options{SecurePort: port})
	if err == nil {
		_ = c.Stop()
		t.Fatal("started on a taken port")
	}
	for _, want := range []string{itoa(port), "taken", "SecurePort"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %q", err, want)
		}
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("changed my mind")
	cancel(reason)
	t.Setenv("TMPDIR", t.TempDir())
	if _, err := Start(ctx, Options{}); !errors.Is(err, reason) {
		t.Errorf("got %v, want the reason of the context's end", err)
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestStopLeavesNothing starts a second control plane beside the shared one, with short-lived leases,
// and stops it while a watch is open.
func TestStopLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	c, err := Start(t.Context(), Options{SecurePort: freePort(t), NodeGracePeriod: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.StartNodes(t.Context(), NodeOptions{LeaseSeconds: 4}); err != nil {
		t.Fatal(err)
	}
	t.Run("neither of two trusts the other's credentials", func(t *testing.T) {
		foreign := shared.RESTConfig()
		foreign.Host, foreign.CAData = c.RESTConfig().Host, c.RESTConfig().CAData
		_, err := clientFor(t, foreign).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if !apierrors.IsUnauthorized(err) {
			t.Errorf("got %v, want unauthorized", err)
		}
	})
	client := clientFor(t, c.RESTConfig())
	t.Run("a silent node is given up", func(t *testing.T) {
		// Were all nodes silent, upstream would blame itself and taint none.
		name := nodes(t, client, "silent", 3)[0]
		waitForNodes(t, client, []string{name})
		setLabel(t, client, name, "no-more")
		eventually(t, "the node is tainted as unreachable", func() (bool, error) {
			node, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
			return err == nil && slices.ContainsFunc(node.Spec.Taints, func(taint v1.Taint) bool {
				return taint.Key == v1.TaintNodeUnreachable && taint.Effect == v1.TaintEffectNoExecute
			}), err
		})
		setLabel(t, client, name, NodeLabelValue)
		waitForNodes(t, client, []string{name})
	})
	watcher, err := client.CoreV1().Pods("").Watch(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	t.Logf("stopped in %s", time.Since(began))
	for range watcher.ResultChan() {
	}
	watcher.Stop()
	if err := c.Stop(); err != nil {
		t.Errorf("stopping again: %v", err)
	}
	if err := c.StartNodes(t.Context(), NodeOptions{}); err == nil {
		t.Error("nodes start after Stop")
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left in the temporary directory: %v", left)
	}
	port := strings.TrimPrefix(c.RESTConfig().Host, "https://")
	if listener, err := net.Listen("tcp", port); err != nil {
		t.Errorf("the port is not free: %v", err)
	} else {
		_ = listener.Close()
	}
}

func TestKeptDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	first, err := Start(t.Context(), Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	stop := func(c *ControlPlane) {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	}
	client := clientFor(t, first.RESTConfig())
	if _, err := client.CoreV1().ConfigMaps("default").Create(t.Context(), &v1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "kept"}, Data: map[string]string{"a": "1"},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	token := newToken(t, client)
	certificate := first.RESTConfig()

	if _, err := Start(t.Context(), Options{DataDir: dir}); err == nil || !strings.Contains(err.Error(), "another control plane") {
		t.Errorf("a second control plane on the same directory: got %v, want an error", err)
	}
	stop(first)

	second, err := Start(t.Context(), Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(second)
	certificate.Host = second.RESTConfig().Host
	kept, err := clientFor(t, certificate).CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{})
	if err != nil {
		t.Fatalf("with the first run's certificate: %v", err)
	}
	if kept.Data["a"] != "1" {
		t.Errorf("kept data is %v", kept.Data)
	}
	bearer := rest.AnonymousClientConfig(certificate)
	bearer.BearerToken = token
	if _, err := clientFor(t, bearer).CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("with the first run's token: got %v, want forbidden", err)
	}
}
