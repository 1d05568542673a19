package trial

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"encoding/json"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/plan"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
)

// binder is a scheduler that puts every pod on the next node of its pool, or
// all on the first.
type binder struct {
	t      *testing.T
	pool   string
	pile   bool
	bound  atomic.Int64
	looked atomic.Bool // at the watcher
}

func (b *binder) run(ctx context.Context, env Env) error {
	client, err := kubernetes.NewForConfig(env.RESTConfig)
	if err != nil {
		return err
	}
	next := 0
	for ctx.Err() == nil {
		pods, err := client.CoreV1().Pods(b.pool).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName="})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if pod.Spec.SchedulerName != "binder-"+b.pool {
				return fmt.Errorf("pod %s asks for scheduler %q", pod.Name, pod.Spec.SchedulerName)
			}
			binding := &v1.Binding{
				ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace},
				Target:     v1.ObjectReference{Kind: "Node", Name: nodeName(b.pool, next)},
			}
			if err := client.CoreV1().Pods(b.pool).Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
				continue // gone meanwhile
			}
			b.bound.Add(1)
			if !b.pile {
				next = (next + 1) % 3
			}
		}
		if b.bound.Load() > 0 {
			b.askWatcher(ctx, env.WatcherURL)
		}
		<-time.After(100 * time.Millisecond)
	}
	return nil
}

func (b *binder) askWatcher(ctx context.Context, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/watcher", nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	var answer watcherAnswer
	if json.NewDecoder(response.Body).Decode(&answer) == nil && len(answer.Data.Nodes[nodeName(b.pool, 0)].Metrics) == 2 {
		b.looked.Store(true)
	}
}

// TestRun plays a small trial on the real control plane: a pool on which all
// pods are piled on one node must come out hotter than one that is spread.
func TestRun(t *testing.T) {
	spread, pile := &binder{t: t, pool: "spread"}, &binder{t: t, pool: "pile", pile: true}
	s := plan.Default()
	s.Nodes, s.Services, s.Copies = 3, 1, 1
	s.Length, s.Speed = 40*time.Minute, 120
	var log bytes.Buffer
	result, err := Run(t.Context(), Options{
		Scenario: s,
		Contenders: []Contender{
			{Name: "spread", SchedulerName: "binder-spread", Run: spread.run},
			{Name: "pile", SchedulerName: "binder-pile", Run: pile.run},
		},
		Setting: &scenario.Setting{View: scenario.NewView(&log, false), Clock: clock.RealClock{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s%+v", log.String(), result.Verdicts)
	good, bad := result.Verdicts["spread"], result.Verdicts["pile"]
	if good.PodsBound == 0 || good.PodsBound != bad.PodsBound || good.PodsPending+bad.PodsPending != 0 {
		t.Errorf("bound %d and %d pods, %d and %d pending; want the same and none",
			good.PodsBound, bad.PodsBound, good.PodsPending, bad.PodsPending)
	}
	if bad.HotNodeMinutes < 10 || good.MaxNodeUtilisation >= bad.MaxNodeUtilisation {
		t.Errorf("one node has all pods, yet spread %+v, pile %+v", good, bad)
	}
	if !spread.looked.Load() || !pile.looked.Load() {
		t.Error("the watcher never told of the pools' nodes")
	}
}
