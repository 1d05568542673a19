package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/internal/promapi"
	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/metricsapi"
	usageprometheus "github.com/evenkeel/evenkeel/internal/usage/prometheus"
)

// usageConfig is what the file that --usage names has.
type usageConfig struct {
	Usage usage.Config `json:"usage"`
	// PastQuery is the CPU that all nodes use, in cores, of which Prometheus is asked for earlier days.
	PastQuery string `json:"pastQuery,omitempty"`
	// PodQuery is the CPU of pods, in cores, of which Prometheus is asked for what Jobs used; $pods stands for their names.
	PodQuery string `json:"podQuery,omitempty"`
}

// readUsage reads a file; without one, metrics.k8s.io is asked.
func readUsage(name string) (*usageConfig, error) {
	cfg := &usageConfig{}
	if name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading --usage: %w", err)
		}
		if err := yaml.UnmarshalStrict(text, cfg); err != nil {
			return nil, fmt.Errorf("reading --usage %s: %w", name, err)
		}
	}
	cfg.setDefaults()
	errs := cfg.Usage.Validate(field.NewPath("usage"))
	if cfg.Usage.LoadWatcher != nil {
		errs = append(errs, field.Forbidden(field.NewPath("usage", "loadWatcher"), "the peak shaver reads prometheus or metricsAPI"))
	}
	if cfg.PodQuery != "" && !strings.Contains(cfg.PodQuery, meter.Pods) {
		errs = append(errs, field.Invalid(field.NewPath("podQuery"), cfg.PodQuery, "must select pods by "+meter.Pods))
	}
	if err := errs.ToAggregate(); err != nil {
		return nil, fmt.Errorf("reading --usage %s: %w", name, err)
	}
	return cfg, nil
}

func (c *usageConfig) setDefaults() {
	c.Usage.Default()
	c.PastQuery = cmp.Or(c.PastQuery, meter.Query)
	if p := c.Usage.Prometheus; p != nil {
		c.PodQuery = cmp.Or(c.PodQuery, meter.PodQuery(p.NamespaceLabel, p.PodLabel))
	}
}

// sources tell the load: of now the collector, of earlier days and runs Prometheus, where it is configured.
type sources struct {
	collector *usage.Collector
	past      meter.Ranger // nil: there is none
	query     string
	ran       *meter.Ran

	read   history.Series
	readAt time.Time
}

func (c *usageConfig) open(kube *rest.Config, registerer prometheus.Registerer) (*sources, error) {
	s := &sources{query: c.PastQuery}
	var source usage.Source
	var err error
	if c.Usage.Prometheus != nil {
		source, err = usageprometheus.New(c.Usage, nil)
	} else {
		source, err = metricsapi.New(c.Usage, kube, clock.RealClock{})
	}
	if err != nil {
		return nil, fmt.Errorf("opening the source of usage: %w", err)
	}
	if p := c.Usage.Prometheus; p != nil {
		s.past, err = promapi.New(promapi.Config{
			Address: p.Address, BearerTokenFile: p.BearerTokenFile, CAFile: p.CAFile, CertFile: p.CertFile, KeyFile: p.KeyFile,
		})
		if err != nil {
			return nil, err
		}
		s.ran = &meter.Ran{From: s.past, Query: c.PodQuery, Namespace: p.NamespaceLabel, Pod: p.PodLabel}
	}
	s.collector, err = usage.NewCollector(c.Usage, source, clock.RealClock{}, registerer)
	return s, err
}

// Now implements controller.Usage.
func (s *sources) Now(nodes cache.Store, now time.Time) (meter.Load, error) {
	return meter.Now(s.collector.Snapshot(), nodes, now)
}

// Past implements controller.Usage. Where it cannot be read anew, what was read before serves.
func (s *sources) Past(ctx context.Context, until time.Time) (history.Series, error) {
	if age := until.Sub(s.readAt); s.past == nil || age >= 0 && age < meter.ReadAgain {
		return s.read, nil
	}
	s.readAt = until
	past, err := meter.Past(ctx, s.past, s.query, until, meter.Days)
	if err == nil {
		s.read = past
	}
	return s.read, err
}

// Jobs implements controller.Usage. Of runs that have ended, the collector knows what its source remembers.
func (s *sources) Jobs(ctx context.Context, jobs []meter.Job, now time.Time) (meter.Uses, error) {
	if s.ran == nil {
		return meter.Jobs(s.collector.Snapshot(), jobs, now), nil
	}
	var run, ended []meter.Job
	for _, job := range jobs {
		if job.Ended.IsZero() {
			run = append(run, job)
		} else {
			ended = append(ended, job)
		}
	}
	uses, err := s.ran.Uses(ctx, ended, now)
	maps.Copy(uses, meter.Jobs(s.collector.Snapshot(), run, now))
	return uses, err
}
