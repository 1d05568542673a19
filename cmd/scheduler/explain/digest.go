package explain

import (
	"strings"

	fwk "k8s.io/kube-scheduler/framework"
)

const (
	maxCandidates = 5
	maxRejections = 16
	maxExamples   = 3
	maxReason     = 200  // bytes
	maxMessage    = 1024 // bytes
)

// rejected is a node that did not pass the filters.
type rejected struct {
	node   string
	status *fwk.Status
}

// best returns the indexes of the k nodes with the highest total scores, the best
// first. Among equals the chosen node is first: the scheduler takes any of them.
func best(scored []fwk.NodePluginScores, chosen string, k int) []int {
	top := make([]int, 0, k+1)
	for i := range scored {
		if len(top) == k && !better(&scored[i], &scored[top[k-1]], chosen) {
			continue
		}
		at := len(top)
		for at > 0 && better(&scored[i], &scored[top[at-1]], chosen) {
			at--
		}
		top = append(top, 0)
		copy(top[at+1:], top[at:])
		top[at] = i
		top = top[:min(len(top), k)]
	}
	return top
}

func better(a, b *fwk.NodePluginScores, chosen string) bool {
	if a.TotalScore != b.TotalScore {
		return a.TotalScore > b.TotalScore
	}
	return a.Name == chosen
}

// tabulate copies the scores of the top nodes. plugins is taken from the first
// node; last is reused where it holds the same names, so that the entries of a
// profile share one list.
func tabulate(scored []fwk.NodePluginScores, top []int, last []string) (plugins []string, candidates []Candidate, scores []int64) {
	if len(top) == 0 {
		return nil, nil, nil
	}
	plugins = pluginNames(scored[top[0]].Scores, last)
	candidates = make([]Candidate, len(top))
	scores = make([]int64, len(top)*len(plugins))
	for i, index := range top {
		node := &scored[index]
		candidates[i] = Candidate{Node: node.Name, Total: node.TotalScore}
		row := scores[i*len(plugins):]
		for j, plugin := range plugins {
			row[j] = scoreOf(node.Scores, plugin, j)
		}
	}
	return plugins, candidates, scores
}

func pluginNames(scores []fwk.PluginScore, last []string) []string {
	same := len(scores) == len(last)
	for i := 0; same && i < len(scores); i++ {
		same = scores[i].Name == last[i]
	}
	if same {
		return last
	}
	names := make([]string, len(scores))
	for i := range scores {
		names[i] = scores[i].Name
	}
	return names
}

// scoreOf looks a plugin's score up, first where it is expected.
func scoreOf(scores []fwk.PluginScore, plugin string, expected int) int64 {
	if expected < len(scores) && scores[expected].Name == plugin {
		return scores[expected].Score
	}
	for i := range scores {
		if scores[i].Name == plugin {
			return scores[i].Score
		}
	}
	return 0
}

// group counts the filtered nodes by plugin and reason, the biggest group
// first. What exceeds maxRejections groups is counted under the last one.
func group(nodes []rejected) []Rejection {
	var groups []Rejection
	for i := range nodes {
		plugin, reason := nodes[i].status.Plugin(), reasonOf(nodes[i].status)
		g := findGroup(groups, plugin, reason)
		if g == nil && len(groups) < maxRejections-1 {
			groups = append(groups, Rejection{Plugin: plugin, Reason: reason})
			g = &groups[len(groups)-1]
		}
		if g == nil {
			g = findGroup(groups, "", otherReasons)
		}
		if g == nil {
			groups = append(groups, Rejection{Reason: otherReasons})
			g = &groups[len(groups)-1]
		}
		g.add(nodes[i].node)
	}
	sortRejections(groups)
	return groups
}

const otherReasons = "other reasons"

func (g *Rejection) add(node string) {
	g.Nodes++
	if len(g.Examples) < maxExamples {
		g.Examples = append(g.Examples, node)
	}
}

func findGroup(groups []Rejection, plugin, reason string) *Rejection {
	for i := range groups {
		if groups[i].Plugin == plugin && groups[i].Reason == reason {
			return &groups[i]
		}
	}
	return nil
}

// reasonOf joins the reasons of a status. A reason is cut short, since it may
// quote what a user wrote.
func reasonOf(status *fwk.Status) string {
	reasons := status.Reasons()
	var reason string
	switch len(reasons) {
	case 0:
		return "no reason given"
	case 1:
		reason = reasons[0]
	default:
		reason = strings.Join(reasons, ", ")
	}
	return cut(reason, maxReason)
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

func sortRejections(groups []Rejection) {
	// Insertion sort: there are at most maxRejections, mostly two or three.
	for i := 1; i < len(groups); i++ {
		for j := i; j > 0 && groups[j].Nodes > groups[j-1].Nodes; j-- {
			groups[j], groups[j-1] = groups[j-1], groups[j]
		}
	}
}
