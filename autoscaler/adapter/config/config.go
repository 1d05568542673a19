// Package config is the configuration file of the metrics adapter.
package config

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/presets"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/router"
	"github.com/evenkeel/evenkeel/internal/arguments"
)

// The type of the file.
const (
	APIVersion = "adapter.evenkeel.dev/v1alpha1"
	Kind       = "AdapterConfiguration"
)

// Config is the file. Durations are as in 15s.
type Config struct {
	metav1.TypeMeta `json:",inline"`

	Prometheus Prometheus `json:"prometheus"`
	// RulesFile is prometheus-adapter's rules file, or a ConfigMap that holds one; beside this file where it is no
	// absolute path. It is read anew when it changes.
	RulesFile string `json:"rulesFile,omitempty"`
	// Presets are rules for common exporters. A rule of the file wins over a preset that makes the same metric.
	Presets []presets.Args `json:"presets,omitempty"`

	// Step is how often each query is asked, on times that all replicas share. Default 15s.
	Step metav1.Duration `json:"step,omitzero"`
	// Delay is how long after such a time it is asked, for scrapes then under way. Default 3s, or half a step where that is
	// shorter.
	Delay metav1.Duration `json:"delay,omitzero"`
	// FreshFor is how long the value of an object is good while only other objects have newer ones. Default 1m.
	FreshFor metav1.Duration `json:"freshFor,omitzero"`
	// StaleAfter is how old any value may be. Older, or none, is an error. Default 10m.
	StaleAfter metav1.Duration `json:"staleAfter,omitzero"`
	// IdleAfter is how long a query that nobody reads is still asked. Default 10m.
	IdleAfter metav1.Duration `json:"idleAfter,omitzero"`
	// Discovery looks for new series.
	Discovery Discovery `json:"discovery,omitzero"`
	// MaxRows is the most samples that the answer to one query may have. Default 100,000.
	MaxRows int `json:"maxRows,omitempty"`
	// Elsewhere are other metrics servers, asked for metrics that are not known here.
	Elsewhere router.Config `json:"elsewhere,omitzero"`
	// Shadow has values compared with those that the other servers have; nothing else comes of it.
	Shadow *router.ShadowConfig `json:"shadow,omitempty"`
}

// Prometheus is where samples are.
type Prometheus struct {
	// Address is its URL, with the path before /api/v1 if there is one.
	Address string `json:"address"`
	// BearerTokenFile holds the token sent along; it is read anew when it changes, as are the others.
	BearerTokenFile string `json:"bearerTokenFile,omitempty"`
	// CAFile holds the certificates (PEM) to trust in place of the system's.
	CAFile string `json:"caFile,omitempty"`
	// CertFile and KeyFile hold the client's certificate and key (PEM).
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
	// Timeout is that of one query, at most a step. Default 10s, or a step where that is shorter.
	Timeout metav1.Duration `json:"timeout,omitzero"`
	// Concurrency is how many queries are asked at once. Default 4.
	Concurrency int `json:"concurrency,omitempty"`
	// MaxBytes is the most that an answer may have. Default 64Mi.
	MaxBytes resource.Quantity `json:"maxBytes,omitzero"`
}

// Discovery says how new series are looked for.
type Discovery struct {
	// Interval is how often. Default 1m.
	Interval metav1.Duration `json:"interval,omitzero"`
	// MaxAge is how long ago a series may have ended to be known still. Default 10m.
	MaxAge metav1.Duration `json:"maxAge,omitzero"`
}

// Read reads a configuration file.
func Read(path string) (*Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	if c.RulesFile != "" && !filepath.IsAbs(c.RulesFile) {
		c.RulesFile = filepath.Join(filepath.Dir(path), c.RulesFile)
	}
	return c, nil
}

// Parse reads a configuration (YAML or JSON), and fills in what is left out. It is not validated.
func Parse(raw []byte) (*Config, error) {
	c := &Config{}
	if err := arguments.Decode(&runtime.Unknown{Raw: raw}, c); err != nil {
		return nil, err
	}
	c.Default()
	return c, nil
}

// Board is what of it is about asking Prometheus at each step.
func (c *Config) Board() board.Config {
	return board.Config{
		Step: c.Step.Duration, Delay: c.Delay.Duration, Fresh: c.FreshFor.Duration, Stale: c.StaleAfter.Duration, Idle: c.IdleAfter.Duration,
		Timeout: c.Prometheus.Timeout.Duration, Concurrency: c.Prometheus.Concurrency, MaxRows: c.MaxRows,
	}
}

// Default fills in what is left out.
func (c *Config) Default() {
	b := c.Board()
	b.Default()
	c.Step.Duration, c.FreshFor.Duration, c.StaleAfter.Duration, c.IdleAfter.Duration = b.Step, b.Fresh, b.Stale, b.Idle
	c.Prometheus.Timeout.Duration, c.Prometheus.Concurrency, c.MaxRows = b.Timeout, b.Concurrency, b.MaxRows
	if c.Prometheus.MaxBytes.IsZero() {
		c.Prometheus.MaxBytes = *resource.NewQuantity(64<<20, resource.BinarySI)
	}
	c.Delay.Duration = cmp.Or(c.Delay.Duration, min(3*time.Second, c.Step.Duration/2))
	c.Discovery.Interval.Duration = cmp.Or(c.Discovery.Interval.Duration, time.Minute)
	c.Discovery.MaxAge.Duration = cmp.Or(c.Discovery.MaxAge.Duration, 10*time.Minute)
	for i := range c.Presets {
		c.Presets[i].Default()
	}
	c.Elsewhere.Default()
	if c.Shadow != nil {
		c.Shadow.Default()
	}
}

// Validate returns what is wrong with a configuration.
func (c *Config) Validate() field.ErrorList {
	var errs field.ErrorList
	if c.APIVersion != "" && c.APIVersion != APIVersion {
		errs = append(errs, field.NotSupported(field.NewPath("apiVersion"), c.APIVersion, []string{APIVersion}))
	}
	if c.Kind != "" && c.Kind != Kind {
		errs = append(errs, field.NotSupported(field.NewPath("kind"), c.Kind, []string{Kind}))
	}
	errs = append(errs, c.Prometheus.validate(field.NewPath("prometheus"))...)
	if c.RulesFile == "" && len(c.Presets) == 0 {
		errs = append(errs, field.Required(field.NewPath("rulesFile"), "without rules and presets there are no metrics"))
	}
	for i := range c.Presets {
		errs = append(errs, c.Presets[i].Validate(field.NewPath("presets").Index(i))...)
	}
	errs = append(errs, c.validateElsewhere()...)
	return append(errs, c.validateTimes()...)
}

func (c *Config) validateElsewhere() field.ErrorList {
	var errs field.ErrorList
	if len(c.Elsewhere.Upstreams) > 0 {
		errs = c.Elsewhere.Validate(field.NewPath("elsewhere"))
	} else if c.Shadow != nil {
		errs = append(errs, field.Required(field.NewPath("elsewhere", "upstreams"), "shadow compares with them"))
	}
	if c.Shadow != nil {
		errs = append(errs, c.Shadow.Validate(field.NewPath("shadow"))...)
	}
	return errs
}

func (p *Prometheus) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	address, err := url.Parse(p.Address)
	switch {
	case p.Address == "":
		errs = append(errs, field.Required(path.Child("address"), "say where Prometheus is, as in https://prometheus.monitoring:9090"))
	case err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https":
		errs = append(errs, field.Invalid(path.Child("address"), p.Address, "must be a URL that begins with http:// or https://"))
	case address.User != nil:
		errs = append(errs, field.Invalid(path.Child("address"), address.Redacted(), "must hold no password: use bearerTokenFile or certFile"))
	}
	if least := resource.MustParse("1Mi"); p.MaxBytes.Cmp(least) < 0 {
		errs = append(errs, field.Invalid(path.Child("maxBytes"), p.MaxBytes.String(), "must be at least 1Mi, or hardly a list of series fits"))
	}
	if (p.CertFile == "") != (p.KeyFile == "") {
		errs = append(errs, field.Required(path.Child("keyFile"), "certFile and keyFile go together"))
	}
	return errs
}

func (c *Config) validateTimes() field.ErrorList {
	b := c.Board()
	errs := b.Validate(nil)
	at := func(path *field.Path, value metav1.Duration, least time.Duration, why string) {
		if value.Duration < least {
			errs = append(errs, field.Invalid(path, value.Duration.String(), why))
		}
	}
	discovery := field.NewPath("discovery")
	at(field.NewPath("idleAfter"), c.IdleAfter, time.Minute, "must be at least 1m: an autoscaler reads each 15s, and not while it is not the leader")
	at(discovery.Child("interval"), c.Discovery.Interval, time.Second, "must be at least 1s")
	at(discovery.Child("maxAge"), c.Discovery.MaxAge, c.Discovery.Interval.Duration, "must be at least discovery.interval")
	return errs
}
