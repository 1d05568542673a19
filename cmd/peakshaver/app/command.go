// Package app is the peakshaver command: the controller of peak policies, and a preview of them.
package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiserveroptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/controller"
)

const (
	name        = "evenkeel-peakshaver"
	defaultPort = 10270
	// A lease that nobody renews is taken over after leaseTime.
	leaseTime, renewTime, retryTime = 15 * time.Second, 10 * time.Second, 2 * time.Second
	// eventsPerSecond, after the first few, are told of all objects together.
	eventsPerSecond = 10
)

type options struct {
	kubeconfig     string
	leaderElect    bool
	leaseNamespace string
	writes         float32
	workers        int
	usageFile      string
	usage          *usageConfig

	serving        *apiserveroptions.SecureServingOptionsWithLoopback
	authentication *apiserveroptions.DelegatingAuthenticationOptions
	authorization  *apiserveroptions.DelegatingAuthorizationOptions
}

// NewCommand returns the peakshaver command with its subcommands.
func NewCommand() *cobra.Command {
	o := &options{
		serving:        apiserveroptions.NewSecureServingOptions().WithLoopback(),
		authentication: apiserveroptions.NewDelegatingAuthenticationOptions(),
		authorization:  apiserveroptions.NewDelegatingAuthorizationOptions().WithAlwaysAllowPaths("/livez", "/readyz"),
	}
	// Reachable from elsewhere only where someone asked for it.
	o.serving.BindAddress, o.serving.BindPort = net.IPv4(127, 0, 0, 1), defaultPort
	o.serving.ServerCert.CertDirectory, o.serving.ServerCert.PairName = "", "peakshaver"
	o.authentication.RemoteKubeConfigFileOptional = true
	o.authorization.RemoteKubeConfigFileOptional = true

	cmd := &cobra.Command{
		Use:   "peakshaver",
		Short: "Move low-priority work off the peak, and back",
		Long: `peakshaver carries out PeakPolicies and ClusterPeakPolicies: inside their
windows the objects that they select are as they say, outside as their owners
made them.

Other commands:
  peakshaver preview -f FILE       tell what policies will do to which objects when`,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "How the API server is reached; empty: as a pod is told.")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "Work only while no other peakshaver does.")
	flags.StringVar(&o.leaseNamespace, "leader-elect-namespace", "evenkeel-system", "Where the lease of the leader is.")
	flags.Float32Var(&o.writes, "writes-per-second", 200, "How many objects are changed in a second at most.")
	flags.StringVar(&o.usageFile, "usage", "", "A file that says where usage is read for ceilings; empty: from metrics.k8s.io.")
	flags.IntVar(&o.workers, "workers", 16, "How many objects are looked at at once.")
	o.serving.AddFlags(flags)
	o.authentication.AddFlags(flags)
	o.authorization.AddFlags(flags)
	cmd.AddCommand(newPreviewCommand())
	return cmd
}

func (o *options) run(ctx context.Context) error {
	config, err := restConfig(o.kubeconfig)
	if err != nil {
		return err
	}
	if o.writes <= 0 || o.workers <= 0 {
		return errors.New("--writes-per-second and --workers must be above 0")
	}
	if o.usage, err = readUsage(o.usageFile); err != nil {
		return err
	}
	state := &health{}
	if err := o.serve(ctx, state); err != nil {
		return err
	}
	if !o.leaderElect {
		return o.work(ctx, config)
	}
	return o.lead(ctx, config, state)
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading --kubeconfig %q: %w", kubeconfig, err)
	}
	config.QPS = -1 // the controller itself limits what it writes
	return rest.AddUserAgent(config, "peakshaver"), nil
}

// lead works while this process has the lease, and ends when it loses it: what it was about to write is not known then.
func (o *options) lead(ctx context.Context, config *rest.Config, state *health) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("reading the host's name: %w", err)
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, o.leaseNamespace, name, client.CoreV1(), client.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: host + "_" + uuid.NewString()})
	if err != nil {
		return fmt.Errorf("making a lock: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	led, ended := make(chan struct{}), make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: name, LeaseDuration: leaseTime, RenewDeadline: renewTime, RetryPeriod: retryTime, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				close(led)
				ended <- o.work(ctx, config)
				cancel()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("making an elector: %w", err)
	}
	state.watch(elector)
	elector.Run(ctx)
	lost := ctx.Err() == nil // who never led gives up only when the context ends
	if !lost {
		select {
		case <-led:
		default:
			return nil
		}
	}
	err = <-ended // what was begun
	if err == nil && lost {
		err = errors.New("another peakshaver leads now, or the API server was not reached in time to stay the leader")
	}
	return err
}

// work carries policies out until the context ends. Where the cluster gets other kinds, it begins anew.
func (o *options) work(ctx context.Context, config *rest.Config) error {
	kinds, objects, err := connect(config)
	if err != nil {
		return err
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	limited := rest.CopyConfig(config)
	limited.QPS, limited.Burst = eventsPerSecond, 10*eventsPerSecond
	teller, err := kubernetes.NewForConfig(limited)
	if err != nil {
		return fmt.Errorf("making a client for events: %w", err)
	}
	broadcaster.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: teller.CoreV1().Events("")})
	load, err := o.usage.open(config, legacyregistry.Registerer())
	if err != nil {
		return err
	}
	reading, cancel := context.WithCancel(ctx)
	var collecting sync.WaitGroup
	defer collecting.Wait()
	defer cancel()
	collecting.Go(func() { load.collector.Run(reading) })
	cfg := controller.Config{
		Client: objects, Clock: clock.RealClock{}, WritesPerSecond: o.writes, Workers: o.workers, Registerer: legacyregistry.Registerer(),
		Usage: load, Recorder: broadcaster.NewRecorder(runtime.NewScheme(), v1.EventSource{Component: name}),
	}
	for ctx.Err() == nil && err == nil {
		err = carryOut(ctx, kinds, cfg)
	}
	return err
}

// carryOut carries policies out until the context ends or the cluster has other kinds.
func carryOut(ctx context.Context, client discoverer, cfg controller.Config) error {
	there, err := survey(client)
	if err != nil {
		return err
	}
	cfg.Kinds, cfg.Admission = there.kinds, there.admission
	c, err := controller.New(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel()
	looking.Go(func() {
		defer cancel()
		awaitOther(ctx, client, there, kindsPeriod)
	})
	return c.Run(ctx)
}
