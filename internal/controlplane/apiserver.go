package controlplane

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cliflag "k8s.io/component-base/cli/flag"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// prepareAPIServer builds a kube-apiserver on the listener; the function returned serves until its
// context ends and all requests have been answered.
func prepareAPIServer(ctx context.Context, listener net.Listener, c *credentials, socket string) (func(context.Context) error, error) {
	opts := options.NewServerRunOptions()
	registry, err := newGlobals()
	if err != nil {
		return nil, err
	}
	opts.GenericServerRunOptions.ComponentGlobalsRegistry = registry
	opts.SecureServing.Listener = listener
	if err := parseArguments(opts.Flags(), apiServerArguments(c, socket)); err != nil {
		return nil, fmt.Errorf("configuring kube-apiserver: %w", err)
	}
	if err := registry.Set(); err != nil {
		return nil, fmt.Errorf("configuring kube-apiserver: %w", err)
	}
	completed, err := opts.Complete(ctx)
	if err != nil {
		return nil, fmt.Errorf("configuring kube-apiserver: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("configuring kube-apiserver: %w", utilerrors.NewAggregate(errs))
	}
	return buildAPIServer(completed)
}

func buildAPIServer(completed options.CompletedOptions) (func(context.Context) error, error) {
	config, err := app.NewConfig(completed)
	if err != nil {
		return nil, fmt.Errorf("configuring kube-apiserver: %w", err)
	}
	completedConfig, err := config.Complete()
	if err != nil {
		return nil, fmt.Errorf("configuring kube-apiserver: %w", err)
	}
	chain, err := app.CreateServerChain(completedConfig)
	if err != nil {
		return nil, fmt.Errorf("building kube-apiserver: %w", err)
	}
	prepared, err := chain.PrepareRun()
	if err != nil {
		return nil, fmt.Errorf("building kube-apiserver: %w", err)
	}
	return prepared.Run, nil
}

func apiServerArguments(c *credentials, socket string) []string {
	return []string{
		"--bind-address=" + loopbackAddress,
		"--external-hostname=localhost",
		"--tls-cert-file=" + c.path("apiserver.crt"),
		"--tls-private-key-file=" + c.path("apiserver.key"),
		"--etcd-servers=unix://" + socket,
		"--service-cluster-ip-range=" + serviceRange,
		// Endpoints cannot hold a loopback address, so the kubernetes Service has none.
		"--endpoint-reconciler-type=none",

		"--anonymous-auth=false",
		"--authorization-mode=RBAC",
		"--client-ca-file=" + c.path("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.path("sa.key"),
		"--service-account-signing-key-file=" + c.path("sa.key"),

		"--requestheader-client-ca-file=" + c.path("front-proxy-ca.crt"),
		"--requestheader-allowed-names=" + frontProxyUser,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.path("front-proxy-client.crt"),
		"--proxy-client-key-file=" + c.path("front-proxy-client.key"),

		// Two cores gain nothing from more at once; what waits does so in fair queues.
		"--max-requests-inflight=200",
		"--max-mutating-requests-inflight=100",
		"--profiling=false",

		// Without these, one open watch holds up the end by a minute.
		"--shutdown-watch-termination-grace-period=1s",
		"--shutdown-send-retry-after=true",
	}
}

// newGlobals returns versions and feature gates of one component's own. The process-wide registry
// takes flags once only, and a second control plane, or a scheduler beside this one, would find it taken.
func newGlobals() (basecompatibility.ComponentGlobalsRegistry, error) {
	gates := utilfeature.DefaultMutableFeatureGate.DeepCopy()
	registry := basecompatibility.NewComponentGlobalsRegistry()
	if err := registry.Register(basecompatibility.DefaultKubeComponent, compatibility.DefaultBuildEffectiveVersion(), gates); err != nil {
		return nil, fmt.Errorf("registering feature gates: %w", err)
	}
	return registry, nil
}

func parseArguments(sets cliflag.NamedFlagSets, arguments []string) error {
	flags := pflag.NewFlagSet("controlplane", pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	return flags.Parse(arguments)
}
