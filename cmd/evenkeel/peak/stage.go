package peak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/controller"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/internal/replay"
)

const (
	// The contenders, each with a namespace and a node of its name.
	noPolicy   = "no-policy"
	withPolicy = "policy"

	// sampling is the wall time between two samples of what is asked for.
	sampling = 100 * time.Millisecond
	// admissionFor is for how much wall time the API server is told ahead which Jobs start suspended. It is told each second.
	admissionFor = 10 * time.Second
)

// stage is the scenario while it plays.
type stage struct {
	*Peak
	plan    *workload.Day
	setting *scenario.Setting
	plane   *controlplane.ControlPlane
	client  kubernetes.Interface
	dynamic dynamic.Interface
	dir     string
	epoch   time.Time
	replay  *replay.Replayer
	watch   *watch
	usage   *usage

	released chan time.Time            // wall time at which the day began
	clock    atomic.Pointer[fastClock] // nil before
}

func newStage(p *Peak, plan *workload.Day, plane *controlplane.ControlPlane, setting *scenario.Setting) (*stage, error) {
	s := &stage{
		Peak: p, plan: plan, setting: setting, plane: plane,
		epoch: epochOf(setting.Clock.Now(), plan.Begins), released: make(chan time.Time, 1),
	}
	var err error
	if s.client, s.dynamic, err = scenario.Connect(plane); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "evenkeel-peak-"); err != nil {
		return nil, fmt.Errorf("making the scenario's directory: %w", err)
	}
	return s, nil
}

// close ends what the stage started.
func (s *stage) close() error {
	var err error
	if s.replay != nil {
		err = s.replay.Stop()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// set builds everything, with the day standing still.
func (s *stage) set(ctx context.Context) error {
	s.setting.View.Phase(fmt.Sprintf("%s from %s on: %d services and %d Jobs on %.0f cores; Jobs wait from %s to %s; %g times as fast",
		inHours(s.Length), s.plan.At(0), len(s.plan.Services), len(s.plan.Jobs), s.plan.Capacity,
		s.plan.At(s.plan.Open), s.plan.At(s.plan.Close), s.Speed))
	if err := scenario.DefineResources(ctx, s.plane.RESTConfig()); err != nil {
		return err
	}
	if err := s.createAdmission(ctx); err != nil {
		return fmt.Errorf("creating the admission policy: %w", err)
	}
	if err := s.plane.StartNodes(ctx, controlplane.NodeOptions{}); err != nil {
		return err
	}
	for _, name := range []string{noPolicy, withPolicy} {
		if err := s.deploy(ctx, name); err != nil {
			return fmt.Errorf("deploying for %s: %w", name, err)
		}
	}
	if err := s.recall(ctx); err != nil {
		return fmt.Errorf("creating the Jobs of earlier days: %w", err)
	}
	if err := s.createPolicy(ctx); err != nil {
		return fmt.Errorf("creating the policy: %w", err)
	}
	s.usage = newUsage(s)
	return s.startReplay(ctx)
}

// recall has the API know the runs of earlier days.
func (s *stage) recall(ctx context.Context) error {
	jobs := s.client.BatchV1().Jobs(withPolicy)
	errs := make([]error, len(s.plan.Jobs))
	workqueue.ParallelizeUntil(ctx, 8, len(errs), func(i int) {
		for run := range s.plan.Jobs[i].Earlier {
			job := s.earlier(&s.plan.Jobs[i], run)
			created, err := jobs.Create(ctx, job, metav1.CreateOptions{})
			if err == nil {
				created.Status = job.Status
				_, err = jobs.UpdateStatus(ctx, created, metav1.UpdateOptions{})
			}
			errs[i] = errors.Join(errs[i], err)
		}
	})
	return errors.Join(errors.Join(errs...), ctx.Err())
}

// deploy makes a contender's node and services.
func (s *stage) deploy(ctx context.Context, name string) error {
	namespace := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := s.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if _, err := s.client.CoreV1().Nodes().Create(ctx, s.node(name), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if err := s.accountReady(ctx, name); err != nil {
		return err
	}
	for i := range s.plan.Services {
		if _, err := s.client.CoreV1().Pods(name).Create(ctx, servicePod(name, i), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// accountReady waits until pods can be created in a namespace.
func (s *stage) accountReady(ctx context.Context, namespace string) error {
	return wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := s.client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// startReplay has services and Jobs use CPU, from the beginning of the day when it is released.
func (s *stage) startReplay(ctx context.Context) error {
	curves := map[string]replay.Curve{}
	for i, curve := range s.plan.Services {
		curves[serviceName(i)] = curve
	}
	cores := map[string]replay.Curve{}
	for i := range s.plan.Jobs {
		cores[s.plan.Jobs[i].Name] = replay.Constant(s.plan.Jobs[i].Cores)
	}
	r, err := replay.New(replay.Options{
		Client: s.client, Speed: s.Speed, Step: sampling, Dir: filepath.Join(s.dir, "tsdb"),
		Assign: func(pod *v1.Pod) (replay.Curve, bool) {
			if curve, ok := curves[pod.Name]; ok {
				return curve, true
			}
			curve, ok := cores[pod.Labels[batchv1.JobNameLabel]]
			return curve, ok
		},
	})
	if err != nil {
		return fmt.Errorf("preparing the replay: %w", err)
	}
	s.replay = r
	if s.watch, err = newWatch(ctx, s.client, s.now); err != nil {
		return err
	}
	begun := false
	r.Observe(func(wall time.Time, trace time.Duration, nodes []replay.NodeDemand) {
		if trace > 0 && !begun {
			begun = true
			s.released <- wall.Add(-s.wall(trace))
		}
		if trace <= s.Length {
			s.watch.load(trace, nodes)
		}
	})
	r.Hold()
	if err := r.Start(ctx); err != nil {
		return fmt.Errorf("starting the replay: %w", err)
	}
	return nil
}

// now is the time since the beginning of the day.
func (s *stage) now() time.Duration {
	if c := s.clock.Load(); c != nil {
		return c.Since(s.epoch)
	}
	return 0
}

// perform lets the day run to its end, showing how it goes.
func (s *stage) perform(ctx context.Context) error {
	s.setting.View.Phase("playing")
	s.replay.Release()
	select {
	case <-ctx.Done():
		return fmt.Errorf("playing the scenario: interrupted: %w", context.Cause(ctx))
	case zero := <-s.released:
		s.clock.Store(&fastClock{wall: s.setting.Clock, zero: zero, epoch: s.epoch, speed: s.Speed})
	}
	playing, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	failed := make(chan error, 2)
	run := func(do func(context.Context) error) {
		running.Go(func() {
			if err := do(playing); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	run(s.shave)
	run(s.submit)
	over := false
	scenario.Every(playing, s.setting.Clock, time.Second, func() {
		s.setting.View.Progress(s.progress())
		if s.now() >= s.Length {
			over = true
			cancel()
		}
	})
	running.Wait()
	close(failed)
	if err := <-failed; err != nil && !over {
		return err
	}
	if !over {
		return fmt.Errorf("playing the scenario: interrupted: %w", context.Cause(ctx))
	}
	return nil
}

// shave carries the policy out, by the clock of the day.
func (s *stage) shave(ctx context.Context) error {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: s.client.CoreV1().Events("")})
	clock := s.clock.Load()
	c, err := controller.New(controller.Config{
		Client: &dated{s.dynamic, clock}, Kinds: []v1alpha1.TargetKind{v1alpha1.Job}, Usage: s.usage, Clock: clock,
		Admission: true, AdmissionFor: time.Duration(s.Speed * float64(admissionFor)), ServerClock: s.setting.Clock,
		Recorder: broadcaster.NewRecorder(runtime.NewScheme(), v1.EventSource{Component: "evenkeel-peakshaver"}),
	})
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

// submit creates each Job at its time, for all contenders.
func (s *stage) submit(ctx context.Context) error {
	for i := range s.plan.Jobs {
		job := &s.plan.Jobs[i]
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.Load().After(job.Arrives - s.now()):
		}
		for _, name := range []string{noPolicy, withPolicy} {
			_, err := s.client.BatchV1().Jobs(name).Create(ctx, s.job(name, job), metav1.CreateOptions{})
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("creating %s of %s: %w", job.Name, name, err)
			}
		}
	}
	return nil
}

func (s *stage) progress() scenario.Progress {
	p := scenario.Progress{At: min(s.now(), s.Length), Length: s.Length}
	for _, name := range []string{noPolicy, withPolicy} {
		loads, ended := s.watch.of(name)
		cores := 0.0
		if len(loads) > 0 {
			cores = loads[len(loads)-1].Cores
		}
		running, waiting := s.watch.count(name)
		p.Rows = append(p.Rows, scenario.Row{Text: fmt.Sprintf("%-10s CPU %3.0f %%   Jobs: %3d run, %3d wait, %3d done",
			name, 100*cores/s.plan.Capacity, running, waiting, len(ended))})
	}
	return p
}

// result judges every contender.
func (s *stage) result() *Result {
	r := &Result{Names: []string{noPolicy, withPolicy}, Verdicts: map[string]Verdict{}, Loads: map[string][]Load{}, plan: s.plan, length: s.Length}
	for _, name := range r.Names {
		loads, ended := s.watch.of(name)
		r.Loads[name], r.Verdicts[name] = loads, judge(s.plan, s.Length, loads, ended)
	}
	return r
}
