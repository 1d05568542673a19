package app

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
)

// NewCommand returns the command with its subcommands.
func NewCommand() *cobra.Command {
	s := &server{base: cmd.AdapterBase{Name: "metrics-adapter", FlagSet: pflag.NewFlagSet("metrics-adapter", pflag.ContinueOnError)}}
	command := &cobra.Command{
		Use:   "metrics-adapter {--config FILE | --prometheus URL --rules FILE}",
		Short: "Serve custom and external metrics to autoscalers, from Prometheus",
		Long: `metrics-adapter serves custom.metrics.k8s.io and external.metrics.k8s.io from
Prometheus, by the rules file of prometheus-adapter. It asks Prometheus once for
each rule and step, however many autoscalers read, and answers from memory.`,
		Example: `  metrics-adapter --prometheus https://prometheus.monitoring:9090 --rules rules.yaml --kubeconfig ~/.kube/config
  metrics-adapter check --rules rules.yaml`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return s.run(c.Context()) },
	}
	s.addTo(command.Flags())
	command.AddCommand(newCheckCommand(), newExplainCommand())
	return command
}

// sources are flags that stand for parts of a configuration.
type sources struct {
	config, prometheus, rules string
}

func (s *sources) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&s.config, "config", "", "`file` with an AdapterConfiguration")
	flags.StringVar(&s.prometheus, "prometheus", "", "`URL` of Prometheus, in place of the configuration's")
	flags.StringVar(&s.rules, "rules", "", "rules `file` as of prometheus-adapter, in place of the configuration's")
}

// read returns the valid configuration that the flags stand for.
func (s *sources) read() (*config.Config, error) {
	c := &config.Config{}
	if s.config != "" {
		var err error
		if c, err = config.Read(s.config); err != nil {
			return nil, err
		}
	}
	if s.prometheus != "" {
		c.Prometheus.Address = s.prometheus
	}
	if s.rules != "" {
		c.RulesFile = s.rules
	}
	c.Default()
	if errs := c.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("checking the configuration %s: %w", s.config, errs.ToAggregate())
	}
	return c, nil
}
