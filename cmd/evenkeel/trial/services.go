package trial

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/plan"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
)

const (
	// serviceLabel names the service whose curve a pod plays.
	serviceLabel = "evenkeel.dev/service"
	// formerHash ends the name of a service's pod of before the trial, as a
	// ReplicaSet's hash and a pod's suffix would.
	formerHash = "5b6c7d8f9-bcdfg"
)

var podsPerNode = resource.MustParse("110")

// rollOut deploys what is there from the start and waits until every pod has a
// node. A pod that no scheduler finds a node for does not hold the trial up for
// longer than patience.
func (s *stage) rollOut(ctx context.Context, patience time.Duration) error {
	if err := s.takeAll(ctx, func(t plan.Turn) bool { return t.At == 0 }, func(context.Context, plan.Turn) bool { return true }); err != nil {
		return err
	}
	pods := 0
	for _, svc := range s.plan.Services {
		if svc.Arrives == 0 {
			pods += int(svc.Replicas)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	scenario.Every(ctx, s.o.Setting.Clock, 200*time.Millisecond, func() {
		for _, c := range s.o.Contenders {
			if bound, _ := s.census.count(c.Name); bound < pods {
				return
			}
		}
		cancel()
	})
	return nil
}

// followTimetable deploys and deletes each later service at its time.
func (s *stage) followTimetable(ctx context.Context) error {
	begin := s.o.Setting.Clock.Now()
	return s.takeAll(ctx, func(t plan.Turn) bool { return t.At > 0 }, func(ctx context.Context, t plan.Turn) bool {
		return s.sleepUntil(ctx, begin.Add(time.Duration(float64(t.At)/s.plan.Speed)))
	})
}

// takeAll takes the turns asked for in every pool, each when due returns; it
// ends early where due says so.
func (s *stage) takeAll(ctx context.Context, wanted func(plan.Turn) bool, due func(context.Context, plan.Turn) bool) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, t := range s.plan.Timetable() {
		if !wanted(t) {
			continue
		}
		if !due(gctx, t) {
			break
		}
		for _, c := range s.o.Contenders {
			g.Go(func() error { return s.take(gctx, t, c) })
		}
	}
	return g.Wait()
}

// take carries out one turn in one pool.
func (s *stage) take(ctx context.Context, t plan.Turn, c Contender) error {
	deployments := s.client.AppsV1().Deployments(c.Name)
	if t.Leaves {
		background := metav1.DeletePropagationBackground
		err := deployments.Delete(ctx, t.Service.Name, metav1.DeleteOptions{PropagationPolicy: &background})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting deployment %s/%s: %w", c.Name, t.Service.Name, err)
		}
		return nil
	}
	_, err := deployments.Create(ctx, deployment(t.Service, c), metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating deployment %s/%s: %w", c.Name, t.Service.Name, err)
	}
	return nil
}

// deployment is a service as one contender is given it.
func deployment(svc *plan.Service, c Contender) *appsv1.Deployment {
	labels := map[string]string{serviceLabel: svc.Name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Name, Name: svc.Name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(svc.Replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: v1.PodSpec{
					SchedulerName:                c.SchedulerName,
					NodeSelector:                 map[string]string{poolLabel: c.Name},
					AutomountServiceAccountToken: ptr.To(false),
					Containers: []v1.Container{{
						Name:  "service",
						Image: "pause",
						Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
							v1.ResourceCPU:    svc.CPU,
							v1.ResourceMemory: svc.Memory,
						}},
					}},
				},
			},
		},
	}
}

// sleepUntil waits for a moment; false if the context ended first.
func (s *stage) sleepUntil(ctx context.Context, due time.Time) bool {
	timer := s.o.Setting.Clock.NewTimer(due.Sub(s.o.Setting.Clock.Now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}
