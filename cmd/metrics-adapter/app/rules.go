package app

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/presets"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/internal/metrics"
)

// look is how often the rules file is looked at. A mounted ConfigMap changes by links, which are hard to watch and cheap
// to read.
const look = 500 * time.Millisecond

// ruleBook keeps the rules in use those of the file.
type ruleBook struct {
	path    string
	presets *rules.Set
	use     func(...*rules.Set)
	clock   clock.Clock
	raw     []byte
	faults  *prometheus.GaugeVec
	loaded  *prometheus.GaugeVec
}

func newRuleBook(c *config.Config, use func(...*rules.Set), clk clock.Clock, r prometheus.Registerer) (*ruleBook, error) {
	b := &ruleBook{
		path: c.RulesFile, presets: presets.Compile(c.Presets), use: use, clock: clk,
		faults: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_adapter_rule_faults", Help: "What is wrong in the rules file; the rules concerned are not served.",
		}, nil),
		loaded: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "evenkeel_adapter_rules_timestamp_seconds", Help: "When the rules in use were read.",
		}, nil),
	}
	for _, g := range []**prometheus.GaugeVec{&b.faults, &b.loaded} {
		if err := metrics.Register(r, g); err != nil {
			return nil, fmt.Errorf("registering metrics of rules: %w", err)
		}
	}
	return b, nil
}

// open reads the file for the first time. Later a file that cannot be read is only told: the last good rules go on.
func (b *ruleBook) open(ctx context.Context) error {
	if b.path == "" {
		b.use(b.presets)
		return nil
	}
	raw, err := os.ReadFile(b.path)
	if err != nil {
		return fmt.Errorf("reading the rules: %w", err)
	}
	if set := rules.Parse(b.path, raw); len(set.All()) == 0 && len(set.Faults) > 0 {
		return fmt.Errorf("reading the rules: %s", set.Faults[0])
	}
	b.take(ctx, raw)
	return nil
}

// follow reads the file whenever it has changed, until the context ends.
func (b *ruleBook) follow(ctx context.Context) {
	for b.path != "" {
		select {
		case <-ctx.Done():
			return
		case <-b.clock.After(look):
		}
		raw, err := os.ReadFile(b.path)
		if err != nil {
			b.faults.WithLabelValues().Set(1)
			klog.FromContext(ctx).V(2).Info("The rules file cannot be read; the last rules go on", "err", err)
			continue
		}
		if !bytes.Equal(raw, b.raw) {
			b.take(ctx, raw)
		}
	}
}

// take uses what a file says, unless nothing in it is sound.
func (b *ruleBook) take(ctx context.Context, raw []byte) {
	b.raw = raw
	log := klog.FromContext(ctx)
	set := rules.Parse(b.path, raw)
	for _, fault := range set.Faults {
		log.Error(nil, "A rule is not served", "fault", fault.String())
	}
	for _, notice := range set.Notices {
		log.Info("A rule may not do what it was meant to", "notice", notice.String())
	}
	b.faults.WithLabelValues().Set(float64(len(set.Faults)))
	if len(set.All()) == 0 && len(set.Faults) > 0 {
		log.Error(nil, "The rules file has no sound rule; the last rules go on", "file", b.path)
		return
	}
	b.loaded.WithLabelValues().Set(float64(b.clock.Now().Unix()))
	b.use(b.presets, set)
	log.Info("Rules were read", "file", b.path, "custom", len(set.Custom), "external", len(set.External))
}
