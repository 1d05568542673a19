package explain

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// cycle is the framework that one scheduling cycle sees: the profile's own,
// noting what passes through. It lives from the call of SchedulePod to its
// return; filters run concurrently, everything else in sequence.
type cycle struct {
	framework.Framework

	pod     *v1.Pod
	attempt int
	start   time.Time
	nodes   int

	hint   string
	early  []Rejection // nodes ruled out before the filters ran
	scored []fwk.NodePluginScores

	// out[:outs] are the nodes filtered out; each has one place, found by
	// counting outs up, so that filters need no lock.
	out  []rejected
	outs atomic.Int64

	// Filled in by finish.
	entry      entry
	beliefs    func() [][]Belief
	reusedFrom podKey
}

// reset readies c for a pod on a cluster of nodes.
func (c *cycle) reset(profile framework.Framework, pod *v1.Pod, attempt, nodes int, now time.Time) {
	c.Framework, c.pod, c.attempt, c.nodes, c.start = profile, pod, attempt, nodes, now
	// A nominated node is filtered once alone and once more among the others.
	if cap(c.out) < nodes+1 {
		c.out = make([]rejected, nodes+1)
	}
	c.out = c.out[:cap(c.out)]
}

// clear drops every reference, so that a cycle in a pool keeps nothing alive.
func (c *cycle) clear() {
	clear(c.out[:min(int(c.outs.Load()), len(c.out))])
	c.outs.Store(0)
	c.Framework, c.pod, c.scored, c.early, c.hint = nil, nil, nil, nil, ""
	c.entry, c.beliefs, c.reusedFrom = entry{}, nil, podKey{}
}

// RunPreFilterPlugins notes nodes that are ruled out as a whole.
func (c *cycle) RunPreFilterPlugins(ctx context.Context, state fwk.CycleState, pod *v1.Pod) (*fwk.PreFilterResult, *fwk.Status, sets.Set[string]) {
	result, status, plugins := c.Framework.RunPreFilterPlugins(ctx, state, pod)
	switch {
	case status.IsRejected():
		c.early = append(c.early, Rejection{Plugin: status.Plugin(), Reason: reasonOf(status), Nodes: c.nodes})
	case status.IsSuccess() && !result.AllNodes():
		c.early = append(c.early, Rejection{
			Plugin: strings.Join(sets.List(plugins), ", "),
			Reason: "ruled out before filtering",
			Nodes:  max(0, c.nodes-result.NodeNames.Len()),
		})
	}
	return result, status, plugins
}

// GetNodeHint notes that scores are used again.
func (c *cycle) GetNodeHint(ctx context.Context, pod *v1.Pod, signature fwk.PodSignature, state fwk.CycleState, count int64) string {
	c.hint = c.Framework.GetNodeHint(ctx, pod, signature, state, count)
	return c.hint
}

// RunFilterPluginsWithNominatedPods notes a node that is filtered out.
func (c *cycle) RunFilterPluginsWithNominatedPods(ctx context.Context, state fwk.CycleState, pod *v1.Pod, info fwk.NodeInfo) *fwk.Status {
	status := c.Framework.RunFilterPluginsWithNominatedPods(ctx, state, pod, info)
	if status.IsSuccess() {
		return status
	}
	if i := int(c.outs.Add(1)) - 1; i < len(c.out) {
		c.out[i] = rejected{node: info.Node().Name, status: status}
	}
	return status
}

// RunScorePlugins keeps the scores until the cycle ends. Extenders add theirs
// to the same slice afterwards, and the scheduler reorders it in place.
func (c *cycle) RunScorePlugins(ctx context.Context, state fwk.CycleState, pod *v1.Pod, nodes []fwk.NodeInfo) ([]fwk.NodePluginScores, *fwk.Status) {
	scored, status := c.Framework.RunScorePlugins(ctx, state, pod, nodes)
	c.scored = scored
	return scored, status
}

// finish copies what must be read before the next cycle changes it.
func (c *cycle) finish(result scheduler.ScheduleResult, err error, now time.Time, lastPlugins []string, believe Believe) {
	e := &c.entry
	e.record = Record{
		Namespace:   c.pod.Namespace,
		Name:        c.pod.Name,
		UID:         string(c.pod.UID),
		Profile:     c.ProfileName(),
		At:          c.start,
		TookSeconds: now.Sub(c.start).Seconds(),
		Attempt:     c.attempt,
		Outcome:     Placed,
		Node:        result.SuggestedHost,
		Nodes:       c.nodes,
		Evaluated:   result.EvaluatedNodes,
		Feasible:    result.FeasibleNodes,
	}
	if err != nil {
		e.record.Outcome = outcomeOf(err)
		return
	}
	e.plugins, e.record.Candidates, e.scores = tabulate(c.scored, best(c.scored, result.SuggestedHost, maxCandidates), lastPlugins)
	if len(e.record.Candidates) == 0 {
		e.record.Candidates = []Candidate{{Node: result.SuggestedHost}}
	}
	if believe != nil {
		nodes := make([]string, len(e.record.Candidates))
		for i := range nodes {
			nodes[i] = e.record.Candidates[i].Node
		}
		c.beliefs = believe(c.pod, nodes)
	}
}

func outcomeOf(err error) Outcome {
	var fit *framework.FitError
	if errors.As(err, &fit) || errors.Is(err, scheduler.ErrNoNodesAvailable) {
		return Unschedulable
	}
	return Failed
}

// digest does the rest, away from the scheduling thread.
func (c *cycle) digest() entry {
	out := c.out[:min(int(c.outs.Load()), len(c.out))]
	e := c.entry
	e.record.Rejected = append(c.early, group(out)...)
	if c.beliefs != nil {
		for i, beliefs := range c.beliefs() {
			e.record.Candidates[i].Beliefs = beliefs
		}
	}
	if e.record.Evaluated == 0 {
		e.record.Evaluated = len(out)
	}
	if c.hint != "" && c.hint == e.record.Node {
		e.record.ReusedFrom = c.reusedFrom.String()
	}
	return e
}
