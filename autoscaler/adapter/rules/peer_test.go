package rules

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/prometheus-adapter/cmd/config-gen/utils"
	"sigs.k8s.io/prometheus-adapter/pkg/client"
	"sigs.k8s.io/prometheus-adapter/pkg/config"
	"sigs.k8s.io/prometheus-adapter/pkg/naming"
	"sigs.k8s.io/yaml"
)

// Everything here is compared with prometheus-adapter's own packages.

// cluster has the resources of Kubernetes and one of somebody else's.
func cluster() meta.RESTMapper {
	others := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: "cheese.io", Version: "v1"}, {Group: "big-cheese.io", Version: "v1"}})
	others.Add(schema.GroupVersionKind{Group: "big-cheese.io", Version: "v1", Kind: "Wheel"}, meta.RESTScopeNamespace)
	others.Add(schema.GroupVersionKind{Group: "cheese.io", Version: "v1", Kind: "Brand"}, meta.RESTScopeNamespace)
	return meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{BuiltIn(), others}}
}

// read gives both the same file. Ours also takes a ConfigMap.
func read(t testing.TB, text string) (*Set, *config.MetricsDiscoveryConfig, error) {
	t.Helper()
	var object struct {
		Data map[string]string `json:"data"`
	}
	theirs := text
	if yaml.Unmarshal([]byte(text), &object) == nil && object.Data["config.yaml"] != "" {
		theirs = object.Data["config.yaml"]
	}
	cfg, err := config.FromYAML([]byte(theirs))
	return Parse("rules.yaml", []byte(text)), cfg, err
}

// pair is one rule as both have it.
type pair struct {
	ours   *Namer
	theirs naming.MetricNamer
}

// bound leaves out the fault that prometheus-adapter finds at each read rather than at once.
func bound(rule *Rule, mapper Mapper) (*Namer, []Fault) {
	namer, faults := rule.Bind(mapper)
	return namer, slices.DeleteFunc(faults, func(f Fault) bool { return strings.Contains(f.Problem, "every read fails") })
}

func bind(t testing.TB, rules []*Rule, theirs []config.DiscoveryRule, mapper meta.RESTMapper) []pair {
	t.Helper()
	namers, err := naming.NamersFromConfig(theirs, mapper)
	if err != nil {
		t.Fatalf("prometheus-adapter refuses: %v", err)
	}
	if len(rules) != len(namers) {
		t.Fatalf("got %d rules, want %d", len(rules), len(namers))
	}
	var pairs []pair
	for i, rule := range rules {
		namer, faults := bound(rule, mapper)
		if len(faults) > 0 {
			t.Fatalf("%s: %v", rule.Path, faults)
		}
		pairs = append(pairs, pair{namer, namers[i]})
	}
	return pairs
}

func (p pair) compare(t testing.TB, series []Series, requests []Request) (queries int) {
	t.Helper()
	if got, want := p.ours.Match(), string(p.theirs.Selector()); got != want {
		t.Errorf("%s selects by %q, want %q", p.ours.Path, got, want)
	}
	if got, want := infos(p.ours.Discover(series)), theirInfos(p.theirs, series, p.ours.External); !cmp.Equal(got, want) {
		t.Errorf("%s serves what differs:\n%s", p.ours.Path, cmp.Diff(want, got))
	}
	for _, r := range requests {
		got, err := p.ours.Query(r)
		var want client.Selector
		var wantErr error
		if p.ours.External {
			want, wantErr = p.theirs.QueryForExternalSeries(r.Series, r.Namespace, r.Selector)
		} else {
			want, wantErr = p.theirs.QueryForSeries(r.Series, r.Resource, r.Namespace, r.Selector, r.Names...)
		}
		if got != string(want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%s is asked %+v: got %q, %v, want %q, %v", p.ours.Path, r, got, err, want, wantErr)
		}
		if wantErr == nil {
			queries++
		}
	}
	return queries
}

// infos are metrics with the series behind them.
func infos(metrics []Metric) map[Info]string {
	all := map[Info]string{}
	for _, m := range metrics {
		all[m.Info] = m.Series
	}
	return all
}

// theirInfos does what prometheus-adapter's registries do with a namer.
func theirInfos(namer naming.MetricNamer, series []Series, external bool) map[Info]string {
	var all []client.Series
	for _, s := range series {
		set := model.LabelSet{}
		for _, label := range s.Labels {
			set[model.LabelName(label)] = "x"
		}
		all = append(all, client.Series{Name: s.Name, Labels: set})
	}
	found := map[Info]string{}
	for _, s := range namer.FilterSeries(all) {
		name, err := namer.MetricNameForSeries(s)
		if err != nil {
			continue
		}
		if external {
			found[Info{Name: name}] = s.Name
			continue
		}
		resources, namespaced := namer.ResourcesForSeries(s)
		for _, resource := range resources {
			root := resource == naming.NsGroupResource || resource == naming.NodeGroupResource || resource == naming.PVGroupResource
			found[Info{Name: name, Resource: resource, Namespaced: namespaced && !root}] = s.Name
		}
	}
	return found
}

var someSeries = []Series{
	{Name: "container_cpu_usage_seconds_total", Labels: []string{"container", "namespace", "node", "pod"}},
	{Name: "container_network_receive_bytes_total", Labels: []string{"interface", "namespace", "pod"}},
	{Name: "container_memory_working_set_bytes", Labels: []string{"namespace", "pod"}},
	{Name: "http_requests_total", Labels: []string{"code", "namespace", "pod", "service"}},
	{Name: "http_request_duration_seconds_total", Labels: []string{"ingress", "namespace"}},
	{Name: "queue_depth", Labels: []string{"namespace", "topic"}},
	{Name: "queue_consumer_lag", Labels: []string{"name"}},
	{Name: "kube_deployment_status_replicas", Labels: []string{"deployment", "namespace"}},
	{Name: "kubelet_volume_stats_used_bytes", Labels: []string{"namespace", "node", "persistentvolumeclaim"}},
	{Name: "node_load1", Labels: []string{"instance", "node"}},
	{Name: "kube_persistentvolume_capacity_bytes", Labels: []string{"persistentvolume"}},
	{Name: "cheddar", Labels: []string{"brand", "namespace", "sharp"}},
	{Name: "kube_cheese_io_brand", Labels: []string{"kube_apps_deployment", "kube_namespace", "kube_cheese_io_brand"}},
	{Name: "foo_total_total", Labels: []string{"pod"}},
	{Name: "foo_total", Labels: nil},
}

var someResources = []schema.GroupResource{
	{Resource: "pods"}, {Resource: "namespaces"}, {Resource: "nodes"}, {Resource: "services"}, {Resource: "persistentvolumes"},
	{Group: "apps", Resource: "deployments"}, {Group: "networking.k8s.io", Resource: "ingresses"}, {Group: "cheese.io", Resource: "brands"}, {Group: "big-cheese.io", Resource: "wheels"},
	{Resource: "gadgets"},
}

func randomSelector(r *rand.Rand) labels.Selector {
	selector := labels.NewSelector()
	operators := []selection.Operator{
		selection.Equals, selection.DoubleEquals, selection.NotEquals, selection.In, selection.NotIn, selection.Exists, selection.DoesNotExist,
		selection.GreaterThan,
	}
	for range r.IntN(4) {
		var values []string
		operator := operators[r.IntN(len(operators))]
		switch operator {
		case selection.Exists, selection.DoesNotExist:
		case selection.In, selection.NotIn:
			for range 1 + r.IntN(3) {
				values = append(values, []string{"GET", "POST", "a.b", ""}[r.IntN(4)])
			}
		case selection.GreaterThan:
			values = []string{"5"}
		default:
			values = []string{[]string{"GET", "0", "a-b_c.d", ""}[r.IntN(4)]}
		}
		requirement, err := labels.NewRequirement([]string{"verb", "code", "namespace", "pod", "app.kubernetes.io/name"}[r.IntN(5)], operator, values)
		if err != nil {
			panic(err)
		}
		selector = selector.Add(*requirement)
	}
	return selector
}

func randomRequests(r *rand.Rand, count int) []Request {
	var requests []Request
	for range count {
		requests = append(requests, Request{
			Series:    someSeries[r.IntN(len(someSeries))].Name,
			Resource:  someResources[r.IntN(len(someResources))],
			Namespace: []string{"default", "kube-system", ""}[r.IntN(3)],
			Names:     [][]string{{"web-0"}, {"web-0", "web-1"}, {"a.b", "c", "d"}}[r.IntN(3)],
			Selector:  randomSelector(r),
		})
	}
	return requests
}

func TestKnownConfigurationsMakeTheSame(t *testing.T) {
	defaults, err := yaml.Marshal(utils.DefaultConfig(3*time.Minute, "kube_"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"config-gen": string(defaults)}
	for _, name := range []string{"sample-config.yaml", "chart-default.yaml", "config-map.yaml", "quirks.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		// The sample has PromQL with double quotes in double quotes.
		texts[name] = strings.NewReplacer(`"sum(`, `'sum(`, `)"`, `)'`).Replace(string(text))
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			set, theirs, err := read(t, text)
			if err != nil || len(set.Faults) > 0 {
				t.Fatalf("prometheus-adapter says %v, ours %v", err, set.Faults)
			}
			requests := randomRequests(rand.New(rand.NewPCG(1, 2)), 300)
			queries := 0
			mapper := cluster()
			for _, p := range slices.Concat(bind(t, set.Custom, theirs.Rules, mapper), bind(t, set.External, theirs.ExternalRules, mapper)) {
				queries += p.compare(t, someSeries, requests)
			}
			if len(theirs.Rules) > 0 && queries < 100 {
				t.Errorf("only %d requests gave a query", queries)
			}
			compareRegistries(t, set, theirs, mapper)
		})
	}
}

// compareRegistries compares all rules together: where two make one metric, the last is served.
func compareRegistries(t *testing.T, set *Set, theirs *config.MetricsDiscoveryConfig, mapper meta.RESTMapper) {
	t.Helper()
	var found [][]Metric
	want := map[Info]string{}
	for _, p := range bind(t, set.Custom, theirs.Rules, mapper) {
		found = append(found, p.ours.Discover(someSeries))
		maps.Copy(want, theirInfos(p.theirs, someSeries, false))
	}
	served, _ := Merge(found...)
	if got := infos(served); !cmp.Equal(got, want) {
		t.Errorf("the rules together serve what differs:\n%s", cmp.Diff(want, got))
	}
}

func TestTheSampleAsItIsDoesNotParse(t *testing.T) {
	text, err := os.ReadFile("testdata/sample-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := read(t, string(text))
	if err == nil || len(set.Faults) != 1 || set.Faults[0].Line == 0 || !strings.Contains(set.Faults[0].Cure, "single quotes") {
		t.Errorf("prometheus-adapter says %v, ours %v", err, set.Faults)
	}
}

// randomRule writes rules, some of them wrong.
func randomRule(r *rand.Rand) config.DiscoveryRule {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	rule := config.DiscoveryRule{
		SeriesQuery: pick(`http_requests_total`, `{__name__=~"^container_.*"}`, `up{job="x"}`),
		Name: config.NameMapping{
			Matches: pick("", "^(.*)_total$", "^(.*)_(total|bytes)$", "(?P<what>http|container)_(.*)", "foo", "_total", "("),
			As:      pick("", "", "$0", "$1", "${1}_rate", "$1_rate", "${what}x", "$$1", "plain", "$9"),
		},
		MetricsQuery: pick(
			"sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)",
			`sum(rate(<<.Series>>{<<.LabelMatchers>>,container!="POD"}[2m])) by (<<.GroupBy>>)`,
			`<<.LabelValuesByName>> <<index .LabelValuesByName "namespace">>|<<.GroupBySlice>>`,
			`<<range .GroupBySlice>>[<<.>>]<<end>> <<range $k, $v := .LabelValuesByName>><<$k>>=<<$v>>;<<end>>`,
			`<<if .LabelMatchers>><<.Series | printf "%q">><<else>>none<<end>>`,
			`<<.LabelMatchers>>`, `<<.Nothing>>`, "<<", "",
		),
	}
	for range r.IntN(3) {
		filter := config.RegexFilter{Is: pick("", "total$", "^http"), IsNot: pick("", "", "bytes", "[")}
		rule.SeriesFilters = append(rule.SeriesFilters, filter)
	}
	rule.Resources.Template = pick("", "<<.Resource>>", "kube_<<.Resource>>", "kube_<<.Group>>_<<.Resource>>", "<<.Resource", "fixed", "<<if .Group>><<.Group>>_<<end>><<.Resource>>")
	if r.IntN(2) == 0 {
		rule.Resources.Overrides = map[string]config.GroupResource{
			pick("namespace", "ns"):  {Resource: pick("namespace", "namespaces")},
			pick("pod", "instance"):  {Resource: pick("pod", "pods", "node")},
			pick("brand", "service"): {Group: pick("", "cheese.io"), Resource: "brand"},
		}
	}
	if r.IntN(3) == 0 {
		namespaced := r.IntN(2) == 0
		rule.Resources.Namespaced = &namespaced
	}
	return rule
}

// TestRandomRulesMakeTheSame also holds both to refuse the same rules. What we refuse beyond is what could
// never answer: no query, or a field that the template cannot have.
func TestRandomRulesMakeTheSame(t *testing.T) {
	mapper := cluster()
	served, refused := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		rule := randomRule(r)
		external := r.IntN(2) == 0
		list := "rules"
		if external {
			list = "externalRules"
		}
		text, err := yaml.Marshal(map[string]any{list: []any{rule}})
		if err != nil {
			t.Fatal(err)
		}
		set := Parse("rules.yaml", text)
		namers, err := naming.NamersFromConfig([]config.DiscoveryRule{rule}, mapper)
		never := rule.MetricsQuery == "" || rule.MetricsQuery == "<<.Nothing>>"
		sound := slices.Concat(set.Custom, set.External)
		var faults []Fault
		var namer *Namer
		if len(sound) == 1 {
			namer, faults = bound(sound[0], mapper)
		}
		if (len(set.Faults)+len(faults) > 0) != (err != nil || never) {
			t.Fatalf("seed %d: faults %v %v, prometheus-adapter says %v of\n%s", seed, set.Faults, faults, err, text)
		}
		if err != nil || never {
			refused++
			continue
		}
		served++
		pair{namer, namers[0]}.compare(t, someSeries, randomRequests(r, 5))
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, text)
		}
	}
	if t.Logf("%d served, %d refused", served, refused); served < 500 || refused < 500 {
		t.Errorf("%d rules were served and %d refused: too few to tell", served, refused)
	}
}
