package app

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/cache"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/component-base/term"
	"k8s.io/component-base/version/verflag"
	"k8s.io/klog/v2"
	upstream "k8s.io/kubernetes/cmd/kube-scheduler/app"
	upstreamconfig "k8s.io/kubernetes/cmd/kube-scheduler/app/config"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

// flags are the flags of the command: upstream's and our own.
type flags struct {
	*options.Options
	whySocket  string
	whyRecords int
}

// NewCommand returns the scheduler command with its subcommands. It takes all
// flags of kube-scheduler.
func NewCommand() *cobra.Command {
	f := &flags{Options: options.NewOptions(), whyRecords: explain.DefaultCapacity}
	// Reachable from elsewhere only where someone asked for it.
	f.SecureServing.BindAddress = net.IPv4(127, 0, 0, 1)

	cmd := &cobra.Command{
		Use:   "scheduler",
		Short: "Place pods by the load that was measured",
		Long: `scheduler is kube-scheduler with evenkeel's plugins. It runs beside the
cluster's own scheduler and serves the pods that ask for it with
"schedulerName: evenkeel". Without --config it runs the configuration that
"scheduler config" prints.

Other commands:
  scheduler why NAMESPACE/POD      tell why a pod was placed where it is
  scheduler config                 print the configuration that would be run
  scheduler check --config FILE    check a configuration without a cluster`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd)
		},
	}
	help, usage := cmd.HelpFunc(), cmd.UsageFunc()
	f.addTo(cmd)
	for _, sub := range []*cobra.Command{newWhyCommand(), newConfigCommand(), newCheckCommand()} {
		sub.SetHelpFunc(help)
		sub.SetUsageFunc(usage)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (f *flags) addTo(cmd *cobra.Command) {
	sets := f.Flags
	verflag.AddFlags(sets.FlagSet("global"))
	globalflag.AddGlobalFlags(sets.FlagSet("global"), cmd.Name(), logs.SkipLoggingConfigurationFlags())
	bind := sets.FlagSet("secure serving").Lookup("bind-address")
	bind.DefValue = f.SecureServing.BindAddress.String()
	if err := bind.Value.Set(bind.DefValue); err != nil {
		panic(err) // a constant
	}
	why := sets.FlagSet("why")
	why.StringVar(&f.whySocket, "why-socket", "",
		fmt.Sprintf("The unix socket on which \"scheduler why\" is answered; \"none\" for no socket. Default: the first of %q that can be made.",
			explain.DefaultSockets()))
	why.IntVar(&f.whyRecords, "why-records", f.whyRecords,
		"How many placements to remember for \"scheduler why\", at about 2 KiB each; 0 to remember none.")
	for _, set := range sets.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	columns, _, _ := term.TerminalSize(cmd.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(cmd, *sets, columns)
}

// run runs the scheduler until the context of cmd is done.
func (f *flags) run(cmd *cobra.Command) error {
	verflag.PrintAndExitIfRequested()
	if err := f.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	gates := f.ComponentGlobalsRegistry.FeatureGateFor(basecompatibility.DefaultKubeComponent)
	if err := logsapi.ValidateAndApply(f.Logs, gates); err != nil {
		return err
	}
	cliflag.PrintFlags(cmd.Flags())

	ctx := cmd.Context()
	completed, sched, err := f.setup(ctx)
	if err != nil {
		return err
	}
	if mutable, ok := gates.(featuregate.MutableFeatureGate); ok {
		mutable.AddMetrics()
	}
	f.ComponentGlobalsRegistry.AddMetrics()

	// Upstream's Run returns an error however it ends; being asked to end is none.
	if err := upstream.Run(ctx, completed, sched); ctx.Err() == nil {
		return fmt.Errorf("running the scheduler: %w", err)
	}
	return nil
}

// setup builds everything that the flags ask for, and starts what runs beside
// the scheduler.
func (f *flags) setup(ctx context.Context) (*upstreamconfig.CompletedConfig, *scheduler.Scheduler, error) {
	completed, err := f.complete(ctx)
	if err != nil {
		return nil, nil, err
	}
	var recorder *explain.Recorder
	if f.whyRecords > 0 {
		recorder = explain.NewRecorder(f.whyRecords, clock.RealClock{})
		go recorder.Run(ctx)
	}
	p := &parts{
		config:           &completed.ComponentConfig,
		kubeConfig:       completed.KubeConfig,
		client:           completed.Client,
		informers:        completed.InformerFactory,
		dynInformers:     completed.DynInformerFactory,
		broadcaster:      completed.EventBroadcaster,
		plugins:          plugins(completed.KubeConfig, completed.InformerFactory, legacyregistry.Registerer()),
		maxUnschedulable: completed.PodMaxInUnschedulablePodsDuration,
		writeTo:          f.WriteConfigTo,
	}
	sched, err := p.build(ctx, recorder)
	if err != nil {
		return nil, nil, err
	}
	source := &answerer{recorder: recorder, profiles: profileNames(&completed.ComponentConfig), client: completed.Client}
	if completed.LeaderElection != nil {
		source.lease = completed.ComponentConfig.LeaderElection
		source.self = completed.LeaderElection.Lock.Identity()
	}
	if err := f.serveWhy(ctx, source); err != nil {
		return nil, nil, err
	}
	return completed, sched, nil
}

// complete reads the configuration and opens ports and clients.
func (f *flags) complete(ctx context.Context) (*upstreamconfig.CompletedConfig, error) {
	if f.whyRecords < 0 {
		return nil, fmt.Errorf("--why-records is %d: it must be 0 or more", f.whyRecords)
	}
	cfg, err := loadConfiguration(f.ConfigFile)
	if err != nil {
		return nil, err
	}
	// The configuration is handed over decoded; with the file's name left in,
	// upstream would read it once more, untranslated.
	f.ComponentConfig, f.ConfigFile = cfg, ""
	if err := f.checkFlags(); err != nil {
		return nil, err
	}
	if f.InformerName == nil {
		if f.InformerName, err = cache.NewInformerName("evenkeel-scheduler"); err != nil {
			return nil, fmt.Errorf("naming the informers: %w", err)
		}
	}
	port := f.SecureServing.BindPort // upstream forgets it when it fails
	c, err := f.Config(ctx)
	if err != nil {
		return nil, f.cure(err, port)
	}
	completed := c.Complete()
	return &completed, nil
}

// serveWhy answers "scheduler why". A default socket that cannot be made is
// logged, not fatal: scheduling matters more.
func (f *flags) serveWhy(ctx context.Context, source *answerer) error {
	if f.whySocket == "none" || source.recorder == nil {
		return nil
	}
	logger := klog.FromContext(ctx)
	sockets := explain.DefaultSockets()
	if f.whySocket != "" {
		sockets = []string{f.whySocket}
	}
	var errs []error
	for _, socket := range sockets {
		server, err := explain.Listen(socket, source)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		logger.Info("Answering \"scheduler why\"", "socket", server.Path())
		go func() {
			if err := server.Run(ctx); err != nil {
				logger.Error(err, "Stopped answering \"scheduler why\"")
			}
		}()
		return nil
	}
	if f.whySocket != "" {
		return fmt.Errorf("opening --why-socket: %w", errs[0])
	}
	logger.Info("No \"scheduler why\" from here: its socket could not be made; --why-socket names another place", "errs", errs)
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
