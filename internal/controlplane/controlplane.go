// Package controlplane runs a Kubernetes control plane inside the process: etcd, kube-apiserver and
// kube-controller-manager, on loopback only, with certificates and keys of its own, and on request the
// life of nodes and pods. It serves tests, benchmarks and demonstrations alike.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/embed"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const (
	clientQPS   = 2000
	clientBurst = 4000

	defaultNodeGrace        = 50 * time.Second
	defaultAutoscalerPeriod = 15 * time.Second
	readyInterval           = 20 * time.Millisecond
)

// allowRepeatedLogging lets several components in one process, such as two schedulers beside the
// control plane, each set up logging as long as they agree. Upstream decides this by a variable.
var allowRepeatedLogging = sync.OnceFunc(func() {
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
})

// Options say where a control plane keeps its data and how it is reached. The zero value is a
// temporary control plane on a free port.
type Options struct {
	// DataDir keeps objects and credentials across restarts. Empty: a temporary directory, removed
	// by Stop, on which etcd does not wait for the disk.
	DataDir string
	// SecurePort is the port on 127.0.0.1 of the API server. 0: any free one.
	SecurePort int
	// NodeGracePeriod is how long a node may miss its heartbeats before it counts as lost. It must be
	// well above a quarter of NodeOptions.LeaseSeconds. Default 50 s, as upstream.
	NodeGracePeriod time.Duration
	// AutoscalerPeriod is how often the controller of HorizontalPodAutoscalers looks at each. Default 15 s, as upstream.
	AutoscalerPeriod time.Duration
}

// ControlPlane is a running control plane. Its methods may be called from several goroutines.
type ControlPlane struct {
	credentials *credentials
	admin       *rest.Config
	kubeconfig  string
	clock       clock.PassiveClock

	listener *listener
	runDir   string
	lock     *fileutil.LockedFile
	etcd     *embed.Etcd
	// components in the order they were started; they are stopped in reverse.
	mu         sync.Mutex
	components []*component
	stopped    bool
	stopErr    error
}

// Start starts a control plane and returns once it is ready: the API server says so, and the default
// namespace and its service account exist, so that pods can be created. The context bounds the start
// and carries the logger; ending it later does not stop the control plane, Stop does.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	if o.NodeGracePeriod == 0 {
		o.NodeGracePeriod = defaultNodeGrace
	}
	if o.AutoscalerPeriod == 0 {
		o.AutoscalerPeriod = defaultAutoscalerPeriod
	}
	allowRepeatedLogging()
	c := &ControlPlane{clock: clock.RealClock{}}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context, o Options) error {
	began := c.clock.Now()
	var err error
	if c.listener, err = listen(o.SecurePort); err != nil {
		return err
	}
	if err := c.serve(ctx, o); err != nil {
		return err
	}
	if _, err := c.run(ctx, "kube-controller-manager", func(ctx context.Context) error {
		return runControllers(ctx, c.kubeconfig, c.credentials, o)
	}); err != nil {
		return err
	}
	if err := c.waitForDefaults(ctx); err != nil {
		return err
	}
	klog.FromContext(ctx).V(2).Info("Control plane is ready", "address", c.admin.Host, "took", c.clock.Since(began))
	return nil
}

// serve brings up etcd and the API server, and waits until the latter is ready.
func (c *ControlPlane) serve(ctx context.Context, o Options) error {
	dataDir, err := c.openDirectories(o.DataDir)
	if err != nil {
		return err
	}
	now := c.clock.Now()
	if c.credentials, err = openCredentials(filepath.Join(dataDir, "pki"), now); err != nil {
		return err
	}
	if c.admin, err = c.credentials.client("https://"+c.listener.Addr().String(), adminUser, []string{mastersGroup}, now); err != nil {
		return err
	}
	c.kubeconfig = filepath.Join(dataDir, "admin.kubeconfig")
	if err := WriteKubeconfig(c.kubeconfig, c.admin); err != nil {
		return err
	}
	socket := filepath.Join(c.runDir, "etcd.sock")
	if c.etcd, err = startEtcd(ctx, dataDir, socket, o.DataDir != ""); err != nil {
		return err
	}
	serve, err := prepareAPIServer(context.WithoutCancel(ctx), c.listener, c.credentials, socket)
	if err != nil {
		return err
	}
	if _, err := c.run(ctx, "kube-apiserver", serve); err != nil {
		return err
	}
	return c.waitForReady(ctx)
}

// openDirectories makes the run directory, which holds etcd's socket and goes at Stop, and returns the
// data directory. The socket is kept apart because its path may not be longer than about 100 bytes.
func (c *ControlPlane) openDirectories(dataDir string) (string, error) {
	var err error
	if c.runDir, err = os.MkdirTemp("", "evenkeel-"); err != nil {
		return "", fmt.Errorf("creating run directory: %w", err)
	}
	if dataDir == "" {
		return c.runDir, nil
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return "", fmt.Errorf("creating data directory: %w", err)
	}
	c.lock, err = fileutil.TryLockFile(filepath.Join(dataDir, "lock"), os.O_CREATE|os.O_WRONLY, 0o600)
	if errors.Is(err, fileutil.ErrLocked) {
		return "", fmt.Errorf("opening data directory %q: another control plane is using it: "+
			"stop that one or choose another directory", dataDir)
	}
	if err != nil {
		return "", fmt.Errorf("opening data directory %q: %w", dataDir, err)
	}
	return dataDir, nil
}

func (c *ControlPlane) waitForReady(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return fmt.Errorf("creating client: %w", err)
	}
	return c.poll(ctx, "/readyz", func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

func (c *ControlPlane) waitForDefaults(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return fmt.Errorf("creating client: %w", err)
	}
	return c.poll(ctx, "the service account of the default namespace", func(ctx context.Context) error {
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// poll calls check until it succeeds, a component fails, or the context ends.
func (c *ControlPlane) poll(ctx context.Context, what string, check func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextCancel(ctx, readyInterval, true, func(ctx context.Context) (bool, error) {
		if err := c.failed(); err != nil {
			return false, err
		}
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil && last != nil && ctx.Err() != nil {
		return fmt.Errorf("waiting for %s: %w: %w", what, context.Cause(ctx), last)
	}
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return nil
}

// RESTConfig returns the configuration of an administrator's client (group system:masters), with
// limits on its rate that do not bind. It is the caller's to change.
func (c *ControlPlane) RESTConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// ConfigFor returns the configuration of a client that is the user, in the groups: it may do what RBAC
// grants them. It panics if no certificate can be made, which only an empty user brings about.
func (c *ControlPlane) ConfigFor(user string, groups ...string) *rest.Config {
	cfg, err := c.credentials.client(c.admin.Host, user, groups, c.clock.Now())
	if err != nil {
		panic(fmt.Sprintf("controlplane: client configuration for %q: %v", user, err))
	}
	return cfg
}

// Kubeconfig returns the path of an administrator's kubeconfig. It is removed by Stop unless the data
// directory is kept.
func (c *ControlPlane) Kubeconfig() string { return c.kubeconfig }

// Stop stops everything that Start and StartNodes started, last first, and removes the temporary
// directory. Further calls return what the first one did.
func (c *ControlPlane) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return c.stopErr
	}
	c.stopped = true
	var errs []error
	for i := len(c.components) - 1; i >= 0; i-- {
		errs = append(errs, c.components[i].stop())
	}
	if c.listener != nil {
		c.listener.closeAll()
	}
	if c.etcd != nil {
		c.etcd.Close()
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
	}
	if c.runDir != "" {
		errs = append(errs, os.RemoveAll(c.runDir))
	}
	c.stopErr = errors.Join(errs...)
	return c.stopErr
}
