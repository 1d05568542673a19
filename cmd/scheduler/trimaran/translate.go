package trimaran

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
)

// The metric providers that Trimaran knows.
const (
	metricsServer = "KubernetesMetricsServer"
	prometheus    = "Prometheus"
	signalFx      = "SignalFx"
)

const (
	// defaultPrometheus is where Trimaran finds a Prometheus without address.
	defaultPrometheus = "http://prometheus-k8s:9090"
	// window is what Trimaran averages over, and takes deviations over.
	window = 15 * time.Minute
)

// Translate turns the arguments (JSON, may be empty) of one of Trimaran's
// plugins into arguments that make evenkeel's plugin score alike.
func Translate(plugin string, raw []byte) (*config.Args, error) {
	args := &config.Args{}
	var err error
	switch plugin {
	case TargetLoadPacking:
		err = translateTargetLoadPacking(raw, args)
	case LoadVariationRiskBalancing:
		err = translateLoadVariationRiskBalancing(raw, args)
	default:
		err = fmt.Errorf("only %s and %s are translated", TargetLoadPacking, LoadVariationRiskBalancing)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the arguments of %s: %w", plugin, err)
	}
	return args, nil
}

func translateTargetLoadPacking(raw []byte, to *config.Args) error {
	from := &targetLoadPackingArgs{}
	if err := decode(raw, "TargetLoadPackingArgs", from, &from.TypeMeta); err != nil {
		return err
	}
	to.Mode = config.ModeTargetLoadPacking
	errs := translateSource(&from.spec, &to.Usage)
	if from.TargetUtilization != nil {
		to.TargetLoadPacking.TargetUtilization = *from.TargetUtilization
		errs = append(errs, notNegative("targetUtilization", *from.TargetUtilization)...)
	}
	if cpu, ok := from.DefaultRequests[v1.ResourceCPU]; ok {
		to.TargetLoadPacking.DefaultRequests = &cpu
		errs = append(errs, notNegative("defaultRequests.cpu", cpu.MilliValue())...)
	} else if from.DefaultRequests != nil {
		errs = append(errs, field.Required(field.NewPath("defaultRequests", "cpu"),
			"without it a container without requests would count for nothing; leave defaultRequests out to have it count for one core"))
	}
	if text := from.DefaultRequestsMultiplier; text != nil {
		multiplier, err := strconv.ParseFloat(*text, 64)
		if err != nil {
			errs = append(errs, field.Invalid(field.NewPath("defaultRequestsMultiplier"), *text, `must be a number in quotes, such as "1.5"`))
		}
		to.TargetLoadPacking.DefaultRequestsMultiplier = &multiplier
	}
	return errs.ToAggregate()
}

func translateLoadVariationRiskBalancing(raw []byte, to *config.Args) error {
	from := &loadVariationRiskBalancingArgs{}
	if err := decode(raw, "LoadVariationRiskBalancingArgs", from, &from.TypeMeta); err != nil {
		return err
	}
	to.Mode = config.ModeLoadVariationRiskBalancing
	errs := translateSource(&from.spec, &to.Usage)
	if v := from.SafeVarianceMargin; v != nil {
		to.LoadVariationRiskBalancing.SafeVarianceMargin = v
		errs = append(errs, notNegative("safeVarianceMargin", *v)...)
	}
	if v := from.SafeVarianceSensitivity; v != nil {
		to.LoadVariationRiskBalancing.SafeVarianceSensitivity = v
		errs = append(errs, notNegative("safeVarianceSensitivity", *v)...)
	}
	return errs.ToAggregate()
}

// notNegative refuses what Trimaran silently replaces by its default: nobody
// writes a negative value to get that.
func notNegative[T int64 | float64](name string, value T) field.ErrorList {
	if value >= 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath(name), value, "must not be negative; leave it out for the default")}
}

// translateSource says where usage is read from. As with Trimaran, the address
// of a load-watcher goes before a metric provider.
func translateSource(from *spec, to *usage.Config) field.ErrorList {
	path := field.NewPath("metricProvider")
	provider := &from.MetricProvider
	if address := text(from.WatcherAddress); address != "" {
		to.LoadWatcher = &usage.LoadWatcherConfig{Address: address}
		return nil
	}
	switch provider.Type {
	case "", metricsServer:
		to.MetricsAPI = &usage.MetricsAPIConfig{}
		return nil
	case prometheus:
		return translatePrometheus(provider, to, path)
	case signalFx:
		return field.ErrorList{field.NotSupported(path.Child("type"), provider.Type,
			[]string{metricsServer, prometheus, "or watcherAddress: run load-watcher, which reads SignalFx, and name it there"})}
	default:
		return field.ErrorList{field.NotSupported(path.Child("type"), provider.Type, []string{metricsServer, prometheus})}
	}
}

func translatePrometheus(provider *metricProvider, to *usage.Config, path *field.Path) field.ErrorList {
	address := text(provider.Address)
	if address == "" {
		address = defaultPrometheus
	}
	to.Prometheus = &usage.PrometheusConfig{
		Address: address,
		Windows: usage.WindowsConfig{
			Recent:    metav1.Duration{Duration: window},
			Deviation: usage.WindowConfig{Window: metav1.Duration{Duration: window}},
		},
	}
	var errs field.ErrorList
	if text(provider.Token) != "" {
		errs = append(errs, field.Forbidden(path.Child("token"),
			"a token does not belong in a configuration: put it in a file, and enable RealLoad with usage.prometheus.bearerTokenFile instead"))
	}
	if skip := provider.InsecureSkipVerify; skip != nil && *skip && isTLS(address) {
		errs = append(errs, field.Forbidden(path.Child("insecureSkipVerify"),
			"certificates are always verified: put the CA that signed the server's in a file, and enable RealLoad with usage.prometheus.caFile instead"))
	}
	return errs
}

func isTLS(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Scheme == "https"
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
