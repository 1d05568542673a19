package ledger

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2/ktesting"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/frag"
)

var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func newNode(name, allocatable, model string) *framework.NodeInfo {
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{modelLabel: model}},
		Status:     v1.NodeStatus{Allocatable: resources(allocatable)},
	}
	info := framework.NewNodeInfo()
	info.SetNode(node)
	return info
}

// gpuNode has four devices.
func gpuNode(name string, pods ...*v1.Pod) *framework.NodeInfo {
	info := newNode(name, "cpu=32 memory=64Gi pods=100 example.com/gpu=4", "A")
	put(info, pods...)
	return info
}

func put(info *framework.NodeInfo, pods ...*v1.Pod) {
	for _, pod := range pods {
		podInfo, err := framework.NewPodInfo(pod)
		if err != nil {
			panic(err)
		}
		info.AddPodInfo(podInfo)
	}
}

func remove(t *testing.T, info *framework.NodeInfo, pod *v1.Pod) {
	t.Helper()
	if err := info.RemovePod(ktesting.NewLogger(t, ktesting.NewConfig()), pod); err != nil {
		t.Fatal(err)
	}
}

func infos(list ...*framework.NodeInfo) []fwk.NodeInfo {
	out := make([]fwk.NodeInfo, len(list))
	for i, info := range list {
		out[i] = info
	}
	return out
}

// on is a pod that says what devices it has.
func on(devices string, pod *v1.Pod) *v1.Pod {
	pod = pod.DeepCopy()
	pod.Annotations[annotation] = devices
	return pod
}

// idle is what is left of the devices of a node.
func idle(t *testing.T, l *Ledger, name string) []int16 {
	t.Helper()
	i := l.Index(name)
	if i < 0 {
		t.Fatalf("there is no node %s", name)
	}
	n := &l.Nodes()[i]
	return n.Idle[:n.Count]
}

func wantIdle(t *testing.T, l *Ledger, name string, want ...int16) {
	t.Helper()
	if got := idle(t, l, name); !slices.Equal(got, want) {
		t.Errorf("the devices of %s have %v left, want %v", name, got, want)
	}
}

// present is what part of the demand asks for that many devices.
func present(l *Ledger, devices int32, now time.Time) (part float64) {
	for _, w := range l.Demand(now) {
		if w.Devices == devices {
			part += w.Weight
		}
	}
	return part
}

func TestSyncReadsNodes(t *testing.T) {
	l := newLedger()
	low, high := newPod("low", "cpu=2 memory=1Gi example.com/disk=1"), newPod("high", "cpu=1")
	low.Spec.Priority, high.Spec.Priority = new(int32(-7)), new(int32(9))
	full := newNode("full", "cpu=8 memory=4Gi example.com/disk=2", "")
	put(full, low, high)
	l.Sync(infos(full, newNode("empty", "cpu=1", "B"), newNode("bare", "", "")), start)
	want := frag.Node{Capacity: frag.Vector{8000, 4 << 30, 2}, Free: frag.Vector{5000, 3 << 30, 1}}
	if diff := cmp.Diff(want, l.Nodes()[0].Node); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := l.Nodes()[0].Lowest; got != -7 {
		t.Errorf("the lowest priority is %d", got)
	}
	if got := l.Nodes()[1]; got.Lowest != math.MaxInt32 || got.Model == 0 {
		t.Errorf("the empty node is %+v", got)
	}
	if l.Index("empty") != 1 || l.Index("nowhere") != -1 || l.Pods() != 2 || l.Changes() != 2 {
		t.Errorf("%d pods after %d changes", l.Pods(), l.Changes())
	}
}

func TestSyncFollowsTheNodes(t *testing.T) {
	share := on("2", newPod("share", "example.com/gpu-milli=300"))
	a, b, c := gpuNode("a"), gpuNode("b", share), gpuNode("c")
	for name, test := range map[string]struct {
		then   []fwk.NodeInfo
		pods   int
		reason string
	}{
		"the same":         {infos(a, b, c), 1, ""},
		"reordered":        {infos(c, b, a), 1, "the pod stays on its node"},
		"rotated":          {infos(b, c, a), 1, "the pod stays on its node"},
		"one more":         {infos(a, gpuNode("d"), b, c), 1, ""},
		"one less":         {infos(b, c), 1, ""},
		"its node gone":    {infos(a, c), 0, "it is gone with its node"},
		"its node another": {infos(a, gpuNode("d"), c), 0, "as many nodes as before"},
		"all others":       {infos(gpuNode("x"), b), 1, ""},
		"none":             {nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			l.Sync(infos(a, b, c), start)
			l.Sync(test.then, start)
			if l.Pods() != test.pods {
				t.Errorf("%d pods, want %d: %s", l.Pods(), test.pods, test.reason)
			}
			sameAsNew(t, l, test.then)
			l.Sync(infos(a, b, c), start)
			sameAsNew(t, l, infos(a, b, c))
		})
	}
}

// sameAsNew compares with a ledger that has seen nothing before.
func sameAsNew(t *testing.T, l *Ledger, snapshot []fwk.NodeInfo) {
	t.Helper()
	other := newLedger()
	other.models = l.models
	other.Sync(snapshot, start)
	if len(l.Nodes()) != len(snapshot) || l.Pods() < other.Pods() {
		t.Fatalf("%d nodes and %d pods, want %d and %d", len(l.Nodes()), l.Pods(), len(snapshot), other.Pods())
	}
	for i := range l.Nodes() {
		got, want := &l.Nodes()[i], &other.Nodes()[i]
		if diff := cmp.Diff(want.Node, got.Node); diff != "" || got.Name != want.Name || got.Lowest != want.Lowest {
			t.Errorf("%s is not %s as read anew (-want +got):\n%s", got.Name, want.Name, diff)
		}
		if l.Index(got.Name) != i {
			t.Errorf("%s is at %d, not at %d", got.Name, l.Index(got.Name), i)
		}
	}
}

// counted counts how often its pods are asked for.
type counted struct {
	*framework.NodeInfo
	reads *int
}

func (c counted) GetPods() []fwk.PodInfo {
	*c.reads++
	return c.NodeInfo.GetPods()
}

func TestSyncReadsOnlyWhatChanged(t *testing.T) {
	reads := 0
	var list []fwk.NodeInfo
	for i := range 10 {
		list = append(list, counted{gpuNode(fmt.Sprint("n", i)), &reads})
	}
	l := newLedger()
	synced := func(because string, want bool) {
		t.Helper()
		reads = 0
		if l.Sync(list, start); (reads > 0) != want {
			t.Errorf("pods were read %d times %s", reads, because)
		}
	}
	synced("at first", true)
	versions := map[string]uint64{}
	for _, n := range l.Nodes() {
		versions[n.Name] = n.Version
	}
	synced("though nothing changed", false)
	slices.Reverse(list)
	synced("though only the order changed", false)
	changed, _ := list[3].(counted)
	put(changed.NodeInfo, newPod("p", "cpu=1"))
	synced("of a changed node", true)
	for _, n := range l.Nodes() {
		if (n.Version != versions[n.Name]) != (n.Name == changed.Node().Name) {
			t.Errorf("the version of %s went from %d to %d", n.Name, versions[n.Name], n.Version)
		}
	}
	list = list[1:]
	synced("though only a node went", false)
}

func TestPodsComeAndGo(t *testing.T) {
	l := newLedger()
	a := gpuNode("a")
	l.Sync(infos(a), start)
	two := newPod("two", "example.com/gpu=2")
	put(a, on("1,3", two))
	l.Sync(infos(a), start)
	wantIdle(t, l, "a", 1000, 0, 1000, 0)
	if present(l, 2, start) != 1 {
		t.Error("nobody asks for two devices")
	}
	remove(t, a, two)
	l.Sync(infos(a), start)
	wantIdle(t, l, "a", 1000, 1000, 1000, 1000)
	put(a, newPod("one", "example.com/gpu=1"))
	l.Sync(infos(a), start.Add(time.Hour))
	if got := present(l, 2, start.Add(time.Hour)); math.Abs(got-1./3) > 1e-9 {
		t.Errorf("after a half-life a pod that went is %v of the demand", got)
	}
	if l.Pods() != 1 || l.Changes() != 3 {
		t.Errorf("%d pods after %d changes", l.Pods(), l.Changes())
	}
}

// TestPodsMove has a pod turn up elsewhere: for a profile that did not schedule it, between two of its own cycles.
func TestPodsMove(t *testing.T) {
	for name, order := range map[string]bool{"to a later node": false, "to an earlier one": true} {
		for _, change := range []string{"", "reordered", "one less"} {
			t.Run(name+" "+change, func(t *testing.T) {
				pod := newPod("p", "example.com/gpu=2")
				from, to, other := gpuNode("from", pod), gpuNode("to"), gpuNode("other")
				list := infos(from, other, to)
				if order {
					slices.Reverse(list)
				}
				l := newLedger()
				l.Sync(list, start)
				if err := l.Reserve(pod.UID, 0b1100); err != nil {
					t.Fatal(err)
				}
				remove(t, from, pod)
				put(to, pod)
				put(from, newPod("q", "cpu=1"))
				switch change {
				case "reordered":
					list[1], list[2] = list[2], list[1]
				case "one less":
					list = slices.DeleteFunc(list, func(n fwk.NodeInfo) bool { return n.Node().Name == "from" })
				}
				l.Sync(list, start)
				wantIdle(t, l, "to", 1000, 1000, 0, 0)
				if got := l.Devices(pod.UID); got != 0b1100 {
					t.Errorf("it has devices %b", got)
				}
				if got := present(l, 2, start); got != 1 && got != 0.5 {
					t.Errorf("it is %v of the demand", got)
				}
				slices.Reverse(list)
				l.Sync(list, start)
				remove(t, to, pod)
				l.Sync(list, start)
				wantIdle(t, l, "to", 1000, 1000, 1000, 1000)
			})
		}
	}
}

func TestDevicesThatPodsSay(t *testing.T) {
	for name, test := range map[string]struct {
		pods   []*v1.Pod
		idle   []int16
		reason string
	}{
		"shares":        {[]*v1.Pod{on("1", newPod("a", "example.com/gpu-milli=300")), on("1", newPod("b", "example.com/gpu-milli=500"))}, []int16{1000, 200, 1000, 1000}, ""},
		"whole":         {[]*v1.Pod{on("1,2", newPod("a", "example.com/gpu=2"))}, []int16{1000, 0, 0, 1000}, ""},
		"no devices":    {[]*v1.Pod{on("1", newPod("a", "cpu=1"))}, []int16{1000, 1000, 1000, 1000}, "it asks for none"},
		"too many":      {[]*v1.Pod{on("1,2", newPod("a", "example.com/gpu=1"))}, []int16{0, 1000, 1000, 1000}, "it asks for one: guessed"},
		"beyond":        {[]*v1.Pod{on("4", newPod("a", "example.com/gpu=1"))}, []int16{0, 1000, 1000, 1000}, "there is no such device: guessed"},
		"nonsense":      {[]*v1.Pod{on("x", newPod("a", "example.com/gpu=1"))}, []int16{0, 1000, 1000, 1000}, "guessed"},
		"said by two":   {[]*v1.Pod{on("1", newPod("a", "example.com/gpu=1")), on("1", newPod("b", "example.com/gpu=1"))}, []int16{1000, 0, 1000, 1000}, "nothing is less than none"},
		"around others": {[]*v1.Pod{newPod("a", "example.com/gpu=2"), on("1", newPod("b", "example.com/gpu-milli=1"))}, []int16{0, 999, 0, 1000}, "who says counts first"},
		"too much": {[]*v1.Pod{newPod("a", "example.com/gpu=3"), newPod("b", "example.com/gpu=3")}, []int16{0, 0, 0, 0},
			"another scheduler put more than fits: what there is is gone"},
		"a little too much": {[]*v1.Pod{
			on("0", newPod("a", "example.com/gpu-milli=600")), on("1", newPod("b", "example.com/gpu-milli=600")),
			on("2", newPod("c", "example.com/gpu-milli=600")), on("3", newPod("d", "example.com/gpu-milli=600")),
			newPod("e", "example.com/gpu-milli=700"),
		}, []int16{0, 100, 400, 400}, "none has 700 left: it has been taken from some"},
		"unreadable": {[]*v1.Pod{newPod("a", "example.com/gpu=1 example.com/gpu-milli=500")}, []int16{1000, 1000, 1000, 1000}, "nobody knows what it has"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			l.Sync(infos(gpuNode("n", test.pods...)), start)
			if got := idle(t, l, "n"); !slices.Equal(got, test.idle) {
				t.Errorf("devices have %v left, want %v: %s", got, test.idle, test.reason)
			}
		})
	}
}

// TestGuessesDoNotDependOnOrder has the pods of a node listed in other orders, as after a restart.
func TestGuessesDoNotDependOnOrder(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var pods []*v1.Pod
		for i := range 1 + r.IntN(8) {
			requests := fmt.Sprintf("example.com/gpu-milli=%d", 100*(1+r.IntN(9)))
			if r.IntN(3) == 0 {
				requests = fmt.Sprintf("example.com/gpu=%d", 1+r.IntN(3))
			}
			pods = append(pods, newPod(fmt.Sprint("p", i), requests))
		}
		read := func() frag.Node {
			r.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
			l := newLedger()
			l.Sync(infos(gpuNode("n", pods...)), start)
			return l.Nodes()[0].Node
		}
		if diff := cmp.Diff(read(), read()); diff != "" {
			t.Fatalf("with seed %d:\n%s", seed, diff)
		}
	}
}

func TestAnnotationsThatComeLater(t *testing.T) {
	l := newLedger()
	pod := newPod("p", "example.com/gpu=1")
	a := gpuNode("a", pod)
	say := func(devices string) {
		remove(t, a, pod)
		put(a, on(devices, pod))
		l.Sync(infos(a), start)
	}
	l.Sync(infos(a), start)
	wantIdle(t, l, "a", 0, 1000, 1000, 1000)
	say("2") // as the profile that scheduled it has written meanwhile
	wantIdle(t, l, "a", 1000, 1000, 0, 1000)
	say("nonsense")
	wantIdle(t, l, "a", 1000, 1000, 0, 1000)
	say("3")
	wantIdle(t, l, "a", 1000, 1000, 1000, 0)
	if l.Changes() != 1 {
		t.Errorf("%d changes", l.Changes())
	}
}

// TestReservationIsNewerThanTheAnnotation has a pod be tried again whose binding failed after its devices had
// been written.
func TestReservationIsNewerThanTheAnnotation(t *testing.T) {
	l := newLedger()
	a := gpuNode("a")
	l.Sync(infos(a), start)
	pod := on("0", newPod("p", "example.com/gpu=1"))
	if _, err := l.Try(pod, start); err != nil {
		t.Fatal(err)
	}
	if err := l.Reserve(pod.UID, 0b100); err != nil {
		t.Fatal(err)
	}
	put(a, pod)
	l.Sync(infos(a), start)
	wantIdle(t, l, "a", 1000, 1000, 0, 1000)
}

func TestReserveAndUnreserve(t *testing.T) {
	l := newLedger()
	a := gpuNode("a")
	l.Sync(infos(a), start)
	pod := newPod("p", "example.com/gpu=1")
	if err := l.Reserve(pod.UID, 1); err == nil {
		t.Error("devices were reserved for a pod that nobody knows")
	}
	l.Unreserve(pod.UID)
	shape, err := l.Try(pod, start)
	if err != nil || shape.Devices != 1 {
		t.Fatalf("it asks for %+v, %v", shape, err)
	}
	for range 3 {
		if err := l.Reserve(pod.UID, 0b1000); err != nil {
			t.Fatal(err)
		}
		put(a, pod)
		l.Sync(infos(a), start)
		wantIdle(t, l, "a", 1000, 1000, 1000, 0)
		l.Unreserve(pod.UID)
		remove(t, a, pod)
		l.Sync(infos(a), start)
		wantIdle(t, l, "a", 1000, 1000, 1000, 1000)
		if _, err := l.Try(pod, start); err != nil || l.Devices(pod.UID) != 0 {
			t.Fatalf("it has devices %b, %v", l.Devices(pod.UID), err)
		}
	}
	if l.Changes() != 1 || l.Pods() != 1 {
		t.Errorf("a pod whose binding failed is counted as %d changes", l.Changes())
	}
	put(a, pod)
	l.Sync(infos(a), start)
	remove(t, a, pod)
	l.Sync(infos(a), start)
	if l.Pods() != 0 {
		t.Error("a pod that was deleted is still there")
	}
}

func TestWaitingPodsAreSwept(t *testing.T) {
	l := newLedger()
	waits, tries := newPod("waits", "example.com/gpu=1"), newPod("tries", "example.com/gpu=2")
	placed := newPod("placed", "cpu=1")
	l.Sync(infos(gpuNode("a", placed)), start)
	for _, pod := range []*v1.Pod{waits, tries} {
		if _, err := l.Try(pod, start); err != nil {
			t.Fatal(err)
		}
	}
	l.Sweep(start.Add(patience))
	if l.Pods() != 3 {
		t.Fatalf("%d pods, want 3", l.Pods())
	}
	if _, err := l.Try(tries, start.Add(patience)); err != nil {
		t.Fatal(err)
	}
	l.Sweep(start.Add(patience + time.Second))
	if l.Pods() != 2 || l.Changes() != 4 {
		t.Errorf("%d pods after %d changes, want 2 after 4", l.Pods(), l.Changes())
	}
	l.Sweep(start.Add(3 * patience))
	if l.Pods() != 1 {
		t.Errorf("%d pods, want the one that has a node", l.Pods())
	}
}

func TestTryReadsWhatAPodAsksForNow(t *testing.T) {
	l := newLedger()
	pod := newPod("p", "cpu=8 example.com/gpu=1")
	if _, err := l.Try(pod, start); err != nil {
		t.Fatal(err)
	}
	smaller := newPod("p", "cpu=2 example.com/gpu=1")
	shape, err := l.Try(smaller, start)
	if err != nil || shape.Request[frag.CPU] != 2000 {
		t.Errorf("it asks for %+v, %v, since it was scaled down", shape, err)
	}
	if l.Pods() != 1 {
		t.Errorf("it is %d pods", l.Pods())
	}
	if _, err := l.Try(newPod("q", "example.com/gpu-milli=1500"), start); err == nil || l.Pods() != 1 {
		t.Errorf("a pod that asks for nonsense is one of %d: %v", l.Pods(), err)
	}
}

func TestRestart(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		l := newLedger()
		nodes := []*framework.NodeInfo{gpuNode("a"), gpuNode("b"), gpuNode("c")}
		placed := map[*v1.Pod]*framework.NodeInfo{}
		for i := range 40 {
			l.Sync(infos(nodes...), start)
			for pod, node := range placed {
				if r.IntN(4) == 0 {
					remove(t, node, pod)
					delete(placed, pod)
				}
			}
			l.Sync(infos(nodes...), start)
			pod := newPod(fmt.Sprint("p", i), fmt.Sprintf("cpu=1 example.com/gpu-milli=%d", 100*(1+r.IntN(9))))
			if r.IntN(3) == 0 {
				pod = newPod(fmt.Sprint("p", i), fmt.Sprintf("cpu=1 example.com/gpu=%d", 1+r.IntN(3)))
			}
			shape, err := l.Try(pod, start)
			if err != nil {
				t.Fatal(err)
			}
			at := r.IntN(3)
			devices, ok := l.Nodes()[at].Tightest(shape)
			if !ok {
				continue
			}
			if err := l.Reserve(pod.UID, devices); err != nil {
				t.Fatal(err)
			}
			pod = on(FormatDevices(devices), pod)
			put(nodes[at], pod)
			placed[pod] = nodes[at]
		}
		r.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		l.Sync(infos(nodes...), start)
		sameAsNew(t, l, infos(nodes...))
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func TestNodesThatShrink(t *testing.T) {
	a := gpuNode("a", on("3", newPod("p", "cpu=16 example.com/gpu=1")), on("0", newPod("q", "example.com/gpu-milli=300")))
	l := newLedger()
	l.Sync(infos(a), start)
	wantIdle(t, l, "a", 700, 1000, 1000, 0)
	node := a.Node().DeepCopy()
	node.Status.Allocatable = resources("cpu=8 memory=64Gi example.com/gpu=2")
	a.SetNode(node)
	l.Sync(infos(a), start)
	wantIdle(t, l, "a", 700, 0) // the pod that had the fourth has some other
	if got := l.Nodes()[0].Free[frag.CPU]; got != -8000 {
		t.Errorf("there are %d thousandths of CPU left", got)
	}
	s := frag.Shape{Request: frag.Vector{frag.CPU: 1}}
	if n := &l.Nodes()[0]; n.Fits(&s) || n.Copies(&s) != 0 {
		t.Error("there is room on a node that has too much")
	}
	node = node.DeepCopy()
	node.Status.Allocatable = resources("cpu=8")
	a.SetNode(node)
	l.Sync(infos(a), start)
	wantIdle(t, l, "a")
}

// TestTrialsLeaveNoTrace reads a node as preemption does: without some of its pods, and with some that are
// nowhere yet.
func TestTrialsLeaveNoTrace(t *testing.T) {
	l := newLedger()
	pod := on("0", newPod("p", "example.com/gpu=1"))
	a := gpuNode("a", pod)
	l.Sync(infos(a), start)
	if l.Look(a) == nil || l.Look(gpuNode("b")) != nil {
		t.Error("the node of the snapshot is known, another is not")
	}
	trial := a.Snapshot()
	remove(t, trialInfo(t, trial), pod)
	if l.Look(trial) != nil {
		t.Error("a node with a pod less is not as it was")
	}
	if n := l.Read(trial); n.Whole() != 4 {
		t.Errorf("%d devices are whole without the pod", n.Whole())
	}
	put(trialInfo(t, trial), newPod("nominated", "example.com/gpu=3"))
	if n := l.Read(trial); n.Whole() != 1 {
		t.Errorf("%d devices are whole with the nominated pod", n.Whole())
	}
	if l.Pods() != 1 || l.Changes() != 1 || present(l, 3, start) != 0 {
		t.Errorf("the trial left %d pods after %d changes", l.Pods(), l.Changes())
	}
	wantIdle(t, l, "a", 0, 1000, 1000, 1000)
}

func trialInfo(t *testing.T, info fwk.NodeInfo) *framework.NodeInfo {
	t.Helper()
	out, ok := info.(*framework.NodeInfo)
	if !ok {
		t.Fatalf("got a %T", info)
	}
	return out
}

func TestTell(t *testing.T) {
	l := newLedger()
	l.Sync(infos(gpuNode("a", newPod("p", "example.com/gpu=1"))), start)
	l.Tell([]*v1.Pod{newPod("x", "example.com/gpu=2"), newPod("y", "example.com/gpu-milli=1500")})
	if got := l.Demand(start); len(got) != 1 || got[0].Devices != 2 || got[0].Weight != 1 {
		t.Errorf("told of pods of two devices, the demand is %v", got)
	}
	l.Tell(nil)
	if present(l, 1, start) != 1 {
		t.Error("told nothing, it does not learn")
	}
}

func TestPodsWithoutUID(t *testing.T) {
	a, b := gpuNode("a"), gpuNode("b")
	pod := newPod("p", "cpu=1")
	pod.UID = types.UID("")
	put(a, pod)
	put(b, pod)
	l := newLedger()
	for range 3 {
		l.Sync(infos(a, b), start)
		l.Sync(infos(b), start)
		l.Sync(infos(gpuNode("b"), gpuNode("a")), start)
	}
	if l.Pods() != 0 {
		t.Errorf("%d pods are left", l.Pods())
	}
}

func BenchmarkSync(b *testing.B) {
	var nodes []*framework.NodeInfo
	for i := range 5000 {
		n := gpuNode(fmt.Sprint("n", i))
		for j := range 10 {
			put(n, newPod(fmt.Sprint("p", i, "-", j), "cpu=1 example.com/gpu-milli=300"))
		}
		nodes = append(nodes, n)
	}
	list := infos(nodes...)
	l := newLedger()
	l.Sync(list, start)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		put(nodes[i%5000], newPod(fmt.Sprint("q", i), "cpu=1"))
		l.Sync(list, start)
	}
}
