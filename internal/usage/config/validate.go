package config

import (
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	minInterval = 10 * time.Millisecond
	// maxPoints is how many steps a window may have: Prometheus refuses
	// subqueries of more than about eleven thousand, and pays for each.
	maxPoints = 5000
	maxDays   = 14
)

var (
	labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	// selector is a metric with or without matchers, or matchers alone:
	// timestamp() of it gives the time of the samples.
	selector = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)?(\{([^"'{}` + "`" + `]|"([^"\\]|\\.)*"|'([^'\\]|\\.)*')*\})?$`)
)

// Validate returns what is wrong with c, once defaulted. It reads no files.
func (c *Config) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, validateDuration(path.Child("refreshInterval"), c.RefreshInterval, minInterval)...)
	errs = append(errs, validateDuration(path.Child("p95Interval"), c.P95Interval, minInterval)...)
	errs = append(errs, validateDuration(path.Child("peakInterval"), c.PeakInterval, minInterval)...)
	errs = append(errs, validateDuration(path.Child("capacityInterval"), c.CapacityInterval, minInterval)...)
	errs = append(errs, validateDuration(path.Child("timeout"), c.Timeout, minInterval)...)
	errs = append(errs, validateDuration(path.Child("retention"), c.Retention, c.RefreshInterval.Duration)...)
	errs = append(errs, validateDuration(path.Child("maxSkew"), c.MaxSkew, 0)...)
	return append(errs, c.validateSource(path)...)
}

func (c *Config) validateSource(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var set []string
	if c.Prometheus != nil {
		set = append(set, "prometheus")
		errs = append(errs, c.Prometheus.validate(path.Child("prometheus"))...)
	}
	if c.MetricsAPI != nil {
		set = append(set, "metricsAPI")
		errs = append(errs, validateLimit(path.Child("metricsAPI", "maxResponseBytes"), c.MetricsAPI.MaxResponseBytes)...)
		errs = append(errs, c.MetricsAPI.Windows.validate(path.Child("metricsAPI", "windows"))...)
	}
	if w := c.LoadWatcher; w != nil {
		set = append(set, "loadWatcher")
		errs = append(errs, validateAddress(path.Child("loadWatcher", "address"), w.Address)...)
		errs = append(errs, validateLimit(path.Child("loadWatcher", "maxResponseBytes"), w.MaxResponseBytes)...)
		errs = append(errs, w.Windows.validate(path.Child("loadWatcher", "windows"))...)
	}
	if len(set) != 1 {
		errs = append(errs, field.Invalid(path, strings.Join(set, ", "),
			"set exactly one of prometheus, metricsAPI and loadWatcher"))
	}
	return errs
}

func (p *Prometheus) validate(path *field.Path) field.ErrorList {
	errs := validateAddress(path.Child("address"), p.Address)
	if p.BearerTokenFile != "" && sentInClear(p.Address) {
		errs = append(errs, field.Forbidden(path.Child("address"),
			"must be https, or a loopback address, when bearerTokenFile is set: the token would travel in clear"))
	}
	if (p.CertFile == "") != (p.KeyFile == "") {
		errs = append(errs, field.Required(path.Child("certFile"), "certFile and keyFile go together: set both or neither"))
	}
	errs = append(errs, validateLimit(path.Child("maxResponseBytes"), p.MaxResponseBytes)...)
	if p.Concurrency < 1 || p.Concurrency > 16 {
		errs = append(errs, field.Invalid(path.Child("concurrency"), p.Concurrency, "must be from 1 to 16"))
	}
	if p.Preset != PresetNodeExporterCAdvisor && p.Preset != PresetNone {
		errs = append(errs, field.NotSupported(path.Child("preset"), p.Preset, []string{PresetNodeExporterCAdvisor, PresetNone}))
	}
	errs = append(errs, validateLabel(path.Child("nodeLabel"), p.NodeLabel, true)...)
	errs = append(errs, validateLabel(path.Child("namespaceLabel"), p.NamespaceLabel, false)...)
	errs = append(errs, validateLabel(path.Child("podLabel"), p.PodLabel, false)...)
	errs = append(errs, p.Queries.validate(path.Child("queries"))...)
	return append(errs, p.Windows.validate(path.Child("windows"))...)
}

func (q *Queries) validate(path *field.Path) field.ErrorList {
	errs := q.Nodes.validate(path.Child("nodes"))
	errs = append(errs, q.Pods.validate(path.Child("pods"))...)
	return append(errs, q.Capacity.validate(path.Child("capacity"))...)
}

func (q *DimensionQueries) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for d, query := range q.List() {
		path := path.Child(dimensions[d])
		switch {
		case query == nil:
		case query.Disabled && (query.Rate != "" || query.Samples != ""):
			errs = append(errs, field.Invalid(path.Child("disabled"), true, "leave rate and samples out of a query that is disabled"))
		case query.Disabled:
		case strings.TrimSpace(query.Rate) == "":
			errs = append(errs, field.Required(path.Child("rate"), "an instant PromQL expression, or disabled: true to ask nothing"))
		case query.Selector() == "":
			errs = append(errs, field.Required(path.Child("samples"),
				"the rate is not a plain selector: name a selector of the series it is made of, "+
					"such as node_cpu_seconds_total{mode=\"idle\"}, whose newest sample says how old the rate is"))
		case !isSelector(query.Selector()):
			errs = append(errs, field.Invalid(path.Child("samples"), query.Samples,
				"must be a plain selector, such as node_cpu_seconds_total{mode=\"idle\"}: no function, range or offset"))
		}
	}
	return errs
}

func isSelector(s string) bool { return s != "" && selector.MatchString(s) }

// Selector is Samples or its default, "" where there is none.
func (q *Query) Selector() string {
	if rate := strings.TrimSpace(q.Rate); q.Samples == "" && isSelector(rate) {
		return rate
	}
	return strings.TrimSpace(q.Samples)
}

func (w *Windows) validate(path *field.Path) field.ErrorList {
	errs := validateDuration(path.Child("recent"), w.Recent, minInterval)
	errs = append(errs, validateDuration(path.Child("resolution"), w.Resolution, minInterval)...)
	errs = append(errs, validateSteps(path.Child("deviation"), "window", w.Deviation.Window, w.Deviation.Step)...)
	errs = append(errs, validateSteps(path.Child("hour"), "window", w.Hour.Window, w.Hour.Step)...)
	return append(errs, w.Season.validate(path.Child("season"))...)
}

func (s *Season) validate(path *field.Path) field.ErrorList {
	errs := validateDuration(path.Child("period"), s.Period, minInterval)
	errs = append(errs, validateSteps(path, "width", s.Width, s.Step)...)
	if s.Width.Duration > s.Period.Duration {
		errs = append(errs, field.Invalid(path.Child("width"), s.Width.Duration.String(), "must not be longer than period"))
	}
	if s.Days != nil && (*s.Days < 0 || *s.Days > maxDays) {
		errs = append(errs, field.Invalid(path.Child("days"), *s.Days, "must be from 0 to 14"))
	}
	return errs
}

func (h *History) validate(path *field.Path) field.ErrorList {
	errs := validateSteps(path, "deviation", h.Deviation, h.Step)
	errs = append(errs, validateSteps(path, "hour", h.Hour, h.Step)...)
	if h.Hour.Duration < h.Deviation.Duration {
		errs = append(errs, field.Invalid(path.Child("hour"), h.Hour.Duration.String(), "must not be shorter than deviation"))
	}
	return errs
}

func validateSteps(path *field.Path, name string, window, step metav1.Duration) field.ErrorList {
	errs := validateDuration(path.Child(name), window, minInterval)
	errs = append(errs, validateDuration(path.Child("step"), step, minInterval)...)
	if len(errs) > 0 {
		return errs
	}
	if points := window.Duration / step.Duration; points < 2 || points > maxPoints {
		errs = append(errs, field.Invalid(path.Child("step"), step.Duration.String(),
			name+" must be from 2 to 5000 steps long"))
	}
	return errs
}

func validateDuration(path *field.Path, d metav1.Duration, least time.Duration) field.ErrorList {
	if d.Duration < least {
		return field.ErrorList{field.Invalid(path, d.Duration.String(), "must be at least "+least.String())}
	}
	if d.Duration%time.Millisecond != 0 {
		return field.ErrorList{field.Invalid(path, d.Duration.String(), "must be whole milliseconds")}
	}
	return nil
}

func validateLimit(path *field.Path, bytes int64) field.ErrorList {
	if bytes < 1024 {
		return field.ErrorList{field.Invalid(path, bytes, "must be at least 1024 bytes")}
	}
	return nil
}

func validateLabel(path *field.Path, name string, optional bool) field.ErrorList {
	if optional && name == "" || labelName.MatchString(name) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, "must be a Prometheus label name: letters, digits and _, not starting with a digit")}
}

func validateAddress(path *field.Path, address string) field.ErrorList {
	if address == "" {
		return field.ErrorList{field.Required(path, "a URL such as https://prometheus.monitoring:9090")}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil: // it may hold a password
		return field.ErrorList{field.Invalid(path, "…", "must be a URL such as https://prometheus.monitoring:9090")}
	case u.User != nil:
		return field.ErrorList{field.Invalid(path, u.Redacted(), "must not hold a password: use bearerTokenFile, or certFile and keyFile")}
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return field.ErrorList{field.Invalid(path, address, "must be a URL such as https://prometheus.monitoring:9090")}
	case u.RawQuery != "" || u.Fragment != "":
		return field.ErrorList{field.Invalid(path, address, "must not hold a query or a fragment")}
	}
	return nil
}

// sentInClear reports whether others could read what is sent to address.
func sentInClear(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
