package replay

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// clusterOf is a cluster that has just these objects. Nothing runs: the stores
// are filled by hand.
func clusterOf(t *testing.T, assign func(*corev1.Pod) (Curve, bool), nodes []*corev1.Node, pods []*corev1.Pod) *cluster {
	t.Helper()
	core := informers.NewSharedInformerFactory(fake.NewClientset(), 0).Core().V1()
	for _, node := range nodes {
		if err := core.Nodes().Informer().GetStore().Add(node); err != nil {
			t.Fatal(err)
		}
	}
	for _, pod := range pods {
		if err := core.Pods().Informer().GetStore().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	return &cluster{pods: core.Pods().Lister(), nodes: core.Nodes().Lister(), assign: assign}
}

func TestLook(t *testing.T) {
	node := apiNode("n", "16", "15500m")
	pod := apiPod("a", "n", corev1.PodRunning)
	c := clusterOf(t, always(Constant(1)), []*corev1.Node{node}, []*corev1.Pod{pod, apiPod("b", "n", corev1.PodFailed)})
	players, machines, err := c.look()
	if err != nil {
		t.Fatal(err)
	}
	wantPlayers := []player{{
		UID: "uid-a", Namespace: "shop", Name: "a", Container: "main", Node: "n",
		Labels: map[string]string{"app": "a"}, MemoryBytes: 2 << 30, Curve: Constant(1),
	}}
	if diff := cmp.Diff(wantPlayers, players); diff != "" {
		t.Errorf("players (-want +got):\n%s", diff)
	}
	wantMachines := []machine{{
		Name: "n", Labels: map[string]string{"zone": "z-n"}, CPUs: 16, AllocatableCores: 15.5, MemoryBytes: 8 << 30,
	}}
	if diff := cmp.Diff(wantMachines, machines); diff != "" {
		t.Errorf("machines (-want +got):\n%s", diff)
	}
}

func TestLookAtOddObjects(t *testing.T) {
	bare := apiNode("bare", "1", "1")
	bare.Status = corev1.NodeStatus{}
	fraction := apiNode("fraction", "1500m", "1")
	empty := apiPod("empty", "bare", corev1.PodRunning)
	empty.Spec.Containers = nil
	helped := apiPod("helped", "bare", corev1.PodRunning)
	helped.Spec.InitContainers = []corev1.Container{{
		Name: "big", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"memory": resource.MustParse("5Gi")}},
	}}
	c := clusterOf(t, always(Constant(1)), []*corev1.Node{bare, fraction}, []*corev1.Pod{empty, helped})
	players, machines, err := c.look()
	if err != nil {
		t.Fatal(err)
	}
	bytes := map[string]int64{}
	for _, p := range players {
		bytes[p.Name] = p.MemoryBytes
	}
	// What the scheduler counts for the pod: the biggest init container, too.
	if diff := cmp.Diff(map[string]int64{"empty": 0, "helped": 5 << 30}, bytes); diff != "" {
		t.Errorf("bytes by pod (-want +got):\n%s", diff)
	}
	cpus := map[string]int{}
	for _, m := range machines {
		cpus[m.Name] = m.CPUs
	}
	if diff := cmp.Diff(map[string]int{"bare": 0, "fraction": 2}, cpus); diff != "" {
		t.Errorf("CPUs by node (-want +got):\n%s", diff)
	}
}

func TestLookForgetsPodsThatAreGone(t *testing.T) {
	pod := apiPod("a", "n", corev1.PodRunning)
	c := clusterOf(t, always(Constant(1)), []*corev1.Node{apiNode("n", "1", "1")}, []*corev1.Pod{pod})
	if _, _, err := c.look(); err != nil || len(c.parts) != 1 {
		t.Fatalf("remembers %v, error %v", c.parts, err)
	}
	c.pods = clusterOf(t, nil, nil, nil).pods
	if _, _, err := c.look(); err != nil || len(c.parts) != 0 {
		t.Errorf("remembers %v of a pod that is gone, error %v", c.parts, err)
	}
}
