package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/plan"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/internal/replay"
	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

// rollOutPatience is how long pods of the start may take to find a node.
const rollOutPatience = 90 * time.Second

// poolLabel says on which contender's pool a node stands.
const poolLabel = "evenkeel.dev/pool"

// stage is a running trial: the control plane, the replayed usage, and what was
// seen of each pool so far.
type stage struct {
	o      Options
	plan   *plan.Plan
	cp     *controlplane.ControlPlane
	client kubernetes.Interface
	replay *replay.Replayer
	census *census
	dir    string

	mu     sync.Mutex
	frames map[string][]verdict.Frame // by contender
}

func newStage(cp *controlplane.ControlPlane, plan *plan.Plan, o Options) (*stage, error) {
	client, err := kubernetes.NewForConfig(cp.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("connecting to the control plane: %w", err)
	}
	dir, err := os.MkdirTemp("", "evenkeel-trial-")
	if err != nil {
		return nil, fmt.Errorf("making the trial's directory: %w", err)
	}
	return &stage{o: o, plan: plan, cp: cp, client: client, dir: dir, frames: map[string][]verdict.Frame{}}, nil
}

func (s *stage) close(ctx context.Context) {
	logger := klog.FromContext(ctx)
	if s.replay != nil {
		if err := s.replay.Stop(); err != nil { //nolint:contextcheck // it stops because the context is over
			logger.Error(err, "Replay did not stop cleanly")
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		logger.Error(err, "Trial's directory was left behind", "dir", s.dir)
	}
}

// play runs the trial from an empty cluster to the verdict.
func (s *stage) play(ctx context.Context) (*verdict.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.set(ctx); err != nil {
		return nil, err
	}
	watcherURL, stopWatcher, err := s.serveWatcher()
	if err != nil {
		return nil, fmt.Errorf("serving node loads: %w", err)
	}
	defer stopWatcher()
	running, err := s.startContenders(ctx, watcherURL)
	if err != nil {
		return nil, err
	}
	defer running.Wait()
	defer cancel()

	s.o.Setting.View.Phase(fmt.Sprintf("rolling out %d of %d services on each pool", s.plan.FromStart(), len(s.plan.Services)))
	if err := s.rollOut(ctx, rollOutPatience); err != nil {
		return nil, err
	}
	if err := s.perform(ctx); err != nil {
		return nil, err
	}
	return s.conclude(ctx)
}

// set builds the pools and the usage that they are to have.
func (s *stage) set(ctx context.Context) error {
	s.o.Setting.View.Phase(fmt.Sprintf("creating %d pools of %d nodes", len(s.o.Contenders), s.plan.Nodes))
	if err := s.createPools(ctx); err != nil {
		return err
	}
	census, err := newCensus(ctx, s.client)
	if err != nil {
		return err
	}
	s.census = census
	s.o.Setting.View.Phase(fmt.Sprintf("recalling %d days of usage", s.plan.HistoryDays))
	return s.startReplay(ctx)
}

// conclude judges, tells, and holds everything up for as long as was asked.
func (s *stage) conclude(ctx context.Context) (*verdict.Result, error) {
	result, err := s.result()
	if err != nil {
		return nil, err
	}
	return result, s.o.Setting.Conclude(ctx, result)
}

// createPools makes a namespace and the nodes of each contender.
func (s *stage) createPools(ctx context.Context) error {
	if err := s.cp.StartNodes(ctx, controlplane.NodeOptions{}); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, c := range s.o.Contenders {
		ns := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Name}}
		if _, err := s.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating namespace %q: %w", c.Name, err)
		}
		for i := range s.plan.Nodes {
			g.Go(func() error { return s.createNode(gctx, c.Name, i) })
		}
	}
	return g.Wait()
}

func (s *stage) createNode(ctx context.Context, pool string, i int) error {
	name := nodeName(pool, i)
	node := controlplane.NewNode(name, map[string]string{poolLabel: pool}, v1.ResourceList{
		v1.ResourceCPU:    s.plan.NodeCPU,
		v1.ResourceMemory: s.plan.NodeMemory,
		v1.ResourcePods:   podsPerNode,
	})
	if _, err := s.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating node %q: %w", name, err)
	}
	return nil
}

func nodeName(pool string, i int) string { return fmt.Sprintf("%s-%03d", pool, i) }

// poolOf is the pool of a node that nodeName named.
func poolOf(node string) string { return node[:strings.LastIndexByte(node, '-')] }

// startReplay fills in the past and begins to play the present.
func (s *stage) startReplay(ctx context.Context) error {
	curves := make(map[string]bitbrains.Curve, len(s.plan.Services))
	for _, svc := range s.plan.Services {
		curves[svc.Name] = svc.Curve
	}
	r, err := replay.New(replay.Options{
		Client: s.client,
		Speed:  s.plan.Speed,
		Dir:    filepath.Join(s.dir, "tsdb"),
		Assign: func(pod *v1.Pod) (replay.Curve, bool) {
			curve, ok := curves[pod.Labels[serviceLabel]]
			return curve, ok
		},
	})
	if err != nil {
		return fmt.Errorf("preparing the replay: %w", err)
	}
	s.replay = r
	if err := r.Backfill(ctx, s.history()); err != nil {
		return fmt.Errorf("recalling past usage: %w", err)
	}
	r.Observe(s.observe)
	r.Hold()
	if err := r.Start(ctx); err != nil {
		return fmt.Errorf("starting the replay: %w", err)
	}
	return nil
}

// history is what an earlier replica of each service used up to the start: the
// generation of pods that the trial's roll-out replaces.
func (s *stage) history() []replay.History {
	const day = 24 * time.Hour
	past := make([]replay.History, 0, len(s.plan.Services)*len(s.o.Contenders))
	for _, c := range s.o.Contenders {
		for _, svc := range s.plan.Services {
			past = append(past, replay.History{
				Namespace: c.Name,
				Pod:       svc.Name + "-" + formerHash,
				Curve:     svc.Curve,
				From:      -time.Duration(s.plan.HistoryDays) * day,
				To:        svc.Arrives,
			})
		}
	}
	return past
}

// observe keeps one frame of each pool.
func (s *stage) observe(_ time.Time, at time.Duration, nodes []replay.NodeDemand) {
	frames := map[string]verdict.Frame{}
	for _, n := range nodes {
		pool := poolOf(n.Name)
		f := frames[pool]
		f.At = at
		f.Nodes = append(f.Nodes, n.DemandCores/n.AllocatableCores)
		frames[pool] = f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for pool, f := range frames {
		s.frames[pool] = append(s.frames[pool], f)
	}
}

// startContenders runs every scheduler until ctx ends.
func (s *stage) startContenders(ctx context.Context, watcherURL string) (*sync.WaitGroup, error) {
	var running sync.WaitGroup
	env := Env{
		RESTConfig:    s.cp.RESTConfig(),
		Kubeconfig:    s.cp.Kubeconfig(),
		PrometheusURL: s.replay.PrometheusURL(),
		WatcherURL:    watcherURL,
		Speed:         s.plan.Speed,
	}
	for _, c := range s.o.Contenders {
		own := env
		own.Dir = filepath.Join(s.dir, c.Name)
		if err := os.MkdirAll(own.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the directory of %q: %w", c.Name, err)
		}
		running.Go(func() { logRun(ctx, c.Name, c.Run(ctx, own)) })
	}
	return &running, nil
}

// perform lets the trace run and plays the timetable to its end, showing how it
// goes. What was seen before does not count.
func (s *stage) perform(ctx context.Context) error {
	s.mu.Lock()
	s.frames = map[string][]verdict.Frame{}
	s.mu.Unlock()
	s.replay.Release()
	length := time.Duration(float64(s.plan.Length) / s.plan.Speed)
	playing, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	g, gctx := errgroup.WithContext(playing)
	g.Go(func() error { return s.followTimetable(gctx) })
	g.Go(func() error {
		scenario.Every(gctx, s.o.Setting.Clock, time.Second, func() { s.o.Setting.View.Progress(s.progress()) })
		return nil
	})
	err := g.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("playing the trial: interrupted: %w", ctx.Err())
	}
	if errors.Is(playing.Err(), context.DeadlineExceeded) {
		return nil // the last turns ended with the trial
	}
	return err
}

// pools lists the contenders' names, in order.
func (s *stage) pools() []string {
	names := make([]string, 0, len(s.o.Contenders))
	for _, c := range s.o.Contenders {
		names = append(names, c.Name)
	}
	return names
}

// framesOf copies what was seen of each pool so far.
func (s *stage) framesOf() map[string][]verdict.Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := maps.Clone(s.frames)
	for pool := range seen {
		seen[pool] = slices.Clip(seen[pool])
	}
	return seen
}

// result judges every pool.
func (s *stage) result() (*verdict.Result, error) {
	r := &verdict.Result{Names: s.pools(), Verdicts: map[string]verdict.Verdict{}, Frames: s.framesOf(), Length: s.plan.Length}
	for _, name := range r.Names {
		if len(r.Frames[name]) == 0 {
			return nil, fmt.Errorf("judging pool %q: no usage was observed; the trial was too short", name)
		}
		v := verdict.Judge(r.Frames[name])
		v.PodsBound, v.PodsPending = s.census.count(name)
		r.Verdicts[name] = v
	}
	return r, nil
}
