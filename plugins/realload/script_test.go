package realload

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// TestScripts plays the clusters of testdata. Commands:
//
//	args                           the plugin's arguments, in YAML
//	node NAME… cpu= memory= [pool=] [taint=]
//	usage node=N|pod=P|workload=W [stat=mean|deviation|p95|peak|capacity] [age=] cpu= memory= network= disk=
//	refresh                        the source is read, the view made anew
//	advance DURATION               time passes, the view is made anew
//	run NAME… on= [cpu=] [memory=] [for=]   pods that are there already
//	schedule NAME… [cpu=] [memory=] [pool=] [priority=] [toleration=] [since=]
//	try …                          the same, but places nothing
//	delete NAME…
//	woken                          the pods that were activated
//	why POD NODE                   what the plugin says of a node
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		c := newCluster(t, "")
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "args" {
				c = newCluster(t, d.Input)
				return ""
			}
			return c.play(t, d)
		})
	})
}

func (c *cluster) play(t *testing.T, d *datadriven.TestData) string {
	c.t, c.ctx = t, t.Context()
	switch d.Cmd {
	case "node":
		for _, name := range names(d) {
			c.addNode(scriptedNode(d, name))
		}
	case "usage":
		c.scriptedUsage(d)
	case "refresh":
		c.refresh()
	case "advance":
		c.clock.Step(must(time.ParseDuration(d.CmdArgs[0].Key)))
		c.refresh()
	case "run":
		c.scriptedRun(d)
	case "schedule", "try":
		return c.scriptedSchedule(d)
	case "delete":
		for _, name := range names(d) {
			c.delete(name)
		}
		c.plugin.wake(c.ctx)
	case "woken":
		return strings.Join(c.handle.woken(), "\n")
	case "why":
		return c.scriptedWhy(d)
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	return ""
}

// names are the arguments without a value.
func names(d *datadriven.TestData) []string {
	var out []string
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			out = append(out, a.Key)
		}
	}
	return out
}

func arg(d *datadriven.TestData, key, otherwise string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) > 0 {
			return a.Vals[0]
		}
	}
	return otherwise
}

func scriptedNode(d *datadriven.TestData, name string) *v1.Node {
	node := machine(name, arg(d, "cpu", "10"), arg(d, "memory", "64Gi"))
	node.Labels["pool"] = arg(d, "pool", "general")
	if taint := arg(d, "taint", ""); taint != "" {
		node.Spec.Taints = []v1.Taint{{Key: taint, Effect: v1.TaintEffectNoSchedule}}
	}
	node.Spec.Unschedulable = arg(d, "cordoned", "") != ""
	return node
}

func (c *cluster) scriptedUsage(d *datadriven.TestData) {
	statistic := map[string]usage.Statistic{
		"mean": usage.Mean, "deviation": usage.Deviation, "p95": usage.P95, "peak": usage.Peak, "capacity": usage.Capacity,
	}[arg(d, "stat", "mean")]
	at := c.clock.Now().Add(-must(time.ParseDuration(arg(d, "age", "0s"))))
	for dim := range usage.Dimension(usage.Dimensions) {
		text := arg(d, dim.String(), "")
		if text == "" {
			continue
		}
		value, err := strconv.ParseFloat(text, 64) // reads NaN too
		if err != nil {
			quantity := must(resource.ParseQuantity(text))
			value = quantity.AsApproximateFloat64()
		}
		switch {
		case arg(d, "node", "") != "":
			c.builder.Node(arg(d, "node", ""), dim, statistic, value, at)
		case arg(d, "pod", "") != "":
			c.builder.Pod("ns", arg(d, "pod", ""), dim, statistic, value, at)
		default:
			c.builder.Workload(usage.Workload{Namespace: "ns", Name: arg(d, "workload", "")}, dim, statistic, value, at)
		}
	}
}

func (c *cluster) scriptedRun(d *datadriven.TestData) {
	for _, name := range names(d) {
		pod := task(name, arg(d, "cpu", ""), arg(d, "memory", ""))
		pod = c.bind(pod, arg(d, "on", ""))
		started := metav1.NewTime(c.clock.Now().Add(-must(time.ParseDuration(arg(d, "for", "1h")))))
		pod.Status.StartTime = &started
		c.plugin.podChanged(pod)
	}
}

func (c *cluster) scriptedSchedule(d *datadriven.TestData) string {
	var b strings.Builder
	for _, name := range names(d) {
		pod := task(name, arg(d, "cpu", ""), arg(d, "memory", ""))
		priority := int32(must(strconv.Atoi(arg(d, "priority", "0"))))
		pod.Spec.Priority = &priority
		if pool := arg(d, "pool", ""); pool != "" {
			pod.Spec.NodeSelector = map[string]string{"pool": pool}
		}
		if key := arg(d, "toleration", ""); key != "" {
			pod.Spec.Tolerations = []v1.Toleration{{Key: key, Operator: v1.TolerationOpExists}}
		}
		pod.CreationTimestamp = metav1.NewTime(c.clock.Now().Add(-must(time.ParseDuration(arg(d, "since", "0s")))))
		if d.Cmd == "try" {
			fmt.Fprintf(&b, "%s:\n%s", name, c.cycle(pod))
		} else {
			fmt.Fprintf(&b, "%s:\n%s", name, c.schedule(pod))
		}
	}
	return b.String()
}

func (c *cluster) scriptedWhy(d *datadriven.TestData) string {
	list := names(d)
	e := c.plugin.Explain(task(list[0], arg(d, "cpu", ""), arg(d, "memory", "")), list[1])
	var b strings.Builder
	fmt.Fprintf(&b, "score %d, load %.2f, room %.1f, refused: %q\n", e.Score, e.Load, e.Room, e.Refused)
	for _, x := range e.Dimensions {
		if x.Capacity > 0 {
			fmt.Fprintf(&b, "%s: believed %.4g of %.4g with confidence %.2f, pod %.4g from %s\n",
				x.Dimension, x.Believed, x.Capacity, x.Confidence, x.Pod, x.PodFrom)
		}
	}
	return b.String()
}
