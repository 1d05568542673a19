package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/metrics/pkg/client/custom_metrics"
	"k8s.io/metrics/pkg/client/external_metrics"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/explain"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
)

// explainer explains an autoscaler.
type explainer struct {
	kubeconfig, context, output string
	options                     hpa.Options
}

func newExplainCommand() *cobra.Command {
	e := &explainer{options: hpa.NewOptions()}
	command := &cobra.Command{
		Use:   "explain NAMESPACE/HPA",
		Short: "Tell what an autoscaler will see, and why it does not scale down",
		Long: `explain reads a HorizontalPodAutoscaler, its scale and its pods, and each of its
metrics as its controller does; and the status of the ScalingWindows over them.
It tells what the autoscaler will make of them, why there are not fewer replicas,
and when there will be. It needs a kubeconfig with the right to read these, no way
to Prometheus or to the adapter, and changes nothing.`,
		Example: `  metrics-adapter explain shop/web
  metrics-adapter explain shop/web -o json`,
		Args: cobra.ExactArgs(1), SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd, args[0]) },
	}
	flags := command.Flags()
	flags.StringVar(&e.kubeconfig, "kubeconfig", "", "`file` with the way to the API server; without it, as kubectl finds it")
	flags.StringVar(&e.context, "context", "", "the kubeconfig's `context` to use")
	flags.StringVarP(&e.output, "output", "o", "", "`json`, or a text for people")
	flags.Float64Var(&e.options.Tolerance, "tolerance", e.options.Tolerance,
		"kube-controller-manager's --horizontal-pod-autoscaler-tolerance")
	flags.DurationVar(&e.options.Stabilization, "downscale-stabilization", e.options.Stabilization,
		"kube-controller-manager's --horizontal-pod-autoscaler-downscale-stabilization")
	return command
}

func (e *explainer) run(cmd *cobra.Command, object string) error {
	namespace, name, ok := strings.Cut(object, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%q names no autoscaler: give NAMESPACE/HPA, as in shop/web", object)
	}
	if e.output != "" && e.output != "json" {
		return fmt.Errorf("--output is %q: it must be json, or left out", e.output)
	}
	cluster, err := e.cluster()
	if err != nil {
		return err
	}
	facts, err := cluster.Facts(cmd.Context(), namespace, name)
	if err != nil {
		return err
	}
	return e.print(cmd.OutOrStdout(), explain.Of(facts))
}

func (e *explainer) print(w io.Writer, explanation *explain.Explanation) error {
	if e.output == "" {
		return explanation.Print(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(explanation); err != nil {
		return fmt.Errorf("printing the explanation: %w", err)
	}
	return nil
}

// cluster makes the clients that the autoscalers' controller has.
func (e *explainer) cluster() (*explain.Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = e.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: e.context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the API server: %w: see --kubeconfig", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	cached := memory.NewMemCacheClient(client.Discovery())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	objects, err := dynamic.NewForConfig(config)
	scales, wrong := scale.NewForConfig(config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(cached))
	external, faulty := external_metrics.NewForConfig(config)
	if err := errors.Join(err, wrong, faulty); err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &explain.Cluster{
		Client: client, Objects: objects, Scales: scales, External: external, Mapper: mapper,
		Custom: custom_metrics.NewForConfig(rest.CopyConfig(config), mapper, custom_metrics.NewAvailableAPIsGetter(cached)),
		Clock:  clock.RealClock{}, Options: e.options,
	}, nil
}
