package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/tools/cache"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/status"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// momentKept is how long policies that were prepared for a moment serve.
const momentKept = time.Second

// policies as they were read last. They are replaced as a whole.
type policies struct {
	all    []*loaded
	moment *policy.Moment
	at     time.Time
}

// loaded is a policy with what the controller wants to know of it.
type loaded struct {
	*policy.Policy
	object  *unstructured.Unstructured
	insist  bool
	problem string // "" where it can be carried out
	missing string // kinds that the cluster lacks; the others are carried out
}

// loadPolicies reads all policies and their calendars, and has every target looked at.
func (c *Controller) loadPolicies(ctx context.Context) {
	var all []*loaded
	c.calendars = map[string]any{}
	for _, informer := range []cache.SharedIndexInformer{c.namespaced, c.clusterWide} {
		for _, item := range informer.GetStore().List() {
			all = append(all, c.load(ctx, target.AsObject(item)))
		}
	}
	c.mu.Lock()
	before := c.policies.all
	c.policies = policies{all: all}
	c.stale = true
	c.mu.Unlock()
	for _, p := range all {
		c.announce(p, before)
	}
	c.enqueueAll()
}

func (c *Controller) announce(p *loaded, before []*loaded) {
	known := slices.ContainsFunc(before, func(old *loaded) bool {
		return old.Name() == p.Name() && old.problem == p.problem && old.missing == p.missing
	})
	if known {
		return
	}
	for reason, problem := range map[string]string{string(policy.BrokenPolicy): p.problem, status.NoSuchKind: p.missing} {
		if problem != "" {
			c.warn(p.object, reason, problem)
		}
	}
}

func (c *Controller) load(ctx context.Context, u *unstructured.Unstructured) *loaded {
	var typed v1alpha1.ClusterPeakPolicy // a PeakPolicy has the same fields
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &typed)
	lookup := func(of v1alpha1.CalendarReference) (*calendar.Holidays, error) {
		return c.calendar(ctx, u.GetNamespace(), of)
	}
	compiled, errs := policy.Compile(u.GetNamespace(), u.GetName(), &typed.Spec, lookup)
	if err != nil {
		errs = append(errs, field.InternalError(field.NewPath("spec"), err))
	}
	p := &loaded{Policy: compiled, object: u, insist: typed.Spec.OnConflict == v1alpha1.Insist, missing: c.missing(typed.Spec.Selection.Kinds)}
	if err := errs.ToAggregate(); err != nil {
		p.problem = err.Error()
	}
	return p
}

// missing tells which of the kinds the cluster lacks; "" where it has them all.
func (c *Controller) missing(kinds []v1alpha1.TargetKind) string {
	var all []string
	for i, kind := range kinds {
		if !slices.Contains(c.Kinds, kind) {
			all = append(all, fmt.Sprintf("spec.selection.kinds[%d]: the cluster has no %s (%s)", i, kind, target.ResourceOf(kind).GroupVersion()))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "; ") + "; what else is selected is carried out. Install it, or take it out of the policy"
}

// calendar reads a ConfigMap. It is not watched: a controller that may read one ConfigMap by name need not see them all.
func (c *Controller) calendar(ctx context.Context, namespace string, of v1alpha1.CalendarReference) (*calendar.Holidays, error) {
	return target.Calendar(namespace, of, func(namespace string) (*unstructured.Unstructured, error) {
		u, err := c.configMap(ctx, namespace, of.Name)
		if err != nil {
			c.calendars[namespace+"/"+of.Name] = err // which no data is like
			return nil, err
		}
		c.calendars[namespace+"/"+of.Name] = u.Object["data"]
		if len(u.Object) == 0 {
			return nil, fmt.Errorf("there is no ConfigMap %s/%s", namespace, of.Name)
		}
		return u, nil
	})
}

// configMap is empty where there is none.
func (c *Controller) configMap(ctx context.Context, namespace, name string) (*unstructured.Unstructured, error) {
	u, err := c.Client.Resource(configMapResource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return &unstructured.Unstructured{}, nil
	}
	return u, err
}

// calendarsChanged tells that a calendar is not what policies were made with. One that cannot be read now may be what it was.
func (c *Controller) calendarsChanged(ctx context.Context) bool {
	for name, data := range c.calendars {
		namespace, name, _ := strings.Cut(name, "/")
		u, err := c.configMap(ctx, namespace, name)
		if err == nil && !apiequality.Semantic.DeepEqual(u.Object["data"], data) {
			return true
		}
	}
	return false
}

// moment is all policies now, or less than a second ago, and that time.
func (c *Controller) moment() (*policy.Moment, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Clock.Now()
	if p := &c.policies; p.moment == nil || now.Sub(p.at) >= momentKept || now.Before(p.at) {
		compiled := make([]*policy.Policy, len(p.all))
		for i := range p.all {
			compiled[i] = p.all[i].Policy
		}
		p.moment, p.at = policy.At(now, compiled), now
	}
	return c.policies.moment, c.policies.at
}

// loaded policies.
func (c *Controller) loaded() []*loaded {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.policies.all
}

// selecting are the names of the policies that select an object.
func (c *Controller) selecting(o *policy.Object) []string {
	var names []string
	for _, p := range c.loaded() {
		if p.Selects(o) {
			names = append(names, p.Name())
		}
	}
	return names
}

// insists tells whether one of the policies has what somebody else changed set once more.
func (c *Controller) insists(by []string, overruled int) bool {
	return overruled < insistences && slices.ContainsFunc(c.loaded(), func(p *loaded) bool {
		return p.insist && slices.Contains(by, p.Name())
	})
}
