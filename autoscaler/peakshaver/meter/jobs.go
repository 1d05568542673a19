package meter

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/workload"
)

// Job is one whose use is asked for.
type Job struct {
	Namespace, Name string
	// Pods that it has at once.
	Pods int64
	// Started is when they began to run, and Ended when their work was done; zero: it is not.
	Started, Ended time.Time
}

// Use is what the pods of a Job were measured to use of CPU, in millicores.
type Use struct {
	// CPU of all of them: now, or over the run of a Job that has ended.
	CPU int64
	// Shown is what of it is in the load of the nodes: pods that have just begun are not measured yet.
	Shown int64
}

// Uses are what Jobs were measured to use, by name with namespace. Those of which nothing was measured are not there.
type Uses map[string]Use

// Jobs tells what Jobs use by a snapshot, which knows pods by name: of one that runs, the mean of its pods that were measured
// lately times the pods that it has; of one that has ended, the 95th percentiles of those that are still known, since what a
// pod used in its last minutes says little of its run.
func Jobs(snapshot *usage.Snapshot, jobs []Job, now time.Time) Uses {
	names := namesOf(jobs)
	sums, counts := map[*Job]float64{}, map[*Job]float64{}
	for pod, used := range snapshot.Pods() {
		job := names.of(pod.Namespace, pod.Name)
		if job == nil {
			continue
		}
		sample := used[usage.CPU][usage.P95]
		if job.Ended.IsZero() {
			sample = used[usage.CPU][usage.Mean]
		}
		if sample.Known() && (!job.Ended.IsZero() || sample.Age(now) <= fresh) {
			sums[job] += sample.Value
			counts[job]++
		}
	}
	uses := Uses{}
	for job, n := range counts {
		uses.add(job, sums[job]/n*float64(job.Pods), sums[job])
	}
	return uses
}

// add what a Job uses, in cores. It is known, and so not 0, which is what Jobs have of which nothing is.
func (u Uses) add(job *Job, cores, shown float64) {
	u[job.name()] = Use{CPU: max(1, int64(math.Round(cores*1000))), Shown: int64(math.Round(shown * 1000))}
}

func (j *Job) name() string { return j.Namespace + "/" + j.Name }

// names find Jobs by those of their pods; nil where these do not tell several Jobs apart.
type names map[usage.Object]*Job

func namesOf(jobs []Job) names {
	n := names{}
	for i := range jobs {
		base := usage.Object{Namespace: jobs[i].Namespace, Name: workload.Base(jobs[i].Name)}
		job := &jobs[i]
		if _, taken := n[base]; taken {
			job = nil
		}
		n[base] = job
	}
	return n
}

// of a pod, its Job. One with indexes is found where there is none that is called like it with the index.
func (n names) of(namespace, pod string) *Job {
	base, indexed := workload.Bases(pod)
	if job, ok := n[usage.Object{Namespace: namespace, Name: base}]; ok {
		return job
	}
	return n[usage.Object{Namespace: namespace, Name: indexed}]
}
