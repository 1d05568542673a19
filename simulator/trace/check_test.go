package trace

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func runningOn(node string, pods []Pod) []Pod {
	for i := range pods {
		pods[i].Object.Spec.NodeName = node
	}
	return pods
}

func TestValidate(t *testing.T) {
	twice := append(podsOf(0), podsOf(0)...)
	tests := map[string]struct {
		workload Workload
		want     []string // none: it is valid
	}{
		"nothing":            {Workload{}, nil},
		"nodes and pods":     {Workload{Nodes: gpuNodes(1, 2), Pods: podsOf(1, 2)}, nil},
		"a node twice":       {Workload{Nodes: append(gpuNodes(1), gpuNodes(1)...)}, []string{`node "n0" comes twice: names must differ`}},
		"a pod twice":        {Workload{Pods: twice}, []string{`pod "default/a0" comes twice: names must differ, give one of the lists a prefix`}},
		"a pod that runs":    {Workload{Nodes: gpuNodes(1), Pods: runningOn("n0", podsOf(1))}, nil},
		"a pod on no node":   {Workload{Nodes: gpuNodes(1), Pods: runningOn("n7", podsOf(1))}, []string{`pod "default/a0" runs on node "n7", which is not there: save nodes and pods together`}},
		"an event":           {Workload{Nodes: gpuNodes(1), Events: []Event{{Kind: Drain, Nodes: []string{"n0"}}}}, nil},
		"an event of nobody": {Workload{Events: []Event{{At: time.Hour, Kind: Drain, Nodes: []string{"n0"}}}}, []string{`the Drain at 1h0m0s is of node "n0", which is not there`}},
		"too much to tell":   {Workload{Pods: runningOn("n7", podsOf(make([]int64, 25)...))}, []string{`"default/a9"`, "and 15 more"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.workload.Validate()
			if len(test.want) == 0 && err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				mustFail(t, err, want)
			}
			if err != nil && strings.Count(err.Error(), "\n") > maxReported {
				t.Errorf("all is told: %v", err)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	made := mold{}
	pods := func(shapes ...shape) []Pod {
		var list []Pod
		for i, s := range shapes {
			list = append(list, Pod{Object: made.pod(string(rune('a'+i)), s)})
		}
		return list
	}
	nodes := []*v1.Node{
		newNode("small", amounts("cpu", "4", "memory", "1Gi"), 1, "T4"),
		newNode("large", amounts("cpu", "64", "memory", "4Gi"), 0, ""),
	}
	tests := map[string]struct {
		pods []Pod
		want []string
	}{
		"all can run":        {pods(shape{cpuMilli: 64000}, shape{cpuMilli: 4000, gpus: 1, models: "T4"}, shape{gpuMilli: 1, models: "A100|T4"}), nil},
		"a model of no node": {pods(shape{gpus: 1, models: "A100"}, shape{gpus: 1, models: "A100"}), []string{"2 pods can never run, default/a first: no node has a GPU model of [A100]"}},
		"too much":           {pods(shape{cpuMilli: 1}, shape{cpuMilli: 64001}), []string{"1 pods can never run, default/b first: they ask for more than any node has"}},
		"too much together":  {pods(shape{cpuMilli: 5000, gpus: 1}), []string{"1 pods can never run, default/a first: they ask for more than any node has"}},
		"too much there":     {pods(shape{cpuMilli: 5000, gpus: 1, models: "T4"}), []string{"1 pods can never run, default/a first: they ask for more than any node has"}},
		"it runs already":    {runningOn("small", pods(shape{cpuMilli: 64001})), nil},
		"several reasons": {pods(shape{cpuMilli: 64001}, shape{gpus: 1, models: "A100"}), []string{
			"1 pods can never run, default/a first: they ask for more than any node has",
			"1 pods can never run, default/b first: no node has a GPU model of [A100]",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := (&Workload{Nodes: nodes, Pods: test.pods}).Warnings()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWarningsOfTheExcerpt(t *testing.T) {
	nodes, err := ReadNodes("testdata/nodes.csv")
	if err != nil {
		t.Fatal(err)
	}
	pods, err := ReadPods("testdata/pods.csv")
	if err != nil {
		t.Fatal(err)
	}
	if got := (&Workload{Nodes: nodes, Pods: pods}).Warnings(); got != nil {
		t.Errorf("got %q", got)
	}
}

func clusterPod(name, node string, phase v1.PodPhase) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "5d1e", ManagedFields: []metav1.ManagedFieldsEntry{{}}},
		Spec:       v1.PodSpec{NodeName: node, SchedulerName: "default-scheduler"},
		Status:     v1.PodStatus{Phase: phase},
	}
}

func TestFromCluster(t *testing.T) {
	node := nodeOf("n0", nil, amounts("cpu", "4"))
	node.ManagedFields = []metav1.ManagedFieldsEntry{{}}
	web := clusterPod("web", "n0", v1.PodRunning)
	client := fake.NewClientset(node, web, clusterPod("done", "n0", v1.PodSucceeded), clusterPod("lost", "n0", v1.PodFailed), clusterPod("wait", "", v1.PodPending))
	w, err := FromCluster(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct{ UID, Node, Scheduler string }
	got := map[seen]bool{}
	for _, pod := range w.Pods {
		got[seen{string(pod.Object.UID), pod.Object.Spec.NodeName, pod.Object.Spec.SchedulerName}] = true
		if pod.Object.ManagedFields != nil {
			t.Errorf("%s keeps its managed fields", pod.Object.Name)
		}
	}
	if diff := cmp.Diff(map[seen]bool{{"shop/web", "n0", ""}: true, {"shop/wait", "", ""}: true}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(w.Nodes) != 1 || w.Nodes[0].Name != "n0" || w.Nodes[0].ManagedFields != nil {
		t.Errorf("nodes %v", w.Nodes)
	}
	for _, action := range client.Actions() {
		if action.GetVerb() != "list" {
			t.Errorf("it does %s", action.GetVerb())
		}
	}
}

func TestFromClusterGoesPageByPage(t *testing.T) {
	client := fake.NewClientset()
	pages := 0
	client.PrependReactor("list", "nodes", func(action clienttesting.Action) (bool, runtime.Object, error) {
		pages++
		list := &v1.NodeList{Items: []v1.Node{*nodeOf(string(rune('a'+pages)), nil, amounts("cpu", "1"))}}
		if pages < 3 {
			list.Continue = "more"
		}
		return true, list, nil
	})
	w, err := FromCluster(t.Context(), client)
	if err != nil || len(w.Nodes) != 3 {
		t.Errorf("%d nodes from %d pages, %v", len(w.Nodes), pages, err)
	}
}

func TestFromClusterPassesErrorsOn(t *testing.T) {
	broken := errors.New("forbidden")
	for _, resource := range []string{"nodes", "pods"} {
		t.Run(resource, func(t *testing.T) {
			client := fake.NewClientset()
			client.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, broken })
			_, err := FromCluster(context.Background(), client)
			if !errors.Is(err, broken) || !strings.Contains(err.Error(), "listing "+resource) {
				t.Errorf("got %v", err)
			}
		})
	}
}
