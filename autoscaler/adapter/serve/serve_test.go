package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
)

// windows serve the same everywhere.
type windows struct {
	served *Served
	err    error
	asked  []Key
}

// Served implements Windows.
func (w *windows) Served(k Key) (*Served, error) {
	w.asked = append(w.asked, k)
	return w.served, w.err
}

// lively is a shop with some demand, and two queues.
func lively(t *testing.T, c Config) (*adapter, *engine) {
	t.Helper()
	e := newEngine(t)
	clk := clocktesting.NewFakeClock(began)
	for i := range 20 {
		at := began.Add(time.Duration(i) * step)
		scrape(e, at, &fault{}, false)
		e.add(at, 7, "__name__", "queue_depth", "namespace", shop, "queue", "mail")
		clk.SetTime(at)
	}
	if c.Objects == nil {
		c.Objects = &objects{names: []string{podName(0), podName(1), podName(2)}, idle: []string{podName(2)}}
	}
	return start(t, e, clk, rulesText, c), e
}

func values(list *custom_metrics.MetricValueList) string {
	if list == nil {
		return ""
	}
	var texts []string
	for _, item := range list.Items {
		texts = append(texts, item.DescribedObject.Name+"="+item.Value.String())
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

func externals(list *external_metrics.ExternalMetricValueList) string {
	if list == nil {
		return ""
	}
	var texts []string
	for _, item := range list.Items {
		texts = append(texts, fmt.Sprint(item.MetricLabels, "=", item.Value.String()))
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

func is(text string) labels.Selector {
	selector, err := labels.Parse(text)
	if err != nil {
		panic(err)
	}
	return selector
}

func TestPods(t *testing.T) {
	nothing := perSecond
	nothing.Metric = "nothing"
	unknown := perSecond
	unknown.GroupResource = schema.GroupResource{Group: "example.com", Resource: "gadgets"}
	for name, test := range map[string]struct {
		config   Config
		info     provider.CustomMetricInfo
		selector string
		want     string
		status   string
		reason   string
	}{
		"measured":                {Config{}, perSecond, "", "web-0=10 web-1=10 web-2=10", "ok", "each has its own"},
		"no objects":              {Config{Objects: &objects{}}, perSecond, "", "", "404", "nothing is asked for"},
		"objects unknown":         {Config{Objects: &objects{err: errors.New("not synced")}}, perSecond, "", "", "503", "they may be there"},
		"some are not measured":   {Config{Objects: &objects{names: []string{"web-0", "new"}}}, perSecond, "", "web-0=10", "ok", "left out: never 0"},
		"none is measured":        {Config{Objects: &objects{names: []string{"new"}}}, perSecond, "", "", "404", "nothing is known"},
		"selected":                {Config{}, perSecond, "pod=web-1", "web-1=10", "ok", "both ask for the same label"},
		"selected by what is":     {Config{}, perSecond, "pod!=web-9", "web-0=10 web-1=10 web-2=10", "ok", "a table of its own"},
		"selected, and not there": {Config{}, perSecond, "verb=GET", "", "404", "no series has the label"},
		"compared by size":        {Config{}, perSecond, "verb>5", "", "400", "PromQL has no such thing"},
		"no such metric":          {Config{}, nothing, "", "", "404", "no rule makes it"},
		"no such metric here":     {Config{Elsewhere: zeros{}}, nothing, "", strings.TrimSpace(tens("0")), "ok", "the other server has it"},
		"no such resource":        {Config{}, unknown, "", "", "404", "the cluster does not have it"},
		"no such resource here":   {Config{Elsewhere: zeros{}}, unknown, "", strings.TrimSpace(tens("0")), "ok", "another may know it"},
		"a window":                {Config{Windows: &windows{served: &Served{Milli: 40_000}}}, perSecond, "", "web-0=20 web-1=20 web-2=10", "ok", "what is idle takes no share"},
		"a window that is late":   {Config{Windows: &windows{served: &Served{Milli: 1000}}}, perSecond, "", "web-0=10 web-1=10 web-2=10", "ok", "never below demand"},
		"a window without answer": {Config{Windows: &windows{err: errors.New("replaying")}}, perSecond, "", "", "503", "what is measured is not what is to be served"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := lively(t, test.config)
			list, err := a.GetMetricBySelector(t.Context(), shop, labels.Everything(), test.info, is(test.selector))
			if got := values(list); got != test.want || statusOf(err) != test.status {
				t.Errorf("got %q, %v, want %q, %s: %s", got, err, test.want, test.status, test.reason)
			}
		})
	}
}

// tens is one value for each pod.
func tens(value string) (text string) {
	for i := range replicas {
		text += podName(i) + "=" + value + " "
	}
	return text
}

func TestObject(t *testing.T) {
	front := types.NamespacedName{Namespace: shop, Name: "front"}
	for name, test := range map[string]struct {
		config Config
		name   types.NamespacedName
		want   string
		status string
	}{
		"measured":                {Config{}, front, "100", "ok"},
		"of another":              {Config{}, types.NamespacedName{Namespace: shop, Name: "back"}, "", "404"},
		"of another namespace":    {Config{}, types.NamespacedName{Namespace: "home", Name: "front"}, "", "404"},
		"a window":                {Config{Windows: &windows{served: &Served{Milli: 120_500}}}, front, "120500m", "ok"},
		"a window that is late":   {Config{Windows: &windows{served: &Served{Milli: 1}}}, front, "100", "ok"},
		"a window without answer": {Config{Windows: &windows{err: errors.New("replaying")}}, front, "", "503"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := lively(t, test.config)
			value, err := a.GetMetricByName(t.Context(), test.name, ofFront, labels.Everything())
			if statusOf(err) != test.status || err == nil && value.Value.String() != test.want {
				t.Errorf("got %v, %v, want %s, %s", value, err, test.want, test.status)
			}
		})
	}
}

func TestExternal(t *testing.T) {
	nothing := provider.ExternalMetricInfo{Metric: "nothing"}
	for name, test := range map[string]struct {
		config   Config
		info     provider.ExternalMetricInfo
		selector string
		want     string
		status   string
		reason   string
	}{
		"all":            {Config{}, ofQueue, "", "map[]=107", "ok", "the sum, as the rule has it"},
		"one":            {Config{}, ofQueue, "queue=mail", "map[]=7", "ok", "the label that tells rows apart is not the rule's"},
		"some":           {Config{}, ofQueue, "queue in (mail,orders)", "map[]=107", "ok", "a table of its own"},
		"none":           {Config{}, ofQueue, "queue=nothing", "", "404", "no such queue"},
		"no such metric": {Config{}, nothing, "", "", "404", "no rule makes it"},
		"elsewhere":      {Config{Elsewhere: zeros{}}, nothing, "", "map[]=0", "ok", "the other server has it"},
		"a window":       {Config{Windows: &windows{served: &Served{Milli: 200_000}}}, ofQueue, "", "map[]=200", "ok", "held up"},
		"a late window":  {Config{Windows: &windows{served: &Served{Milli: 1}}}, ofQueue, "", "map[]=107", "ok", "never below demand"},
		"no window yet":  {Config{Windows: &windows{err: errors.New("replaying")}}, ofQueue, "", "", "503", "the demand is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := lively(t, test.config)
			list, err := a.GetExternalMetric(t.Context(), shop, is(test.selector), test.info)
			if got := externals(list); got != test.want || statusOf(err) != test.status {
				t.Errorf("got %q, %v, want %q, %s: %s", got, err, test.want, test.status, test.reason)
			}
		})
	}
}

// TestOneQueryForAll reads many things, and counts what that asks of Prometheus.
func TestOneQueryForAll(t *testing.T) {
	a, e := lively(t, Config{})
	for _, name := range []string{"web-0", "web-1", "web-2", "gone"} {
		for _, namespace := range []string{shop, "home"} {
			a.GetMetricByName(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, perSecond, labels.Everything())
		}
	}
	for range 10 {
		a.GetMetricBySelector(t.Context(), shop, labels.Everything(), perSecond, labels.Everything())
	}
	for i := range 10 {
		a.GetExternalMetric(t.Context(), shop, is(fmt.Sprintf("queue=%d", i)), ofQueue)
	}
	if len(e.queries) != 9 {
		t.Errorf("asked %d times: want each of two tables, and when its samples were; both of before the start, and of the rate of long before\n%s", len(e.queries), strings.Join(e.queries, "\n"))
	}
}

func TestAnswersSayWhenAndOfWhat(t *testing.T) {
	a, _ := lively(t, Config{})
	a.clock.Step(2 * time.Second)
	value, err := a.GetMetricByName(t.Context(), types.NamespacedName{Namespace: shop, Name: "front"}, ofFront, is("verb notin (PUT)"))
	if err != nil {
		t.Fatal(err)
	}
	want := custom_metrics.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: shop, Name: "front"}
	if diff := cmp.Diff(want, value.DescribedObject); diff != "" {
		t.Error(diff)
	}
	if age := a.clock.Since(value.Timestamp.Time); age != 2*time.Second {
		t.Errorf("the sample is %v old, want 2s", age)
	}
	if value.Metric.Name != "front_requests" || value.Metric.Selector == nil || len(value.Metric.Selector.MatchExpressions) != 1 {
		t.Errorf("got %v", value.Metric)
	}
}

func TestWindowsKnowWhoReads(t *testing.T) {
	w := &windows{}
	a, _ := lively(t, Config{Windows: w})
	a.GetMetricBySelector(t.Context(), shop, labels.Everything(), perSecond, is("verb!=PUT"))
	a.GetMetricByName(t.Context(), types.NamespacedName{Namespace: shop, Name: "front"}, ofFront, labels.Everything())
	a.GetExternalMetric(t.Context(), shop, is("queue=mail"), ofQueue)
	want := []Key{
		{v1alpha1.PodsMetric, shop, schema.GroupResource{Resource: "pods"}, "http_requests_per_second", "verb!=PUT", "web"},
		{v1alpha1.ObjectMetric, shop, schema.GroupResource{Resource: "services"}, "front_requests", "", "front"},
		{v1alpha1.ExternalMetric, shop, schema.GroupResource{}, "queue_depth", "queue=mail", ""},
	}
	if diff := cmp.Diff(want, w.asked); diff != "" {
		t.Error(diff)
	}
}

func TestLists(t *testing.T) {
	for name, test := range map[string]struct {
		config           Config
		custom, external []string
	}{
		"alone": {
			Config{}, []string{"namespaces/front_requests", "namespaces/http_requests_per_second", "pods/http_requests_per_second(namespaced)", "services/front_requests(namespaced)"},
			[]string{"queue_depth"},
		},
		"with another server": {
			Config{Elsewhere: zeros{}},
			[]string{"/theirs", "namespaces/front_requests", "namespaces/http_requests_per_second", "pods/http_requests_per_second(namespaced)", "services/front_requests(namespaced)"},
			[]string{"queue_depth", "theirs"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := lively(t, test.config)
			var custom, external []string
			for _, info := range a.ListAllMetrics() {
				custom = append(custom, info.String())
			}
			for _, info := range a.ListAllExternalMetrics() {
				external = append(external, info.Metric)
			}
			slices.Sort(custom)
			slices.Sort(external)
			if diff := cmp.Diff(test.custom, custom); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.external, external); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRowsWithOneMoreLabel has a rule that groups by more than the object: an autoscaler is told the highest.
func TestRowsWithOneMoreLabel(t *testing.T) {
	e := newEngine(t)
	e.add(began, 3, "__name__", "load", "namespace", shop, "pod", "web-0", "cpu", "0")
	e.add(began, 5, "__name__", "load", "namespace", shop, "pod", "web-0", "cpu", "1")
	a := start(t, e, clocktesting.NewFakeClock(began), `
rules:
- seriesQuery: load
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: max(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>, cpu)
`, Config{Objects: &objects{names: []string{"web-0"}}})
	info := perSecond
	info.Metric = "load"
	list, err := a.GetMetricBySelector(t.Context(), shop, labels.Everything(), info, labels.Everything())
	if err != nil || values(list) != "web-0=5" {
		t.Errorf("got %v, %v", values(list), err)
	}
}

// TestFallback is of a rule that says what no sample means.
func TestFallback(t *testing.T) {
	e := newEngine(t)
	e.add(began, 3, "__name__", "queue_depth", "queue", "mail")
	a := start(t, e, clocktesting.NewFakeClock(began), `
externalRules:
- seriesQuery: queue_depth
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) or vector(0)
`, Config{})
	for selector, want := range map[string]string{"queue=mail": "map[]=3", "queue=orders": "map[]=0"} {
		list, err := a.GetExternalMetric(t.Context(), shop, is(selector), ofQueue)
		if got := externals(list); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", selector, got, err, want)
		}
	}
}

// TestPlain has a rule that no table can answer for: each read has its own query, which is kept as well.
func TestPlain(t *testing.T) {
	e := newEngine(t)
	for _, pod := range []string{"web-0", "web-1"} {
		e.add(began, 3, "__name__", "load", "namespace", shop, "pod", pod)
	}
	a := start(t, e, clocktesting.NewFakeClock(began), `
rules:
- seriesQuery: load
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: topk(1, <<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
externalRules:
- seriesQuery: load
  resources: {overrides: {namespace: {resource: namespace}}}
  metricsQuery: topk(1, <<.Series>>{<<.LabelMatchers>>})
`, Config{Objects: &objects{names: []string{"web-1", "web-0"}}})
	info := perSecond
	info.Metric = "load"
	for range 3 {
		list, err := a.GetMetricBySelector(t.Context(), shop, labels.Everything(), info, labels.Everything())
		if err != nil || values(list) != "web-0=3 web-1=3" {
			t.Errorf("got %v, %v", values(list), err)
		}
		external, err := a.GetExternalMetric(t.Context(), shop, is("pod=web-1"), provider.ExternalMetricInfo{Metric: "load"})
		if err != nil || externals(external) != "map[namespace:shop pod:web-1]=3" {
			t.Errorf("got %v, %v", externals(external), err)
		}
	}
	if len(e.queries) != 2 {
		t.Errorf("asked %v", e.queries)
	}
}

// TestPlainHoldsWhilePodsComeAndGo: a query of its own names its pods; with other pods it is another query, and what was
// known of those that stay is held.
func TestPlainHoldsWhilePodsComeAndGo(t *testing.T) {
	e := newEngine(t)
	clk := clocktesting.NewFakeClock(began)
	load := func(v float64, pods ...string) {
		for _, pod := range pods {
			e.add(clk.Now(), v, "__name__", "load", "namespace", shop, "pod", pod)
		}
	}
	load(3, "web-0", "web-1")
	pods := &objects{names: []string{"web-0", "web-1"}}
	a := start(t, e, clk, `
rules:
- seriesQuery: load
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: topk(1, <<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
`, Config{Objects: pods})
	info := perSecond
	info.Metric = "load"
	read := func(want string) {
		t.Helper()
		list, err := a.GetMetricBySelector(t.Context(), shop, is("app=web"), info, labels.Everything())
		if got := values(list); got != want {
			t.Errorf("%q (%v), want %q", got, err, want)
		}
	}
	tick := func(names ...string) { clk.Step(step); pods.names = names }
	read("web-0=3 web-1=3")
	tick("web-0", "web-1", "web-2")
	load(4, "web-1", "web-2")
	load(staleNaN, "web-0")
	read("web-0=3 web-1=4 web-2=4")
	tick("web-0", "web-2")
	e.spoil = func(model.Vector, error) (model.Vector, error) { return nil, errors.New("down") }
	read("web-0=3 web-2=4")
	tick("web-0", "web-2", "web-3")
	read("web-0=3 web-2=4")
	e.spoil = nil
	for range 4 {
		tick("web-0", "web-2", "web-3")
		load(5, "web-2", "web-3")
		a.board.Ask(t.Context())
	}
	read("web-2=5 web-3=5")
}

// told is what a shadow was told.
type told struct {
	custom   []string
	external []string
}

func (s *told) Custom(measured *custom_metrics.MetricValueList, ask AskCustom) {
	theirs, err := ask(context.Background(), zeros{})
	s.custom = append(s.custom, fmt.Sprintln(values(measured), len(theirs.Items), err))
}

func (s *told) External(measured *external_metrics.ExternalMetricValueList, ask AskExternal) {
	theirs, err := ask(context.Background(), zeros{})
	s.external = append(s.external, fmt.Sprintln(externals(measured), len(theirs.Items), err))
}

func TestShadowIsToldWhatWasMeasured(t *testing.T) {
	s := &told{}
	a, _ := lively(t, Config{Shadow: s, Windows: &windows{served: &Served{Milli: 500_000}}})
	a.GetMetricBySelector(t.Context(), shop, labels.Everything(), perSecond, labels.Everything())
	a.GetMetricByName(t.Context(), types.NamespacedName{Namespace: shop, Name: "front"}, ofFront, labels.Everything())
	a.GetExternalMetric(t.Context(), shop, labels.Everything(), ofQueue)
	if diff := cmp.Diff([]string{"web-0=10 web-1=10 web-2=10 10 <nil>\n", "front=100 1 <nil>\n"}, s.custom); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"map[]=107 1 <nil>\n"}, s.external); diff != "" {
		t.Error(diff)
	}
}

func TestRefusalIsTheMostTelling(t *testing.T) {
	absent := errors.New("absent")
	for name, test := range map[string]struct {
		why  *board.Missing
		want bool
	}{
		"nothing asked": {nil, true},
		"never there":   {&board.Missing{}, true},
		"no answer":     {&board.Missing{Unanswered: errors.New("down")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&found{why: test.why}).refusal(absent); errors.Is(got, absent) != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
