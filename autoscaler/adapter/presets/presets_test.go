package presets

import (
	"context"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

var (
	pods      = schema.GroupResource{Resource: "pods"}
	services  = schema.GroupResource{Resource: "services"}
	ingresses = schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}
)

// read is what one read of a preset's metric is to give.
type read struct {
	resource        schema.GroupResource
	namespace, name string
	selector        string
	want            float64
	missing         bool
}

// Series are written as the exporters do, scraped every 15 s for 10 minutes; _ is a scrape that failed.
var cases = map[string]struct {
	args   Args
	series string
	reads  []read
}{
	"http-requests": {
		series: `
			http_requests_total{namespace="shop",pod="web-0",service="web",code="200"} 0+30x40
			http_requests_total{namespace="shop",pod="web-0",service="web",code="500"} 0+15x40
			http_requests_total{namespace="shop",pod="web-1",service="web",code="200"} 100000+60x38 0+60x2
			http_requests_total{namespace="other",pod="web-0",service="web",code="200"} 0+150x40`,
		reads: []read{
			{resource: pods, namespace: "shop", name: "web-0", want: 3},
			// The counter began anew one scrape ago, from 0: of seven steps the one with the restart is lost.
			{resource: pods, namespace: "shop", name: "web-1", want: 4 * 6. / 7},
			{resource: pods, namespace: "shop", name: "web-0", selector: "code=500", want: 1},
			{resource: pods, namespace: "other", name: "web-0", want: 10},
			{resource: pods, namespace: "other", name: "web-1", missing: true},
			{resource: services, namespace: "other", name: "web", want: 10},
		},
	},
	"http-requests of Spring": {
		args: Args{Name: "http-requests", Parameters: Parameters{Series: "http_server_requests_seconds_count", Window: metav1.Duration{Duration: time.Minute}}, Match: map[string]string{"uri": "/pay"}},
		series: `
			http_server_requests_seconds_count{namespace="shop",pod="web-0",uri="/pay"} 0+30x40
			http_server_requests_seconds_count{namespace="shop",pod="web-0",uri="/health"} 0+60x40`,
		reads: []read{{resource: pods, namespace: "shop", name: "web-0", want: 2}},
	},
	"nginx-ingress-requests": {
		series: `
			nginx_ingress_controller_requests{namespace="shop",ingress="web",service="web",status="200",controller_pod="c-1"} 0+30x40
			nginx_ingress_controller_requests{namespace="shop",ingress="web",service="web",status="200",controller_pod="c-2"} 0+15x40
			nginx_ingress_controller_requests{namespace="shop",ingress="web",service="pay",status="200",controller_pod="c-2"} 0+15x40`,
		reads: []read{
			{resource: ingresses, namespace: "shop", name: "web", want: 4},
			{resource: services, namespace: "shop", name: "web", want: 3},
			{resource: services, namespace: "shop", name: "pay", want: 1},
		},
	},
	"nginx-ingress-requests without honor_labels": {
		args: Args{Name: "nginx-ingress-requests", Labels: map[string]string{"namespace": "exported_namespace", "service": "exported_service"}},
		series: `
			nginx_ingress_controller_requests{namespace="ingress-nginx",service="metrics",exported_namespace="shop",ingress="web",exported_service="web"} 0+30x40`,
		reads: []read{{resource: ingresses, namespace: "shop", name: "web", want: 2}, {resource: services, namespace: "shop", name: "web", want: 2}},
	},
	"istio-pod-requests": {
		series: `
			istio_requests_total{reporter="destination",namespace="shop",pod="web-0",response_code="200"} 0+30x40
			istio_requests_total{reporter="source",namespace="shop",pod="web-0",response_code="200"} 0+90x40`,
		reads: []read{{resource: pods, namespace: "shop", name: "web-0", want: 2}},
	},
	"istio-service-requests": {
		series: `
			istio_requests_total{reporter="destination",destination_service_namespace="shop",destination_service_name="web",namespace="shop",pod="web-0"} 0+30x40
			istio_requests_total{reporter="destination",destination_service_namespace="shop",destination_service_name="web",namespace="shop",pod="web-1"} 0+15x40
			istio_requests_total{reporter="source",destination_service_namespace="shop",destination_service_name="web",namespace="front",pod="ui-0"} 0+45x40`,
		reads: []read{{resource: services, namespace: "shop", name: "web", want: 3}},
	},
	"envoy-requests": {
		series: `
			envoy_http_downstream_rq_total{namespace="edge",pod="envoy-0",envoy_http_conn_manager_prefix="ingress_http"} 0+30x40
			envoy_http_downstream_rq_total{namespace="edge",pod="envoy-0",envoy_http_conn_manager_prefix="admin"} 0+15x40`,
		reads: []read{{resource: pods, namespace: "edge", name: "envoy-0", want: 2}},
	},
	"network-receive": {
		series: `
			container_network_receive_bytes_total{namespace="shop",pod="web-0",interface="eth0",id="/a",image="pause"} 0+1500x40
			container_network_receive_bytes_total{namespace="shop",pod="web-0",interface="lo",id="/a",image="pause"} 0+1500x40
			container_network_receive_bytes_total{namespace="shop",pod="web-1",interface="eth0",id="/b",image="pause"} 0+1500x20`,
		reads: []read{
			{resource: pods, namespace: "shop", name: "web-0", want: 100},
			{resource: pods, namespace: "shop", name: "web-1", missing: true}, // not scraped for five minutes
		},
	},
	"network-transmit": {
		series: `container_network_transmit_bytes_total{namespace="shop",pod="web-0",interface="eth0"} 0+3000x40`,
		reads:  []read{{resource: pods, namespace: "shop", name: "web-0", want: 200}},
	},
	"kafka-lag": {
		// Two exporters tell the same; -1 is a partition of which the group has committed nothing.
		series: `
			kafka_consumergroup_lag{consumergroup="pay",topic="orders",partition="0",instance="e-1"} 7x40
			kafka_consumergroup_lag{consumergroup="pay",topic="orders",partition="1",instance="e-1"} 5x40
			kafka_consumergroup_lag{consumergroup="pay",topic="orders",partition="2",instance="e-1"} -1x40
			kafka_consumergroup_lag{consumergroup="pay",topic="refunds",partition="0",instance="e-1"} 100x40
			kafka_consumergroup_lag{consumergroup="pay",topic="orders",partition="0",instance="e-2"} 7x40
			kafka_consumergroup_lag{consumergroup="new",topic="orders",partition="0",instance="e-1"} -1x40`,
		reads: []read{
			{namespace: "shop", selector: "consumergroup=pay,topic=orders", want: 12},
			{namespace: "shop", selector: "consumergroup=pay", want: 112},
			{namespace: "shop", selector: "consumergroup=new", missing: true},
			{namespace: "shop", selector: "consumergroup=none", missing: true},
			{namespace: "shop", selector: "consumergroup=pay,topic!=refunds", want: 12},
		},
	},
	"kafka-lag-burrow": {
		series: `
			kafka_burrow_partition_lag{cluster="a",group="pay",topic="orders",partition="0"} 3x40
			kafka_burrow_partition_lag{cluster="b",group="pay",topic="orders",partition="0"} 4x40`,
		reads: []read{{selector: "group=pay", want: 7}, {selector: "group=pay,cluster=a", want: 3}},
	},
	"kafka-lag-exporter": {
		series: `
			kafka_consumergroup_group_lag{cluster_name="a",group="pay",topic="orders",partition="0",member_host="/10.0.0.1",consumer_id="x",client_id="c"} 3x40
			kafka_consumergroup_group_lag{cluster_name="a",group="pay",topic="orders",partition="0",member_host="/10.0.0.2",consumer_id="y",client_id="c"} 4x40
			kafka_consumergroup_group_lag{cluster_name="a",group="pay",topic="orders",partition="1",member_host="",consumer_id="",client_id=""} _x40 NaN`,
		reads: []read{{selector: "group=pay,topic=orders", want: 4}},
	},
	"rabbitmq-queue": {
		// rabbitmq_exporter beside each of two nodes; and the sum of all queues, as the plugin has it by default.
		series: `
			rabbitmq_queue_messages_ready{cluster="r",vhost="/",queue="mail",self="1",instance="r-0"} 9x40
			rabbitmq_queue_messages_ready{cluster="r",vhost="/",queue="mail",self="0",instance="r-1"} 9x40
			rabbitmq_queue_messages_ready{cluster="r",vhost="/",queue="print",self="1",instance="r-0"} 2x40
			rabbitmq_queue_messages_ready{instance="r-2"} 1000x40`,
		reads: []read{{selector: "queue=mail", want: 9}, {selector: "", want: 11}, {selector: "queue in (mail,print)", want: 11}},
	},
	"rabbitmq-queue at /metrics/detailed": {
		args: Args{Name: "rabbitmq-queue", Parameters: Parameters{Series: "rabbitmq_detailed_queue_messages_ready", Metric: "mails"}, Match: map[string]string{"vhost": "/"}},
		series: `
			rabbitmq_detailed_queue_messages_ready{vhost="/",queue="mail",instance="r-0"} 9x40
			rabbitmq_detailed_queue_messages_ready{vhost="/test",queue="mail",instance="r-0"} 100x40`,
		reads: []read{{selector: "queue=mail", want: 9}},
	},
	"redis-list": {
		args: Args{Name: "redis-list", Match: map[string]string{"key": `resque:queue:"a"`}},
		series: `
			redis_key_size{db="db0",key="resque:queue:\"a\"",instance="primary"} 4x40
			redis_key_size{db="db0",key="resque:queue:\"a\"",instance="replica"} 4x40
			redis_key_size{db="db0",key="other",instance="primary"} 40x40`,
		reads: []read{{namespace: "shop", want: 4}, {selector: "db=db0", want: 4}, {selector: "db=db1", missing: true}},
	},
	"redis-stream": {
		series: `
			redis_stream_group_lag{db="db0",stream="orders",group="pay"} 20x40
			redis_stream_group_messages_pending{db="db0",stream="orders",group="pay"} 3x40
			redis_stream_group_lag{db="db0",stream="orders",group="ship"} 1x40
			redis_stream_group_messages_pending{db="db0",stream="orders",group="ship"} 0x40`,
		reads: []read{{selector: "stream=orders,group=pay", want: 23}, {selector: "group=ship", want: 1}},
	},
	"http-latency": {
		args: Args{Name: "http-latency", Parameters: Parameters{Quantile: 0.5}},
		// Between 0.1 and 1: half of the requests of web-0; none of web-1.
		series: `
			http_request_duration_seconds_bucket{namespace="shop",pod="web-0",le="0.1"} 0+15x40
			http_request_duration_seconds_bucket{namespace="shop",pod="web-0",le="1"} 0+45x40
			http_request_duration_seconds_bucket{namespace="shop",pod="web-0",le="+Inf"} 0+45x40
			http_request_duration_seconds_bucket{namespace="shop",pod="web-1",le="0.1"} 8x40
			http_request_duration_seconds_bucket{namespace="shop",pod="web-1",le="+Inf"} 8x40`,
		reads: []read{
			{resource: pods, namespace: "shop", name: "web-0", want: 0.1 + 0.9*(22.5-15)/30},
			{resource: pods, namespace: "shop", name: "web-1", missing: true},
		},
	},
	"nginx-ingress-latency": {
		args: Args{Name: "nginx-ingress-latency", Parameters: Parameters{Quantile: 0.9}},
		series: `
			nginx_ingress_controller_request_duration_seconds_bucket{namespace="shop",ingress="web",service="web",status="200",le="0.5"} 0+30x40
			nginx_ingress_controller_request_duration_seconds_bucket{namespace="shop",ingress="web",service="web",status="200",le="+Inf"} 0+30x40`,
		reads: []read{{resource: ingresses, namespace: "shop", name: "web", want: 0.45}},
	},
	"istio-service-latency": {
		args: Args{Name: "istio-service-latency", Parameters: Parameters{Quantile: 0.5}},
		series: `
			istio_request_duration_milliseconds_bucket{reporter="destination",destination_service_namespace="shop",destination_service_name="web",le="500"} 0+30x40
			istio_request_duration_milliseconds_bucket{reporter="destination",destination_service_namespace="shop",destination_service_name="web",le="+Inf"} 0+30x40
			istio_request_duration_milliseconds_bucket{reporter="source",destination_service_namespace="shop",destination_service_name="web",le="+Inf"} 0+90x40`,
		reads: []read{{resource: services, namespace: "shop", name: "web", want: 0.25}},
	},
}

var now = time.Unix(600, 0)

func ask(t *testing.T, engine *promql.Engine, from storage.Queryable, query string) promql.Vector {
	t.Helper()
	q, err := engine.NewInstantQuery(context.Background(), from, nil, query, now)
	if err != nil {
		t.Fatalf("reading %q: %v", query, err)
	}
	defer q.Close()
	vector, err := q.Exec(context.Background()).Vector()
	if err != nil {
		t.Fatalf("asking %q: %v", query, err)
	}
	return slices.Clone(vector)
}

// TestPresets has each preset discovered, and read both alone and from its table.
func TestPresets(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 0, 1_000_000)
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			if test.args.Name == "" {
				test.args.Name = name
			}
			if errs := test.args.Validate(field.NewPath("presets").Index(0)); len(errs) > 0 {
				t.Fatal(errs.ToAggregate())
			}
			set := Compile([]Args{test.args})
			if len(set.Faults)+len(set.Notices) > 0 {
				t.Fatal(set.Faults, set.Notices)
			}
			stored := promqltest.LoadedStorage(t, "load 15s\n  "+strings.TrimSpace(test.series)+"\n")
			namer, faults := slices.Concat(set.Custom, set.External)[0].Bind(rules.BuiltIn())
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			var series []rules.Series
			for _, sample := range ask(t, engine, stored, "last_over_time("+namer.Match()+"[10m])") {
				series = append(series, rules.SeriesOf(sample.Metric.Map()))
			}
			metrics := namer.Discover(series)
			for _, r := range test.reads {
				i := slices.IndexFunc(metrics, func(m rules.Metric) bool { return m.Resource == r.resource })
				if i < 0 {
					t.Fatalf("nothing about %s was discovered among %v", r.resource, metrics)
				}
				r.check(t, engine, stored, metrics[i])
			}
		})
	}
}

func (r read) check(t *testing.T, engine *promql.Engine, from storage.Queryable, metric rules.Metric) {
	t.Helper()
	selector, err := labels.Parse(r.selector)
	if err != nil {
		t.Fatal(err)
	}
	request := rules.Request{Series: metric.Series, Resource: r.resource, Namespace: r.namespace, Names: []string{r.name}, Selector: selector}
	query, err := metric.Namer.Query(request)
	if err != nil {
		t.Fatal(err)
	}
	table, err := metric.Namer.Table(request)
	if err != nil {
		t.Fatalf("no table: %v", err)
	}
	var alone, fromTable []float64
	for _, sample := range ask(t, engine, from, query) {
		alone = append(alone, sample.F)
	}
	for _, sample := range ask(t, engine, from, table.Expr) {
		if table.Row(sample.Metric.Get) == table.RowFor(r.namespace, r.name, selector) {
			fromTable = append(fromTable, sample.F)
		}
	}
	var want []float64
	if !r.missing {
		want = []float64{r.want}
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9*max(1, math.Abs(a)) })
	if !cmp.Equal(alone, want, near) || !cmp.Equal(fromTable, want, near) {
		t.Errorf("reading %+v: got %v alone and %v from the table, want %v\n%s\n%s", r, alone, fromTable, want, query, table.Expr)
	}
}

func TestEveryPresetIsTestedAndDocumented(t *testing.T) {
	for _, preset := range All() {
		if _, ok := cases[preset.Name]; !ok {
			t.Errorf("%s has no case", preset.Name)
		}
		if preset.Summary == "" || preset.Exporter == "" || preset.Unit == "" || !strings.HasPrefix(preset.Source, "https://") || preset.Parameters.Metric == "" {
			t.Errorf("%s is not documented: %+v", preset.Name, preset)
		}
		if metrics := slices.Concat(Compile([]Args{{Name: preset.Name}}).Custom, Compile([]Args{{Name: preset.Name}}).External); len(metrics) != 1 {
			t.Errorf("%s does not compile by its defaults", preset.Name)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		args Args
		want []string
	}{
		"defaults":               {Args{Name: "http-requests"}, nil},
		"no name":                {Args{}, []string{"p.name"}},
		"no such preset":         {Args{Name: "http"}, []string{"p.name"}},
		"a quantile of a rate":   {Args{Name: "http-requests", Parameters: Parameters{Quantile: 0.5}}, []string{"p.quantile"}},
		"a quantile of all":      {Args{Name: "http-latency", Parameters: Parameters{Quantile: 1}}, []string{"p.quantile"}},
		"a quantile that is not": {Args{Name: "http-latency", Parameters: Parameters{Quantile: math.NaN()}}, []string{"p.quantile"}},
		"a window of a gauge":    {Args{Name: "kafka-lag", Parameters: Parameters{Window: metav1.Duration{Duration: time.Minute}}}, []string{"p.window"}},
		"a negative window":      {Args{Name: "http-requests", Parameters: Parameters{Window: metav1.Duration{Duration: -1}}}, []string{"p.window"}},
		"a window too fine":      {Args{Name: "http-requests", Parameters: Parameters{Window: metav1.Duration{Duration: 1500}}}, []string{"p.window"}},
		"series that are fixed":  {Args{Name: "kafka-lag", Parameters: Parameters{Series: "x"}}, []string{"p.series"}},
		"a selector for a metric": {
			Args{Name: "http-requests", Parameters: Parameters{Series: `x{a="b"}`, Metric: "x y"}}, []string{"p.metric", "p.series"},
		},
		"labels that are none": {
			Args{Name: "http-requests", Match: map[string]string{"a-b": "c"}, Labels: map[string]string{"pod": "a b"}}, []string{"p.labels[pod]", "p.match"},
		},
		"a label that it has not": {Args{Name: "kafka-lag", Labels: map[string]string{"pod": "x"}}, []string{"p.labels"}},
		"a template for a value":  {Args{Name: "kafka-lag", Match: map[string]string{"topic": "<<.Series>>"}}, []string{"p.match[topic]"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range test.args.Validate(field.NewPath("p")) {
				got = append(got, err.Field)
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			test.args.Default()
			for _, err := range test.args.Validate(field.NewPath("p")) {
				if !slices.Contains(test.want, err.Field) {
					t.Errorf("its defaults are refused: %v", err)
				}
			}
		})
	}
}

func TestCompileNamesAPresetThatIsNot(t *testing.T) {
	set := Compile([]Args{{Name: "none"}, {Name: "kafka-lag"}})
	if len(set.Faults) != 1 || !strings.Contains(set.Faults[0].String(), `"none"`) || len(set.External) != 1 {
		t.Errorf("got %v and %d rules, want one fault and the other preset", set.Faults, len(set.External))
	}
}

// TestReadme holds the example to be right and the table to be whole.
func TestReadme(t *testing.T) {
	content, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, preset := range All() {
		if !strings.Contains(string(content), "`"+preset.Name+"`") || !strings.Contains(string(content), "`"+preset.Parameters.Metric+"`") {
			t.Errorf("README.md does not name %s and its metric", preset.Name)
		}
	}
	_, example, _ := strings.Cut(string(content), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	var args []Args
	if err := yaml.UnmarshalStrict([]byte(example), &args); err != nil || len(args) != 4 {
		t.Fatalf("the example has %d presets: %v", len(args), err)
	}
	for i := range args {
		if errs := args[i].Validate(field.NewPath("presets").Index(i)); len(errs) > 0 {
			t.Error(errs.ToAggregate())
		}
	}
	if set := Compile(args); len(set.Faults)+len(set.Notices) > 0 || len(set.Custom)+len(set.External) != len(args) {
		t.Errorf("the example compiles to %d rules with %v %v", len(set.Custom)+len(set.External), set.Faults, set.Notices)
	}
}
