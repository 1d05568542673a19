package backlog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	robfig "github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// cron is a CronJob whose Jobs policies with a ceiling select.
type cron struct {
	name string // with its namespace
	self *policy.Object
	// job is one that it will create.
	job
	// schedule is robfig/cron's, as the CronJob controller's is: it fires when that does, whatever the clocks do.
	schedule robfig.Schedule
	created  time.Time
	// one tells that there is but one of its Jobs at a time.
	one bool
	// next run, in the walk through them all.
	next time.Time
	// busy is until when a Job of it is held.
	busy time.Time
}

// cronsOf a cluster in order of their names, without those that create nothing or what no policy with a ceiling selects.
func cronsOf(cluster *target.Cluster, moment *policy.Moment) []*cron {
	objects := cluster.Targets[v1alpha1.CronJob]
	if objects == nil {
		return nil
	}
	var all []*cron
	for _, item := range objects.List() {
		if c := cronOf(cluster, target.AsObject(item)); c != nil && moment.Defers(c.Object) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *cron) int { return cmp.Compare(a.name, b.name) })
	return all
}

// cronOf a CronJob; nil where it creates nothing, or nothing that can be read.
func cronOf(cluster *target.Cluster, u *unstructured.Unstructured) *cron {
	state, err := ledger.Read(v1alpha1.CronJob, u)
	if err != nil || u.GetDeletionTimestamp() != nil || state.Original.Suspend {
		return nil
	}
	schedule, err := scheduleOf(u)
	if err != nil {
		return nil
	}
	job, err := made(cluster, u)
	if err != nil || job.Original.Suspend {
		return nil
	}
	concurrency, _, _ := unstructured.NestedString(u.Object, "spec", "concurrencyPolicy")
	return &cron{
		name: target.NameOf(u), self: cluster.Object(v1alpha1.CronJob, u, state), job: job, schedule: schedule, created: u.GetCreationTimestamp().Time,
		one: concurrency == string(batchv1.ForbidConcurrent) || concurrency == string(batchv1.ReplaceConcurrent),
	}
}

// scheduleOf a CronJob, in its zone. Without one it is the controller manager's, which is taken for UTC.
func scheduleOf(u *unstructured.Unstructured) (robfig.Schedule, error) {
	text, _, _ := unstructured.NestedString(u.Object, "spec", "schedule")
	zone, _, _ := unstructured.NestedString(u.Object, "spec", "timeZone")
	return parse(text, zone)
}

// parse a schedule. Old CronJobs may name a zone in it, which then counts.
func parse(text, zone string) (robfig.Schedule, error) {
	if !strings.Contains(text, "TZ=") {
		text = "TZ=" + cmp.Or(zone, "UTC") + " " + text
	}
	if !strings.Contains(text, " ") { // the parser panics
		return nil, fmt.Errorf("reading the schedule %q: it has a zone alone", text)
	}
	return robfig.ParseStandard(text)
}

// made is a Job as a CronJob creates them, without a name.
func made(cluster *target.Cluster, u *unstructured.Unstructured) (job, error) {
	template, _, err := unstructured.NestedMap(u.Object, "spec", "jobTemplate")
	if err != nil {
		return job{}, fmt.Errorf("reading the jobTemplate of %s: %w", target.NameOf(u), err)
	}
	of := &unstructured.Unstructured{Object: template}
	of.SetAPIVersion(batchv1.SchemeGroupVersion.String())
	of.SetKind(string(v1alpha1.Job))
	of.SetNamespace(u.GetNamespace())
	of.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(u, batchv1.SchemeGroupVersion.WithKind(string(v1alpha1.CronJob)))})
	state, err := ledger.Read(v1alpha1.Job, of)
	if err != nil {
		return job{}, fmt.Errorf("reading the jobTemplate of %s: %w", target.NameOf(u), err)
	}
	return newJob(cluster.Object(v1alpha1.Job, of, state), of, state), nil
}

// at is a Job that is created at a time, named as the CronJob controller does: by the minute.
func (c *cron) at(t time.Time) *policy.Object {
	o, job := *c.Object, *c.Job
	job.Created = t
	o.Name, o.Job = fmt.Sprintf("%s-%d", c.self.Name, t.Unix()/60), &job
	return &o
}

// fires tells that a run comes at a time.
func (c *cron) fires(t time.Time) bool { return c.schedule.Next(t.Add(-time.Second)).Equal(t) }

// after a time, when the next run comes; end where that is never.
func (c *cron) after(t, end time.Time) time.Time {
	if next := c.schedule.Next(t); !next.IsZero() {
		return next
	}
	return end
}
