package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/spf13/cobra"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/check"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// checker checks a rules file.
type checker struct {
	rules  string
	source config.Prometheus
	since  time.Duration
}

func newCheckCommand() *cobra.Command {
	c := &checker{}
	command := &cobra.Command{
		Use:   "check --rules FILE",
		Short: "Tell what a rules file serves, and what is wrong with it",
		Long: `check reads a rules file of prometheus-adapter, or a ConfigMap that holds one,
and tells for each rule which metrics it serves and what it asks Prometheus for,
and each fault with its line. With --prometheus it looks which series there are;
without, it makes up examples. It ends with status 1 if anything is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	flags := command.Flags()
	flags.StringVar(&c.rules, "rules", "", "rules `file`")
	flags.StringVar(&c.source.Address, "prometheus", "", "`URL` of a Prometheus to look for series in")
	flags.StringVar(&c.source.BearerTokenFile, "prometheus-token-file", "", "`file` with a token for it")
	flags.StringVar(&c.source.CAFile, "prometheus-ca-file", "", "`file` with the certificates to trust")
	flags.DurationVar(&c.since, "since", time.Hour, "how long ago series may have ended")
	if err := command.MarkFlagRequired("rules"); err != nil {
		panic(err) // it is there
	}
	return command
}

func (c *checker) run(cmd *cobra.Command) error {
	raw, err := os.ReadFile(c.rules)
	if err != nil {
		return fmt.Errorf("reading the rules: %w", err)
	}
	set := rules.Parse(c.rules, raw)
	series, err := c.series(cmd.Context(), set)
	if err != nil {
		return err
	}
	report := check.Describe(set, rules.BuiltIn(), series)
	fmt.Fprint(cmd.OutOrStdout(), report)
	if len(report.Faults) > 0 {
		return errors.New("the rules have faults")
	}
	return nil
}

// series asks which series each rule selects; nil without a Prometheus.
func (c *checker) series(ctx context.Context, set *rules.Set) (map[*rules.Rule][]rules.Series, error) {
	if c.source.Address == "" {
		return nil, nil
	}
	source, err := newPrometheus(&c.source)
	if err != nil {
		return nil, err
	}
	found := map[*rules.Rule][]rules.Series{}
	for _, rule := range set.All() {
		if found[rule], err = seriesOf(ctx, source, rule, c.since); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func seriesOf(ctx context.Context, source promv1.API, rule *rules.Rule, since time.Duration) ([]rules.Series, error) {
	now := time.Now()
	labels, _, err := source.Series(ctx, []string{rule.Match()}, now.Add(-since), now)
	if err != nil {
		return nil, fmt.Errorf("asking for the series of %s: %w", rule.Path, err)
	}
	list := []rules.Series{}
	for _, set := range labels {
		list = append(list, rules.SeriesOf(set))
	}
	return list, nil
}
