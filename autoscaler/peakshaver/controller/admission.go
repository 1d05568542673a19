package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

const (
	// defaultAdmission is long enough for another replica to lead, and short enough for few Jobs to wait if none does.
	defaultAdmission = 2 * time.Minute
	admissionPeriod  = time.Second
	admissionKind    = "PeakAdmission"
	admissionManager = "evenkeel-peakshaver-admission"
)

// tellAdmission has the API server know which Jobs are to start suspended, whenever that has changed and before it expires.
func (c *Controller) tellAdmission(ctx context.Context) {
	if !c.Admission {
		return
	}
	spec := c.admission()
	told := c.admissionTold
	if told != nil && !outdated(told, spec, c.ServerClock.Now().Add(c.AdmissionFor/2)) {
		return
	}
	err := c.writeAdmission(ctx, spec)
	if told == nil && len(spec.Rules) == 0 && apierrors.IsNotFound(err) {
		err = nil // there was nothing to take back
	}
	c.metrics.Wrote(admissionKind, len(spec.Rules) == 0, err)
	if err != nil {
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Could not tell the API server which Jobs start suspended")
		}
		return // again at the next turn
	}
	c.admissionTold = spec
}

// admission is what the API server is to know now: nothing where no Job is to be suspended before it expires.
func (c *Controller) admission() *v1alpha1.PeakAdmissionSpec {
	moment, now := c.moment()
	server := c.ServerClock.Now()
	spec := &v1alpha1.PeakAdmissionSpec{Rules: moment.Admission(now.Add(c.AdmissionFor))}
	if len(spec.Rules) == 0 {
		return spec
	}
	expires := metav1.NewTime(server.Add(c.AdmissionFor).Truncate(time.Second))
	spec.Expires = &expires
	if ahead := c.Clock.Now().Sub(server).Round(time.Second); ahead != 0 {
		spec.Ahead = &metav1.Duration{Duration: ahead}
	}
	spec.Queues = c.cluster.Queues()
	spec.PriorityClasses, spec.DefaultPriority = c.cluster.PriorityClasses()
	slices.SortFunc(spec.PriorityClasses, func(a, b v1alpha1.PeakPriorityClass) int { return cmp.Compare(a.Name, b.Name) })
	return spec
}

// outdated tells that what was told is not what is to be told, or expires before then, or later than if it were told now.
func outdated(told, spec *v1alpha1.PeakAdmissionSpec, then time.Time) bool {
	if told.Expires != nil && (told.Expires.Time.Before(then) || spec.Expires.Before(told.Expires)) {
		return true
	}
	is := *spec
	is.Expires = told.Expires
	return !apiequality.Semantic.DeepEqual(told, &is)
}

func (c *Controller) writeAdmission(ctx context.Context, spec *v1alpha1.PeakAdmissionSpec) error {
	resource := c.Client.Resource(peakAdmissions)
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec", "value": spec}})
	if err != nil {
		return fmt.Errorf("writing %s: %w", admissionKind, err)
	}
	_, err = resource.Patch(ctx, v1alpha1.PeakAdmissionName, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: admissionManager})
	if !apierrors.IsNotFound(err) || len(spec.Rules) == 0 {
		return err
	}
	var object map[string]any
	text, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": admissionKind,
		"metadata": map[string]any{"name": v1alpha1.PeakAdmissionName}, "spec": spec,
	})
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", admissionKind, err)
	}
	_, err = resource.Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{FieldManager: admissionManager})
	return err
}
