package peak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
	"github.com/evenkeel/evenkeel/internal/controlplane"
	"github.com/evenkeel/evenkeel/manifests"
)

const day = 24 * time.Hour

// podSpec has a pod on its contender's node at once: who places it is not the matter here.
func podSpec(contender string) v1.PodSpec {
	return v1.PodSpec{
		NodeName: contender, AutomountServiceAccountToken: ptr.To(false), RestartPolicy: v1.RestartPolicyNever,
		Containers: []v1.Container{{Name: "work", Image: "pause"}},
	}
}

func (s *stage) node(contender string) *v1.Node {
	return controlplane.NewNode(contender, nil, v1.ResourceList{
		v1.ResourceCPU: *resource.NewQuantity(int64(s.plan.Capacity), resource.DecimalSI), v1.ResourcePods: resource.MustParse("5000"),
	})
}

func servicePod(contender string, i int) *v1.Pod {
	spec := podSpec(contender)
	spec.RestartPolicy = v1.RestartPolicyAlways
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: contender, Name: serviceName(i)}, Spec: spec}
}

func serviceName(i int) string { return fmt.Sprintf("service-%03d", i) }

// job is one whose pod runs for its time, and that says by when it must be done, by the day's clock. The runs of all days
// have the same generateName, which tells that they are alike.
func (s *stage) job(contender string, j *workload.Job) *batchv1.Job {
	spec := podSpec(contender)
	spec.Containers[0].Resources.Requests = v1.ResourceList{v1.ResourceCPU: *resource.NewMilliQuantity(millicores(j.Cores), resource.DecimalSI)}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: contender, Name: j.Name, GenerateName: j.Name + "-",
			Annotations: map[string]string{v1alpha1.AnnotationDeadline: s.epoch.Add(j.Due).Format(time.RFC3339)},
		},
		Spec: batchv1.JobSpec{Template: v1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{controlplane.RunForAnnotation: s.wall(j.Run).String()}},
			Spec:       spec,
		}},
	}
}

// archivist keeps the status of Jobs of earlier days: the Job controller leaves them to it.
const archivist = "evenkeel.dev/earlier-days"

// earlier is the Job as it ran before, done. Its times are the day's clock's.
func (s *stage) earlier(j *workload.Job, run int) *batchv1.Job {
	job := s.job(withPolicy, j)
	job.Name = fmt.Sprintf("%s-%d", j.Name, run)
	job.Spec.ManagedBy = ptr.To(archivist)
	began := s.epoch.Add(j.Earlier[run].Began)
	end := metav1.NewTime(began.Add(j.Earlier[run].Took))
	job.Status = batchv1.JobStatus{StartTime: ptr.To(metav1.NewTime(began)), CompletionTime: &end, Succeeded: 1}
	for _, condition := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: condition, Status: v1.ConditionTrue, Reason: batchv1.JobReasonCompletionsReached, LastProbeTime: end, LastTransitionTime: end,
		})
	}
	return job
}

const policyName = "busy-hours"

var peakPolicies = v1alpha1.GroupVersion.WithResource("peakpolicies")

// policy is what the second contender has: its Jobs wait while services are busiest, and then for room, unless they are due.
func (s *stage) policy() *v1alpha1.PeakPolicy {
	opens, closes := s.plan.Begins+s.plan.Open, s.plan.Begins+s.plan.Close
	return &v1alpha1.PeakPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "PeakPolicy"},
		ObjectMeta: metav1.ObjectMeta{Namespace: withPolicy, Name: policyName},
		Spec: v1alpha1.PeakPolicySpec{
			Windows: []v1alpha1.PeakWindow{{
				Name: "busy", TimeZone: "UTC", From: s.plan.At(s.plan.Open), To: s.plan.At(s.plan.Close), ToDaysLater: int32(closes/day - opens/day),
			}},
			Selection: v1alpha1.PeakSelection{Kinds: []v1alpha1.TargetKind{v1alpha1.Job}},
			Action:    v1alpha1.PeakAction{Suspend: ptr.To(true)},
			Ceiling:   &v1alpha1.PeakCeiling{CPU: int32(s.Ceiling)},
			Deadline:  &v1alpha1.PeakDeadline{ExpectedRunTime: metav1.Duration{Duration: s.plan.Longest}},
		},
	}
}

func (s *stage) createPolicy(ctx context.Context) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s.policy())
	if err != nil {
		return err
	}
	delete(content, "status")
	policies := s.dynamic.Resource(peakPolicies).Namespace(withPolicy)
	_, err = policies.Create(ctx, &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	return err
}

// createAdmission has the API server suspend Jobs that are created in a window.
func (s *stage) createAdmission(ctx context.Context) error {
	documents := yaml.NewYAMLToJSONDecoder(bytes.NewReader(manifests.PeakAdmission))
	var policy admissionregistrationv1.MutatingAdmissionPolicy
	var binding admissionregistrationv1.MutatingAdmissionPolicyBinding
	if err := errors.Join(documents.Decode(&policy), documents.Decode(&binding)); err != nil {
		return fmt.Errorf("reading the admission policy: %w", err)
	}
	if err := documents.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the admission policy: there is more than the policy and its binding: %w", err)
	}
	client := s.client.AdmissionregistrationV1()
	_, err := client.MutatingAdmissionPolicies().Create(ctx, &policy, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if _, err = client.MutatingAdmissionPolicyBindings().Create(ctx, &binding, metav1.CreateOptions{}); apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// epochOf is when the day begins by its own clock: tomorrow, so that it is never behind the API server's.
func epochOf(now time.Time, begins time.Duration) time.Time {
	return now.UTC().Truncate(day).Add(day + begins)
}

// inHours rounds for people.
func inHours(d time.Duration) string {
	return fmt.Sprintf("%.0f h", math.Round(d.Hours()))
}
