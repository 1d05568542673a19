package packing

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/churn"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/report/plot"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// OverTime is an experiment in which pods come and go as their trace says. Nodes are left out at random until the
// pods ask, at the fullest moment, for Full times the GPUs.
type OverTime struct {
	Nodes    []*v1.Node
	Pods     []trace.Pod
	Policies []string
	Seed     int64
	Full     float64
	// Done is called after each run, by one thread at a time; nil: by none.
	Done func()
}

// Moment is how a cluster was at a time. Parts are of all GPUs.
type Moment struct {
	At             time.Duration
	Idle, Stranded float64
	Waiting        int
}

// samples is how many moments are kept of a run.
const samples = 500

// Run plays the pods with each policy, and returns what it saw, by policy.
func (o *OverTime) Run(ctx context.Context) ([][]Moment, error) {
	nodes, err := o.cut()
	if err != nil {
		return nil, err
	}
	runs := make([][]Moment, len(o.Policies))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var telling sync.Mutex
	for i, name := range o.Policies {
		group.Go(func() error {
			run, err := o.play(ctx, name, nodes)
			if err != nil {
				return fmt.Errorf("playing %q over time: %w", name, err)
			}
			runs[i] = run
			telling.Lock()
			defer telling.Unlock()
			if o.Done != nil {
				o.Done()
			}
			return nil
		})
	}
	return runs, group.Wait()
}

// cut leaves out nodes.
func (o *OverTime) cut() ([]*v1.Node, error) {
	most, now := int64(0), int64(0)
	type change struct {
		at    time.Duration
		milli int64
	}
	var changes []change
	for i := range o.Pods {
		milli := trace.PodGPUMilli(o.Pods[i].Object)
		changes = append(changes, change{o.Pods[i].Arrival, milli})
		if o.Pods[i].Departure > 0 {
			changes = append(changes, change{o.Pods[i].Departure, -milli})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return int(a.at - b.at) })
	for _, c := range changes {
		now += c.milli
		most = max(most, now)
	}
	nodes := slices.Clone(o.Nodes)
	rand.New(rand.NewPCG(uint64(o.Seed), 1)).Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	kept, milli := 0, int64(0)
	for kept < len(nodes) && float64(milli)*o.Full < float64(most) {
		milli += trace.NodeGPUMilli(nodes[kept])
		kept++
	}
	if milli == 0 {
		return nil, errors.New("playing over time: the pods ask for no GPUs, or the nodes have none")
	}
	return nodes[:kept], nil
}

func (o *OverTime) play(ctx context.Context, name string, nodes []*v1.Node) ([]Moment, error) {
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	pods := make([]*v1.Pod, len(o.Pods))
	for i := range pods {
		pods[i] = o.Pods[i].Object
	}
	p, err := policy.New(name, &policy.Setting{Seed: o.Seed, Clock: clock, Workload: pods, Order: names})
	if err != nil {
		return nil, err
	}
	cluster, err := simulator.NewCluster(ctx, p, nodes, 1)
	if err != nil {
		return nil, err
	}
	defer cluster.Close()
	var moments []Moment
	all, end := float64(offered(nodes))/wholeGPU, o.end()
	player := churn.Player{Cluster: cluster, Clock: clock, Pods: o.Pods, Moment: func(at time.Duration, waiting int) {
		if last := len(moments) - 1; last >= 0 && at-moments[last].At < end/samples {
			return
		}
		idle, stranded := p.Stranded()
		moments = append(moments, Moment{At: at, Idle: idle / all, Stranded: stranded / all, Waiting: waiting})
	}}
	return moments, player.Play(ctx, o.Seed)
}

func (o *OverTime) end() (end time.Duration) {
	for i := range o.Pods {
		end = max(end, o.Pods[i].Arrival, o.Pods[i].Departure)
	}
	return end
}

// Document reports runs, which are those of the experiment, in its order.
func (o *OverTime) Document(runs [][]Moment) *report.Document {
	table := report.Table{Caption: "Means over the moments at which something happened", Columns: []report.Column{
		{Name: "Policy"}, {Name: "GPUs idle", Unit: "%", Align: report.Right}, {Name: "GPUs stranded", Unit: "%", Align: report.Right},
		{Name: "Pods waiting", Align: report.Right}, {Name: "at most", Align: report.Right},
	}}
	lines := plot.Lines{Title: "Stranded GPUs over time", XLabel: "day", YLabel: "GPUs stranded (%)"}
	for i, name := range o.Policies {
		s := plot.Series{Name: name}
		var idle, stranded, waiting float64
		most, count := 0, float64(max(len(runs[i]), 1))
		for _, m := range runs[i] {
			s.X, s.Y = append(s.X, m.At.Hours()/24), append(s.Y, 100*m.Stranded)
			idle, stranded, waiting = idle+m.Idle/count, stranded+m.Stranded/count, waiting+float64(m.Waiting)/count
			most = max(most, m.Waiting)
		}
		lines.Series = append(lines.Series, s)
		table.Rows = append(table.Rows, []string{
			name, fmt.Sprintf("%.2f", 100*idle), fmt.Sprintf("%.2f", 100*stranded), fmt.Sprintf("%.1f", waiting), strconv.Itoa(most),
		})
	}
	return &report.Document{
		Title: "Packing over time",
		Summary: "How many GPUs are stranded, idle where the average pod that wants some cannot use them, while pods come and go " +
			"as their trace says. Those that find no place wait.",
		Facts: []report.Fact{
			{Label: "Seed", Value: strconv.FormatInt(o.Seed, 10)}, {Label: "Asked for at the fullest moment", Value: fmt.Sprintf("%g times all GPUs", o.Full)},
		},
		Sections: []report.Section{{Title: "Policies", Blocks: []report.Block{table, lines}}},
	}
}

// WriteMoments writes runs as CSV.
func (o *OverTime) WriteMoments(w io.Writer, runs [][]Moment) error {
	rows := [][]string{{"sc_policy", "seed", "seconds", "idle", "stranded", "waiting"}}
	part := func(of float64) string { return strconv.FormatFloat(of, 'f', 5, 64) }
	for i, name := range o.Policies {
		for _, m := range runs[i] {
			rows = append(rows, []string{
				name, strconv.FormatInt(o.Seed, 10), strconv.FormatFloat(m.At.Seconds(), 'f', 0, 64), part(m.Idle), part(m.Stranded), strconv.Itoa(m.Waiting),
			})
		}
	}
	if err := csv.NewWriter(w).WriteAll(rows); err != nil {
		return fmt.Errorf("writing moments: %w", err)
	}
	return nil
}
