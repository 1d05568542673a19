package scaledown

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/internal/replay"
	"github.com/evenkeel/evenkeel/internal/replay/series"
	"github.com/evenkeel/evenkeel/simulator/scaling"
)

const (
	// adapterNamespace is where the adapter keeps its lease.
	adapterNamespace = "evenkeel-system"
	// patience is how long it may take until the adapter serves, and until every HPA reads the metric.
	patience = 90 * time.Second
	// sampling is the wall time between two samples of the demand.
	sampling = 250 * time.Millisecond
)

// stage is the scenario while it plays.
type stage struct {
	*ScaleDown
	demand  *scaling.Demand
	setting *scenario.Setting
	plane   *controlplane.ControlPlane
	client  kubernetes.Interface
	dynamic dynamic.Interface
	dir     string
	replay  *replay.Replayer
	adapter *adapter
	watch   *watch
	stop    context.CancelFunc // of what runs beside it

	mu   sync.Mutex
	zero time.Time // of the trace, in wall time; zero while it stands still
}

func newStage(o *ScaleDown, demand *scaling.Demand, plane *controlplane.ControlPlane, setting *scenario.Setting) (*stage, error) {
	s := &stage{ScaleDown: o, demand: demand, setting: setting, plane: plane, stop: func() {}}
	var err error
	if s.client, s.dynamic, err = scenario.Connect(plane); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "evenkeel-scale-down-"); err != nil {
		return nil, fmt.Errorf("making the scenario's directory: %w", err)
	}
	return s, nil
}

// close ends what the stage started.
func (s *stage) close() error {
	var errs []error
	s.stop()
	if s.adapter != nil {
		<-s.adapter.done
	}
	if s.watch != nil {
		s.watch.factory.Shutdown()
	}
	if s.replay != nil {
		errs = append(errs, s.replay.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// set builds everything, with the trace standing still, and returns when each HPA has read the metric.
func (s *stage) set(ctx context.Context) error {
	ctx, s.stop = context.WithCancel(ctx)
	s.setting.View.Phase(fmt.Sprintf("%s: %v from %v on, %g pods at its highest, %g times as fast",
		s.demand.Name, s.demand.Length(), s.From, s.Peak, s.Speed))
	if err := scenario.DefineResources(ctx, s.plane.RESTConfig()); err != nil {
		return err
	}
	if err := s.plane.StartNodes(ctx, controlplane.NodeOptions{}); err != nil {
		return err
	}
	if err := s.startReplay(ctx); err != nil {
		return err
	}
	s.setting.View.Phase("starting the metrics adapter")
	if err := s.startAdapter(ctx); err != nil {
		return err
	}
	var err error
	if s.watch, err = newWatch(ctx, s.client, s.now); err != nil {
		return err
	}
	return s.startContenders(ctx)
}

// startContenders deploys for each, and waits until they are at it.
func (s *stage) startContenders(ctx context.Context) error {
	all := s.contenders()
	for _, c := range all {
		s.setting.View.Phase(fmt.Sprintf("%s: an HPA that aims at %d %% of a pod, %s", c.name, s.Target, c.settings))
		err := s.deploy(ctx, c)
		if apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("deploying for %s: %w: the data directory holds another run: give a new one", c.name, err)
		}
		if err != nil {
			return fmt.Errorf("deploying for %s: %w", c.name, err)
		}
	}
	s.setting.View.Phase("waiting for every HPA to read what is asked for")
	return s.patiently(ctx, func(ctx context.Context) error { return s.settle(ctx, all) })
}

// startReplay serves the demand as a Prometheus does, as it is at the trace's beginning.
func (s *stage) startReplay(ctx context.Context) error {
	r, err := replay.New(replay.Options{
		Client: s.client, Speed: s.Speed, Step: sampling, Dir: filepath.Join(s.dir, "tsdb"),
		Assign: func(*v1.Pod) (replay.Curve, bool) { return nil, false },
	})
	if err != nil {
		return fmt.Errorf("preparing the replay: %w", err)
	}
	s.replay = r
	demanded := labels.FromStrings(model.MetricNameLabel, metricName, "service", web)
	r.Inject(func(_ time.Time, trace time.Duration) []series.Sample {
		asked := at(s.demand, trace)
		if math.IsNaN(asked) {
			return nil
		}
		return []series.Sample{{Labels: demanded, Value: podBears * asked}}
	})
	r.Observe(func(wall time.Time, trace time.Duration, _ []replay.NodeDemand) {
		if trace > 0 {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.zero = wall.Add(-s.wall(trace))
		}
	})
	r.Hold()
	if err := r.Start(ctx); err != nil {
		return fmt.Errorf("starting the replay: %w", err)
	}
	return nil
}

// now is the time of the trace.
func (s *stage) now() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.zero.IsZero() {
		return 0
	}
	return time.Duration(float64(s.setting.Clock.Since(s.zero)) * s.Speed)
}

func (s *stage) createNamespace(ctx context.Context, name string) error {
	_, err := s.client.CoreV1().Namespaces().Create(ctx, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %q: %w", name, err)
	}
	return nil
}

// deploy makes a contender's node, its Deployment of the size that the demand's beginning asks for, and what scales it.
func (s *stage) deploy(ctx context.Context, c contender) error {
	if err := s.createNamespace(ctx, c.name); err != nil {
		return err
	}
	node := controlplane.NewNode(c.name, nil, v1.ResourceList{v1.ResourcePods: resource.MustParse("1000")})
	if _, err := s.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return err
	}
	deployment := deployment(c, s.podsFor(at(s.demand, 0)))
	if _, err := s.client.AppsV1().Deployments(c.name).Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
		return err
	}
	if c.stabilisation == 0 {
		if err := s.createWindow(ctx, c); err != nil {
			return err
		}
	}
	_, err := s.client.AutoscalingV2().HorizontalPodAutoscalers(c.name).Create(ctx, s.autoscaler(c), metav1.CreateOptions{})
	return err
}

// settle waits until each contender has the pods of the beginning, its HPA reads the metric, and is as its window needs it.
func (s *stage) settle(ctx context.Context, all []contender) error {
	var why string
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		for _, c := range all {
			hpa, err := s.client.AutoscalingV2().HorizontalPodAutoscalers(c.name).Get(ctx, web, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			if why = unsettled(hpa, s.watch.of(c.name)); why != "" {
				why = c.name + ": " + why
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the HPAs: %w: %s", errors.Join(err, context.Cause(ctx)), why)
	}
	return nil
}

// unsettled is what a contender's HPA still lacks; empty: nothing.
func unsettled(hpa *autoscalingv2.HorizontalPodAutoscaler, sizes []Size) string {
	if why := unread(hpa); why != "" {
		return why
	}
	switch {
	case hpa.Spec.Behavior == nil || hpa.Spec.Behavior.ScaleDown == nil:
		return "its window has not set its behavior"
	case len(sizes) == 0 || sizes[len(sizes)-1].Ready < hpa.Status.DesiredReplicas:
		return "its pods are not ready"
	}
	return ""
}

// unread is why an HPA does not scale by its metric; empty: it does.
func unread(hpa *autoscalingv2.HorizontalPodAutoscaler) string {
	for _, c := range hpa.Status.Conditions {
		if c.Type == autoscalingv2.ScalingActive && c.Status != v1.ConditionTrue {
			return c.Message
		}
		if c.Type == autoscalingv2.ScalingActive {
			return ""
		}
	}
	return "it has not been looked at"
}

// perform lets the trace run to its end, showing how it goes.
func (s *stage) perform(ctx context.Context) error {
	s.setting.View.Phase("playing")
	s.replay.Release()
	return s.whileServing(ctx, func(ctx context.Context) error {
		ctx, end := context.WithCancel(ctx)
		defer end()
		scenario.Every(ctx, s.setting.Clock, time.Second, func() {
			s.setting.View.Progress(s.progress())
			if s.now() >= s.demand.Length() {
				end()
			}
		})
		if s.now() < s.demand.Length() {
			return fmt.Errorf("playing the scenario: interrupted: %w", context.Cause(ctx))
		}
		return nil
	})
}

func (s *stage) progress() scenario.Progress {
	p := scenario.Progress{At: min(s.now(), s.demand.Length()), Length: s.demand.Length()}
	for _, c := range s.contenders() {
		sizes := s.watch.of(c.name)
		last, v := sizes[len(sizes)-1], Judge(s.demand, sizes)
		p.Rows = append(p.Rows, scenario.Row{Text: fmt.Sprintf("%-10s %3d pods, %3d ready, demand of %4.1f   changes %3d   reversals %3d",
			c.name, last.Replicas, last.Ready, at(s.demand, p.At-1), v.ReplicaChanges, v.Reversals)})
	}
	return p
}

// result judges every contender.
func (s *stage) result() *Result {
	r := &Result{Verdicts: map[string]Verdict{}, Sizes: map[string][]Size{}, Demand: s.demand}
	for _, c := range s.contenders() {
		sizes := s.watch.of(c.name)
		v := Judge(s.demand, sizes)
		v.Settings = c.settings
		r.Names = append(r.Names, c.name)
		r.Sizes[c.name], r.Verdicts[c.name] = sizes, v
	}
	return r
}
