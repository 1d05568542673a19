package policy

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/simulator"
)

var loadNoon = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

func loadNode(name, cpu, memory string) *v1.Node {
	list := v1.ResourceList{
		v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory), v1.ResourcePods: resource.MustParse("200"),
	}
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}},
		Status:     v1.NodeStatus{Capacity: list, Allocatable: list},
	}
}

// resources reads pairs of a name and a quantity; an empty quantity is left out.
func resources(cpu, memory string) v1.ResourceList {
	list := v1.ResourceList{}
	for name, text := range map[v1.ResourceName]string{v1.ResourceCPU: cpu, v1.ResourceMemory: memory} {
		if text != "" {
			list[name] = resource.MustParse(text)
		}
	}
	return list
}

func loadPod(name, cpu, memory string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(loadNoon)},
		Spec: v1.PodSpec{Containers: []v1.Container{{
			Name: "c", Resources: v1.ResourceRequirements{Requests: resources(cpu, memory)},
		}}},
	}
}

type measured struct{ snapshot *usage.Snapshot }

func (m *measured) Snapshot() *usage.Snapshot { return m.snapshot }

// used are nodes with so many cores in use.
func used(at time.Time, cores map[string]float64) *measured {
	b := usage.NewBuilder(at)
	for name, v := range cores {
		b.Node(name, usage.CPU, usage.Mean, v, at).Node(name, usage.CPU, usage.Deviation, 0, at)
		b.Node(name, usage.Memory, usage.Mean, 1<<30, at).Node(name, usage.Memory, usage.Deviation, 0, at)
	}
	return &measured{snapshot: b.Build()}
}

type fixedFuture map[string]float64

func (f fixedFuture) Peaks(*v1.Pod) func(string) float64 {
	return func(node string) float64 { return f[node] }
}

func TestKoordinatorEstimate(t *testing.T) {
	const mebi = 1 << 20
	cases := map[string]struct {
		reason           string
		requests, limits v1.ResourceList
		want             amounts
	}{
		"Requests": {reason: "85 % of 1000m, 70 % of 100Mi", requests: resources("1", "100Mi"), want: amounts{850, 70 * mebi}},
		"Limits": {
			reason:   "limits above requests count",
			requests: resources("1", "100Mi"), limits: resources("2", "200Mi"), want: amounts{1700, 140 * mebi},
		},
		"OneLimit": {reason: "for each resource by itself", requests: resources("1", "100Mi"), limits: resources("4", ""), want: amounts{3400, 70 * mebi}},
		"Nothing":  {reason: "the defaults, untouched by the factors", want: amounts{250, 200 * mebi}},
		"OnlyCPU":  {reason: "memory has its default", requests: resources("100m", ""), want: amounts{85, 200 * mebi}},
		"Rounded":  {reason: "0.85 · 1m is rounded to 1m", requests: resources("1m", "100Mi"), want: amounts{1, 70 * mebi}},
		"LowLimits": {
			reason:   "limits below requests do not count",
			requests: resources("2", "100Mi"), limits: resources("1", "10Mi"), want: amounts{1700, 70 * mebi},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := loadPod("p", "", "")
			pod.Spec.Containers[0].Resources = v1.ResourceRequirements{Requests: tc.requests, Limits: tc.limits}
			if got := koordinatorEstimate(pod); got != tc.want {
				t.Errorf("%s: got %v, want %v", tc.reason, got, tc.want)
			}
		})
	}
}

func TestKoordinatorScore(t *testing.T) {
	capacity := amounts{10_000, 1000}
	for _, tc := range []struct {
		reason string
		used   amounts
		want   int64
	}{
		{"idle", amounts{0, 0}, 100},
		{"CPU leaves 70, memory 50", amounts{3000, 500}, 60},
		{"full of both", amounts{10_000, 1000}, 0},
		{"too full of CPU, idle of memory", amounts{20_000, 0}, 50},
		{"integers: 99 and 100 make 99", amounts{1, 0}, 99},
	} {
		if got := koordinatorScore(tc.used, capacity); got != tc.want {
			t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
		}
	}
	if got := koordinatorScore(amounts{1, 1}, amounts{}); got != 0 {
		t.Errorf("a node without capacity scores %d", got)
	}
	for less := int64(0); less < 12_000; less += 97 {
		if koordinatorScore(amounts{less, 300}, capacity) < koordinatorScore(amounts{less + 97, 300}, capacity) {
			t.Fatalf("more load scores higher at %d", less)
		}
	}
}

func TestKoordinatorRefuses(t *testing.T) {
	capacity := amounts{10_000, 1000}
	for _, tc := range []struct {
		reason string
		used   amounts
		want   bool
	}{
		{"idle", amounts{}, false},
		{"65 % of CPU is not above", amounts{6500, 0}, false},
		{"65.4 % is rounded down", amounts{6540, 0}, false},
		{"65.5 % is rounded up", amounts{6550, 0}, true},
		{"95 % of memory is not above", amounts{0, 950}, false},
		{"96 % of memory is", amounts{0, 960}, true},
	} {
		if got := koordinatorRefuses(tc.used, capacity); got != tc.want {
			t.Errorf("%s: got %v", tc.reason, got)
		}
	}
	if koordinatorRefuses(amounts{1, 1}, amounts{}) {
		t.Error("a node without capacity is refused")
	}
}

func TestKoordinatorPending(t *testing.T) {
	if got := koordinatorPending(amounts{850, 70}, amounts{200, 100}); got != (amounts{650, 0}) {
		t.Errorf("got %v, want 650 to come and of memory nothing", got)
	}
}

// TestLoadAwareCountsYoungPods has a pod placed before, during and after the time that a sample is of.
func TestLoadAwareCountsYoungPods(t *testing.T) {
	clock := clocktesting.NewFakeClock(loadNoon)
	node := framework.NewNodeInfo()
	node.SetNode(loadNode("n", "10", "10Gi"))
	for _, tc := range []struct {
		reason string
		ago    time.Duration // the sample is of noon
		want   int64
	}{
		// CPU: (10000 − 2000 − 850·pods) / 100; memory is (10240 − 1024 − 700·pods) / 102.4; then the average.
		{"long ago: it is measured", 5 * time.Minute, (71 + 83) / 2},
		{"within the minute before: it may not be", 30 * time.Second, (63 + 76) / 2},
		{"afterwards: it is not", -10 * time.Second, (63 + 76) / 2},
	} {
		l := &loadAware{
			usage: used(loadNoon, map[string]float64{"n": 2}), clock: clock,
			expiry: 180 * time.Second, young: time.Minute, assigned: map[string][]assigned{},
		}
		clock.SetTime(loadNoon.Add(-tc.ago))
		l.Reserve(t.Context(), nil, loadPod("q", "1", "1000Mi"), "n")
		clock.SetTime(loadNoon.Add(20 * time.Second))
		l.Refresh([]*v1.Node{node.Node()})
		state := framework.NewCycleState()
		l.PreScore(t.Context(), state, loadPod("p", "1", "1000Mi"), nil)
		if got, status := l.Score(t.Context(), state, nil, node); got != tc.want || !status.IsSuccess() {
			t.Errorf("%s: got %d (%v), want %d", tc.reason, got, status, tc.want)
		}
	}
}

func TestLoadAwareForgets(t *testing.T) {
	clock := clocktesting.NewFakeClock(loadNoon)
	l := &loadAware{usage: used(loadNoon, nil), clock: clock, expiry: time.Minute, young: time.Minute, assigned: map[string][]assigned{}}
	pods := []*v1.Pod{loadPod("a", "1", ""), loadPod("b", "1", ""), loadPod("c", "1", "")}
	for _, p := range pods {
		l.Reserve(t.Context(), nil, p, "n")
	}
	l.Unreserve(t.Context(), nil, pods[0], "n")
	bound := pods[1].DeepCopy()
	bound.Spec.NodeName = "n"
	l.Gone(bound)
	if list := l.assigned["n"]; len(list) != 1 || list[0].uid != "c" {
		t.Errorf("left are %v, want c alone", list)
	}
}

func TestLoadAwareStale(t *testing.T) {
	clock := clocktesting.NewFakeClock(loadNoon)
	l := &loadAware{usage: used(loadNoon, map[string]float64{"n": 9}), clock: clock, expiry: 180 * time.Second, young: time.Minute}
	info := framework.NewNodeInfo()
	info.SetNode(loadNode("n", "10", "10Gi"))
	if status := l.Filter(t.Context(), nil, nil, info); status.Code() != fwk.Unschedulable {
		t.Errorf("at 90 %% it said %v", status)
	}
	clock.Step(181 * time.Second)
	if status := l.Filter(t.Context(), nil, nil, info); !status.IsSuccess() {
		t.Errorf("by a sample too old it said %v", status)
	}
	if score, status := l.Score(t.Context(), nil, nil, info); score != 0 || !status.IsSuccess() {
		t.Errorf("a node with a sample too old scores %d (%v)", score, status)
	}
}

func TestOracleScores(t *testing.T) {
	s := &seer{future: fixedFuture{"a": 0.5, "b": 0.52, "c": 1.7}}
	state := framework.NewCycleState()
	s.PreScore(t.Context(), state, nil, nil)
	var scores fwk.NodeScoreList
	for _, name := range []string{"a", "b", "c"} {
		info := framework.NewNodeInfo()
		info.SetNode(loadNode(name, "1", "1Gi"))
		score, status := s.Score(t.Context(), state, nil, info)
		if !status.IsSuccess() {
			t.Fatal(status)
		}
		scores = append(scores, fwk.NodeScore{Name: name, Score: score})
	}
	s.NormalizeScore(t.Context(), state, nil, scores)
	want := fwk.NodeScoreList{{Name: "a", Score: 100}, {Name: "b", Score: 80}, {Name: "c", Score: 0}}
	if diff := cmp.Diff(want, scores); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, status := s.Score(t.Context(), framework.NewCycleState(), nil, framework.NewNodeInfo()); status.IsSuccess() {
		t.Error("without PreScore it scores")
	}
}

func setting(u Usage, at time.Time) *LoadSetting {
	return &LoadSetting{
		Seed: 1, Clock: clocktesting.NewFakeClock(at), Usage: u, Scrape: time.Minute, Future: fixedFuture{"cold": 0.1, "warm": 0.5, "hot": 0.9},
	}
}

// choose has a policy place one pod on three nodes alike but for their use.
func choose(t *testing.T, name string, u Usage, at time.Time, pod *v1.Pod) (string, error) {
	t.Helper()
	p, driver, err := NewLoad(name, setting(u, at))
	if err != nil {
		t.Fatal(err)
	}
	nodes := []*v1.Node{loadNode("hot", "10", "64Gi"), loadNode("warm", "10", "64Gi"), loadNode("cold", "10", "64Gi")}
	c, err := simulator.NewCluster(t.Context(), p, nodes, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if driver != nil {
		driver.Refresh(nodes)
	}
	return c.Schedule(pod)
}

func TestLoadPoliciesChoose(t *testing.T) {
	u := used(loadNoon, map[string]float64{"hot": 9, "warm": 2, "cold": 0.5})
	for name, want := range map[string]string{
		"realload":      "cold",
		"realload-pack": "warm", // the nearest below its target of 60 %
		"trimaran-tlp":  "warm", // 20 % and the pod's 15 % are next to its target of 40 %
		"trimaran-lvrb": "cold",
		"koordinator":   "cold",
		"oracle":        "cold",
	} {
		if got, err := choose(t, name, u, loadNoon.Add(30*time.Second), loadPod("p", "1", "1Gi")); got != want || err != nil {
			t.Errorf("%s chose %q (%v), want %q", name, got, err, want)
		}
	}
	hits := map[string]bool{}
	for seed := range 20 {
		s := setting(u, loadNoon)
		s.Seed = int64(seed)
		p, driver, err := NewLoad("stock", s)
		if err != nil || driver != nil {
			t.Fatalf("stock: %v, driver %v", err, driver)
		}
		c, err := simulator.NewCluster(t.Context(), p, []*v1.Node{loadNode("hot", "10", "64Gi"), loadNode("cold", "10", "64Gi")}, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Schedule(loadPod("p", "1", "1Gi"))
		c.Close()
		if err != nil {
			t.Fatal(err)
		}
		hits[got] = true
	}
	if len(hits) != 2 {
		t.Errorf("stock, which does not look at usage, took only %v", hits)
	}
}

func TestHotNodesAreRefused(t *testing.T) {
	u := used(loadNoon, map[string]float64{"hot": 9, "warm": 9, "cold": 9})
	_, err := choose(t, "koordinator", u, loadNoon, loadPod("p", "1", "1Gi"))
	refused, ok := err.(*simulator.Unschedulable) //nolint:errorlint // it is not wrapped
	if !ok || len(refused.Plugins) != 1 || !FiltersByLoad(refused.Plugins[0]) {
		t.Errorf("koordinator said %v", err)
	}
	if _, err := choose(t, "realload", u, loadNoon, loadPod("p", "1", "1Gi")); err != nil {
		t.Errorf("realload lets pods through where every node is hot, and said %v", err)
	}
	if FiltersByLoad("NodeResourcesFit") {
		t.Error("NodeResourcesFit filters by load")
	}
}

func TestNewLoad(t *testing.T) {
	if _, _, err := NewLoad("nobody", setting(&measured{}, loadNoon)); err == nil {
		t.Error("a policy that is not there was made")
	}
	want := []string{"koordinator", "oracle", "realload", "realload-pack", "stock", "trimaran-lvrb", "trimaran-tlp"}
	if diff := cmp.Diff(want, Load()); diff != "" {
		t.Errorf("the policies (-want +got):\n%s", diff)
	}
}

// TestTargetLoadPackingTwin holds the policy to Trimaran's published formula, worked out naively.
func TestTargetLoadPackingTwin(t *testing.T) {
	twin := func(percent float64) float64 {
		const target = 40.0
		switch {
		case percent > 100:
			return 0
		case percent > target:
			return target * (100 - percent) / (100 - target)
		default:
			return (100-target)*percent/target + target
		}
	}
	for cores := 0.25; cores < 10; cores += 0.5 {
		// A pod of one core without limit is taken for 1.5.
		a, b := twin(10*(cores+1.5)), twin(10*(2+1.5))
		if math.Abs(a-b) < 2 {
			continue // a tie after rounding
		}
		want := "warm"
		if a > b {
			want = "cold"
		}
		u := used(loadNoon, map[string]float64{"cold": cores, "warm": 2, "hot": 9.9})
		if got, err := choose(t, "trimaran-tlp", u, loadNoon.Add(time.Second), loadPod("p", "1", "1Gi")); got != want || err != nil {
			t.Errorf("between %v and 2 cores it chose %q (%v), the formula says %q: %s", cores, got, err, want, fmt.Sprint(a, b))
		}
	}
}

func TestOptionsOfScrape(t *testing.T) {
	for scrape, want := range map[time.Duration]time.Duration{
		15 * time.Second: 90 * time.Second, time.Minute: 90 * time.Second, 5 * time.Minute: 450 * time.Second,
	} {
		if got := atLeast(90*time.Second, scrape, freshScrapes).Duration; got != want {
			t.Errorf("measured every %v, samples are fresh for %v, want %v", scrape, got, want)
		}
	}
}
