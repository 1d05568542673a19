package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

// maxUnschedulable is how long a pod waits at most before it is tried again, as
// upstream has it.
const maxUnschedulable = 5 * time.Minute

// Options say how Run runs a scheduler inside another program.
type Options struct {
	// Configuration is a KubeSchedulerConfiguration (YAML or JSON). Leader
	// election in it is ignored. Empty: what ConfigFile has, and if that is
	// empty too, DefaultConfiguration.
	Configuration []byte
	ConfigFile    string
	// RESTConfig is how the API server is reached. Nil: by the kubeconfig named
	// in the configuration. Its QPS and Burst are those of the configuration
	// where it sets none.
	RESTConfig *rest.Config
	// Plugins are added to those compiled in, or replace them by name.
	Plugins map[string]PluginFactory
	// Registerer takes the metrics of evenkeel's plugins. Nil: nobody does.
	Registerer prometheus.Registerer
	// WhySocket is where placements are explained. Empty: nowhere.
	WhySocket string
	// WhyRecords is how many placements are kept. 0: explain.DefaultCapacity.
	WhyRecords int
	// Ready, if set, is called once the caches are filled and pods are about
	// to be scheduled.
	Ready func()
}

// Run schedules until ctx is done, and returns nil then. There is no leader
// election and no port, it sets up no logging, and it never ends the process:
// several can run in one.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg, err := o.configuration()
	if err != nil {
		return err
	}
	p, err := o.connect(ctx, cfg)
	if err != nil {
		return err
	}
	capacity := o.WhyRecords
	if capacity == 0 {
		capacity = explain.DefaultCapacity
	}
	recorder := explain.NewRecorder(capacity, clock.RealClock{})
	sched, err := p.build(ctx, recorder)
	if err != nil {
		return err
	}

	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { recorder.Run(ctx) })
	failed, err := o.serveWhy(ctx, &beside, &answerer{recorder: recorder, profiles: profileNames(cfg)})
	if err != nil {
		return err
	}
	if err := p.schedule(ctx, sched, o.Ready); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (o *Options) configuration() (*config.KubeSchedulerConfiguration, error) {
	if len(o.Configuration) == 0 {
		return loadConfiguration(o.ConfigFile)
	}
	cfg, err := parseConfiguration(o.Configuration)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return cfg, nil
}

// connect makes clients and informers.
func (o *Options) connect(ctx context.Context, cfg *config.KubeSchedulerConfiguration) (*parts, error) {
	restConfig, err := o.restConfig(cfg)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(rest.CopyConfig(restConfig), "scheduler"))
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	// Events have a client of their own, so that they do not wait behind bindings.
	eventClient, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		return nil, fmt.Errorf("creating a client for events: %w", err)
	}
	dynamicClient, err := dynamic.NewForConfig(restConfig)
	if err != nil {
		return nil, fmt.Errorf("creating a dynamic client: %w", err)
	}
	informers := scheduler.NewInformerFactory(client, 0, nil)
	return &parts{
		config:           cfg,
		kubeConfig:       restConfig,
		client:           client,
		informers:        informers,
		dynInformers:     dynamicinformer.NewDynamicSharedInformerFactory(dynamicClient, 0),
		broadcaster:      events.NewEventBroadcasterAdapterWithContext(ctx, eventClient),
		plugins:          withPlugins(plugins(restConfig, informers, o.Registerer), o.Plugins),
		maxUnschedulable: maxUnschedulable,
	}, nil
}

func (o *Options) restConfig(cfg *config.KubeSchedulerConfiguration) (*rest.Config, error) {
	connection := &cfg.ClientConnection
	given := o.RESTConfig
	if given == nil {
		var err error
		if given, err = clientcmd.BuildConfigFromFlags("", connection.Kubeconfig); err != nil {
			return nil, fmt.Errorf("reading clientConnection.kubeconfig %q: %w", connection.Kubeconfig, err)
		}
	}
	restConfig := rest.CopyConfig(given)
	restConfig.DisableCompression = true
	restConfig.AcceptContentTypes, restConfig.ContentType = connection.AcceptContentTypes, connection.ContentType
	if restConfig.QPS == 0 {
		restConfig.QPS, restConfig.Burst = connection.QPS, int(connection.Burst)
	}
	return restConfig, nil
}

// serveWhy answers questions until ctx is done. The channel has the error that
// ended it early.
func (o *Options) serveWhy(ctx context.Context, beside *sync.WaitGroup, source explain.Source) (<-chan error, error) {
	failed := make(chan error, 1)
	if o.WhySocket == "" {
		return failed, nil
	}
	server, err := explain.Listen(o.WhySocket, source)
	if err != nil {
		return nil, err
	}
	beside.Go(func() {
		if err := server.Run(ctx); err != nil {
			failed <- err
		}
	})
	return failed, nil
}

// schedule fills the caches and schedules until ctx is done.
func (p *parts) schedule(ctx context.Context, sched *scheduler.Scheduler, ready func()) error {
	p.broadcaster.StartRecordingToSink(ctx.Done())
	defer p.broadcaster.Shutdown()
	p.informers.Start(ctx.Done())
	defer p.informers.Shutdown()
	p.dynInformers.Start(ctx.Done())
	defer p.dynInformers.Shutdown()
	p.informers.WaitForCacheSync(ctx.Done())
	p.dynInformers.WaitForCacheSync(ctx.Done())
	if err := sched.WaitForHandlersSync(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("filling the scheduler's caches: %w", err)
	}
	if ready != nil {
		ready()
	}
	sched.Run(ctx)
	return nil
}
