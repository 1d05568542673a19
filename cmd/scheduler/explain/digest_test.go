package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	fwk "k8s.io/kube-scheduler/framework"
)

func scoresOf(random *rand.Rand, nodes int) []fwk.NodePluginScores {
	scored := make([]fwk.NodePluginScores, nodes)
	for i := range scored {
		a, b := int64(random.IntN(4)), int64(random.IntN(4))
		scored[i] = fwk.NodePluginScores{
			Name:       fmt.Sprintf("node-%d", i),
			Scores:     []fwk.PluginScore{{Name: "A", Score: a}, {Name: "B", Score: b}},
			TotalScore: a + b,
		}
	}
	return scored
}

// TestBest holds the selection against sorting everything.
func TestBest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for nodes := range 40 {
		scored := scoresOf(random, nodes)
		highest := int64(-1)
		chosen := ""
		for _, node := range scored { // the last among the best: not what a stable sort puts first
			if node.TotalScore >= highest {
				highest, chosen = node.TotalScore, node.Name
			}
		}
		want := make([]int, nodes)
		for i := range want {
			want[i] = i
		}
		sort.SliceStable(want, func(i, j int) bool {
			a, b := scored[want[i]], scored[want[j]]
			return a.TotalScore > b.TotalScore || a.TotalScore == b.TotalScore && a.Name == chosen && b.Name != chosen
		})
		want = want[:min(nodes, 5)]
		got := best(scored, chosen, 5)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("of %d nodes (-want +got):\n%s", nodes, diff)
		}
		if nodes > 0 && scored[got[0]].Name != chosen {
			t.Errorf("of %d nodes the first is %s, want the chosen %s", nodes, scored[got[0]].Name, chosen)
		}
	}
}

func TestTabulate(t *testing.T) {
	scored := []fwk.NodePluginScores{
		{Name: "one", TotalScore: 3, Scores: []fwk.PluginScore{{Name: "A", Score: 1}, {Name: "B", Score: 2}}},
		{Name: "two", TotalScore: 7, Scores: []fwk.PluginScore{{Name: "B", Score: 4}, {Name: "A", Score: 3}}},
		{Name: "three", TotalScore: 5, Scores: []fwk.PluginScore{{Name: "A", Score: 5}}},
	}
	last := []string{"B", "A"}
	plugins, candidates, scores := tabulate(scored, []int{1, 2, 0}, last)
	if &plugins[0] != &last[0] {
		t.Errorf("the same plugins got a list of their own")
	}
	e := entry{record: Record{Candidates: candidates}, plugins: plugins, scores: scores}
	want := []Candidate{
		{Node: "two", Total: 7, Scores: []Score{{"B", 4}, {"A", 3}}},
		{Node: "three", Total: 5, Scores: []Score{{"B", 0}, {"A", 5}}},
		{Node: "one", Total: 3, Scores: []Score{{"B", 2}, {"A", 1}}},
	}
	if diff := cmp.Diff(want, e.full().Candidates); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
	if e.record.Candidates[0].Scores != nil {
		t.Errorf("asking for the full record changed what is kept")
	}
	if plugins, candidates, scores := tabulate(nil, nil, last); plugins != nil || candidates != nil || scores != nil {
		t.Errorf("nothing scored gave %v, %v, %v", plugins, candidates, scores)
	}
}

func status(plugin string, reasons ...string) *fwk.Status {
	return fwk.NewStatus(fwk.Unschedulable, reasons...).WithPlugin(plugin)
}

func TestGroup(t *testing.T) {
	long := strings.Repeat("é", maxReason)
	cases := map[string]struct {
		reason string
		nodes  []rejected
		want   []Rejection
	}{
		"None": {reason: "nothing was filtered out"},
		"BiggestFirst": {
			reason: "what keeps most nodes out is read first, with a few examples",
			nodes: []rejected{
				{"a", status("Taints", "tainted")},
				{"b", status("Fit", "Insufficient cpu")}, {"c", status("Fit", "Insufficient cpu")},
				{"d", status("Fit", "Insufficient cpu")}, {"e", status("Fit", "Insufficient cpu")},
				{"f", status("Fit", "Insufficient cpu", "Insufficient memory")},
			},
			want: []Rejection{
				{Plugin: "Fit", Reason: "Insufficient cpu", Nodes: 4, Examples: []string{"b", "c", "d"}},
				{Plugin: "Taints", Reason: "tainted", Nodes: 1, Examples: []string{"a"}},
				{Plugin: "Fit", Reason: "Insufficient cpu, Insufficient memory", Nodes: 1, Examples: []string{"f"}},
			},
		},
		"NoReason": {
			reason: "a plugin need not say why",
			nodes:  []rejected{{"a", status("Fit")}},
			want:   []Rejection{{Plugin: "Fit", Reason: "no reason given", Nodes: 1, Examples: []string{"a"}}},
		},
		"LongReason": {
			reason: "a reason is cut between characters",
			nodes:  []rejected{{"a", status("Fit", long)}},
			want:   []Rejection{{Plugin: "Fit", Reason: long[:maxReason] + "…", Nodes: 1, Examples: []string{"a"}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, group(tc.nodes)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestGroupIsBounded: a plugin that names the node in its reason must not make
// a record grow with the cluster, and no node is lost from the count.
func TestGroupIsBounded(t *testing.T) {
	var nodes []rejected
	for i := range 1000 {
		nodes = append(nodes, rejected{fmt.Sprint(i), status("RealLoad", fmt.Sprintf("cpu is at %d%%", i))})
	}
	groups := group(nodes)
	if len(groups) != maxRejections {
		t.Errorf("got %d groups, want %d", len(groups), maxRejections)
	}
	total := 0
	for _, g := range groups {
		total += g.Nodes
	}
	if total != len(nodes) {
		t.Errorf("the groups hold %d nodes, want %d", total, len(nodes))
	}
	if i := slices.IndexFunc(groups, func(g Rejection) bool { return g.Reason == otherReasons }); i != 0 {
		t.Errorf("%q is at %d, want first: it is the biggest", otherReasons, i)
	}
}
