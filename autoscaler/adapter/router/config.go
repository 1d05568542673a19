package router

import (
	"cmp"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/rest"
)

// Config names the servers to ask. What is zero is filled in by Default.
type Config struct {
	// Upstreams are asked in this order; the first that knows a metric answers.
	Upstreams []Upstream `json:"upstreams"`
	// TimeoutSeconds is that of one question. Default: 5, a third of the time in which an HPA reads again.
	TimeoutSeconds int `json:"timeoutSeconds"`
	// RefreshSeconds is how often they are asked which metrics they have. Default: 60.
	RefreshSeconds int `json:"refreshSeconds"`
}

// Upstream is another metrics server.
type Upstream struct {
	// Name is for messages and metrics.
	Name string `json:"name"`
	// URL is, for example, https://prometheus-adapter.monitoring.svc.
	URL string `json:"url"`
	// CAFile holds the authorities of its certificate, in PEM. Default: the system's.
	CAFile string `json:"caFile"`
	// BearerTokenFile is read again when a token is due to be renewed. Default: that of the pod's service account where
	// there is neither this nor a certificate; "-" for none.
	BearerTokenFile string `json:"bearerTokenFile"`
	// CertFile and KeyFile are the client certificate, read again when it changes.
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
}

const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a path, no token

// Default fills in what is zero.
func (c *Config) Default() {
	c.TimeoutSeconds = cmp.Or(c.TimeoutSeconds, 5)
	c.RefreshSeconds = cmp.Or(c.RefreshSeconds, 60)
	for i := range c.Upstreams {
		u := &c.Upstreams[i]
		if u.CertFile == "" {
			u.BearerTokenFile = cmp.Or(u.BearerTokenFile, serviceAccountToken)
		}
	}
}

// Validate says what is wrong with a configuration that has its defaults.
func (c *Config) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.TimeoutSeconds < 1 || c.TimeoutSeconds > 15 {
		errs = append(errs, field.Invalid(path.Child("timeoutSeconds"), c.TimeoutSeconds, "must be 1 to 15: an HPA reads every 15 s"))
	}
	if c.RefreshSeconds < 1 {
		errs = append(errs, field.Invalid(path.Child("refreshSeconds"), c.RefreshSeconds, "must be at least 1"))
	}
	names := map[string]bool{}
	for i := range c.Upstreams {
		u, at := &c.Upstreams[i], path.Child("upstreams").Index(i)
		if names[u.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), u.Name))
		}
		names[u.Name] = true
		errs = append(errs, u.validate(at)...)
	}
	return errs
}

func (u *Upstream) validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if u.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), "names the server in messages and metrics"))
	}
	if address, err := url.Parse(u.URL); err != nil || address.Scheme != "https" || address.Host == "" {
		errs = append(errs, field.Invalid(at.Child("url"), u.URL, "must be such as https://service.namespace.svc"))
	}
	if (u.CertFile == "") != (u.KeyFile == "") {
		errs = append(errs, field.Required(at.Child("keyFile"), "certFile and keyFile go together"))
	}
	return errs
}

func (c *Config) timeout() time.Duration { return time.Duration(c.TimeoutSeconds) * time.Second }
func (c *Config) refresh() time.Duration { return time.Duration(c.RefreshSeconds) * time.Second }

// rest is the configuration of the client. Nothing is asked twice: who reads does so again.
func (u *Upstream) rest(timeout time.Duration) *rest.Config {
	config := &rest.Config{
		Host: u.URL, QPS: -1, Timeout: timeout, UserAgent: "evenkeel-metrics-adapter",
		TLSClientConfig: rest.TLSClientConfig{CAFile: u.CAFile, CertFile: u.CertFile, KeyFile: u.KeyFile},
		ContentConfig:   rest.ContentConfig{NegotiatedSerializer: codecs.WithoutConversion(), ContentType: "application/json"},
	}
	if u.BearerTokenFile != "-" {
		config.BearerTokenFile = u.BearerTokenFile
	}
	return config
}
