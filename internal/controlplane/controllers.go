package controlplane

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	cacheddiscovery "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/restmapper"
	controllersmetrics "k8s.io/component-base/metrics/prometheus/controllers"
	"k8s.io/controller-manager/pkg/clientbuilder"
	controllerhealthz "k8s.io/controller-manager/pkg/healthz"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/config"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
)

// controllerShutdown is how long the controllers may take to return once told to stop.
const controllerShutdown = 10 * time.Second

// controllerManager is kube-controller-manager put together from its parts rather than through its
// Run: Run takes a name for its informers from a process-wide register and never gives it back, so
// that a second start in the process fails; and it exits the process in places.
type controllerManager struct {
	config      *config.CompletedConfig
	context     app.ControllerContext
	controllers []app.Controller
}

// runControllers builds the controllers for the API server that kubeconfig names, which must answer,
// and runs them until the context ends. They are built under the same context: some start goroutines then.
func runControllers(ctx context.Context, kubeconfig string, c *credentials, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg, err := configureControllers(ctx, controllerArguments(kubeconfig, c, o))
	if err != nil {
		return fmt.Errorf("configuring kube-controller-manager: %w", err)
	}
	defer cfg.EventBroadcaster.Shutdown()
	m := &controllerManager{config: cfg.Complete()}
	if err := m.build(ctx); err != nil {
		return fmt.Errorf("building kube-controller-manager: %w", err)
	}
	return m.run(ctx)
}

func configureControllers(ctx context.Context, arguments []string) (*config.Config, error) {
	opts, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, err
	}
	registry, err := newGlobals()
	if err != nil {
		return nil, err
	}
	opts.ComponentGlobalsRegistry = registry
	known, disabled, aliases := app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases()
	if err := parseArguments(opts.Flags(known, disabled, aliases), arguments); err != nil {
		return nil, err
	}
	if err := registry.Set(); err != nil {
		return nil, err
	}
	return opts.Config(ctx, known, disabled, aliases)
}

func controllerArguments(kubeconfig string, c *credentials, o Options) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--kube-api-content-type=application/vnd.kubernetes.protobuf",
		"--root-ca-file=" + c.path("ca.crt"),
		"--service-account-private-key-file=" + c.path("sa.key"),
		"--node-monitor-grace-period=" + o.NodeGracePeriod.String(),
		// Upstream looks ten times in its grace period, too.
		"--node-monitor-period=" + (o.NodeGracePeriod / 10).String(),
		"--horizontal-pod-autoscaler-sync-period=" + o.AutoscalerPeriod.String(),
		"--controller-start-interval=0s",
		// What a cluster without kubelets, cloud or volumes to attach has no use for.
		"--controllers=*,-certificatesigningrequest-signing-controller,-certificatesigningrequest-approving-controller," +
			"-certificatesigningrequest-cleaner-controller,-podcertificaterequest-cleaner-controller," +
			"-node-ipam-controller,-persistentvolume-attach-detach-controller,-persistentvolume-expander-controller," +
			"-legacy-serviceaccount-token-cleaner-controller,-ttl-controller",
	}
}

func (m *controllerManager) build(ctx context.Context) error {
	root := clientbuilder.SimpleControllerClientBuilder{ClientConfig: m.config.Kubeconfig}
	client, err := root.Client("shared-informers")
	if err != nil {
		return err
	}
	metadataConfig, err := root.Config("metadata-informers")
	if err != nil {
		return err
	}
	metadataClient, err := metadata.NewForConfig(metadataConfig)
	if err != nil {
		return err
	}
	discovery, err := root.DiscoveryClient("controller-discovery")
	if err != nil {
		return err
	}
	resync := app.ResyncPeriod(m.config)
	shared := informers.NewSharedInformerFactoryWithOptions(client, resync(), informers.WithTransform(trimManagedFields))
	byMetadata := metadatainformer.NewSharedInformerFactoryWithOptions(metadataClient, resync(),
		metadatainformer.WithTransform(trimManagedFields))
	m.context = app.ControllerContext{
		ClientBuilder:                   root,
		InformerFactory:                 shared,
		ObjectOrMetadataInformerFactory: informerfactory.NewInformerFactory(shared, byMetadata),
		ComponentConfig:                 m.config.ComponentConfig,
		RESTMapper:                      restmapper.NewDeferredDiscoveryRESTMapper(cacheddiscovery.NewMemCacheClient(discovery)),
		InformersStarted:                make(chan struct{}),
		ResyncPeriod:                    resync,
		ControllerManagerMetrics:        controllersmetrics.NewControllerManagerMetrics("kube-controller-manager"),
	}
	m.context.GraphBuilder = m.graphBuilder(ctx, metadataClient)
	m.controllers, err = app.BuildControllers(ctx, m.context, genericControllers(), nil, controllerhealthz.NewMutableHealthzHandler())
	return err
}

func (m *controllerManager) graphBuilder(ctx context.Context, client metadata.Interface) *garbagecollector.GraphBuilder {
	ignored := map[schema.GroupResource]struct{}{}
	for _, r := range m.config.ComponentConfig.GarbageCollectorController.GCIgnoredResources {
		ignored[schema.GroupResource{Group: r.Group, Resource: r.Resource}] = struct{}{}
	}
	return garbagecollector.NewDependencyGraphBuilder(ctx, client, m.context.RESTMapper, ignored,
		m.context.ObjectOrMetadataInformerFactory, m.context.InformersStarted)
}

// genericControllers leaves out the one controller that needs special handling, which mints the
// long-lived tokens that Kubernetes has not created by itself since 1.24.
func genericControllers() map[string]*app.ControllerDescriptor {
	descriptors := app.NewControllerDescriptors()
	for name, descriptor := range descriptors {
		if descriptor.RequiresSpecialHandling() {
			delete(descriptors, name)
		}
	}
	return descriptors
}

// run works until the context ends and all controllers have returned.
func (m *controllerManager) run(ctx context.Context) error {
	m.config.EventBroadcaster.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: m.config.Client.CoreV1().Events("")})

	resets := make(chan struct{})
	go func() {
		defer close(resets)
		// New resource types come and go with custom resources and aggregated APIs.
		wait.UntilWithContext(ctx, func(context.Context) { m.context.RESTMapper.Reset() }, 30*time.Second)
	}()
	defer func() { <-resets }()

	m.context.InformerFactory.Start(ctx.Done())
	defer m.context.InformerFactory.Shutdown()
	m.context.ObjectOrMetadataInformerFactory.Start(ctx.Done())
	close(m.context.InformersStarted)

	if !app.RunControllers(ctx, m.context, m.controllers, 0, controllerShutdown) {
		return fmt.Errorf("stopping kube-controller-manager: some controllers did not return within %s", controllerShutdown)
	}
	return nil
}

func trimManagedFields(obj any) (any, error) {
	if accessor, err := meta.Accessor(obj); err == nil {
		accessor.SetManagedFields(nil)
	}
	return obj, nil
}
