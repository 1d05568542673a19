package backlog

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// kept is how many of the latest runs of a family count, as they do for run times.
const kept = 50

// uses are what Jobs use of CPU.
type uses struct {
	jobs meter.Uses
	// families have what one pod used in runs of each, in millicores.
	families map[string]int64
}

// asked is a Job whose use can be measured: it runs, or has run and succeeded.
func (j *job) asked() (asked meter.Job, ok bool) {
	asked = meter.Job{Namespace: j.Namespace, Name: j.Name, Pods: target.Pods(j.u), Started: j.Job.Started}
	if run, ok := target.Run(j.u); ok {
		asked.Started, asked.Ended = run.Ended.Add(-run.Took), run.Ended
		return asked, true
	}
	if active, _, _ := unstructured.NestedInt64(j.u.Object, "status", "active"); active > 0 {
		asked.Pods = active
	}
	return asked, j.runs() && !j.Job.Started.IsZero()
}

// runs tells that a Job was released and has not ended.
func (j *job) runs() bool { return !j.Job.Finished && !j.state.Current.Suspend }

// usesOf learns from what Jobs were measured to use what Jobs like them will: by pod, since they may have other numbers of
// them, the mean of the latest runs.
func usesOf(jobs []job, measured meter.Uses) *uses {
	all := &uses{jobs: measured, families: map[string]int64{}}
	families := map[string][]measuredRun{}
	for _, j := range jobs {
		run, ok := target.Run(j.u)
		if use, known := measured[target.NameOf(j.u)]; ok && known {
			families[run.Family] = append(families[run.Family], measuredRun{run, max(1, use.CPU/target.Pods(j.u))})
		}
	}
	for family, runs := range families {
		slices.SortFunc(runs, func(a, b measuredRun) int { return cmp.Or(b.Ended.Compare(a.Ended), cmp.Compare(a.Name, b.Name)) })
		runs = runs[:min(kept, len(runs))]
		sum := int64(0)
		for _, r := range runs {
			sum += r.cpu
		}
		all.families[family] = sum / int64(len(runs))
	}
	return all
}

// measuredRun is one with what each of its pods used.
type measuredRun struct {
	history.Run

	cpu int64
}

// cpu that a Job is expected to use, in millicores: as runs like it did, else what its pods request. 0 where neither is known.
func (m *uses) cpu(u *unstructured.Unstructured) int64 {
	if cpu, ok := m.families[target.Family(u)]; ok {
		return cpu * target.Pods(u)
	}
	return target.Request(u)
}

// count a Job that does not wait in what runs, or has run.
func (m *uses) count(work *meter.Work, j *job) {
	var measured *meter.Use
	cpu := j.Job.CPU
	if use, ok := m.jobs[target.NameOf(j.u)]; ok {
		measured, cpu = &use, use.CPU
	}
	switch run, ok := target.Run(j.u); {
	case ok:
		work.Ended = append(work.Ended, history.Use{CPU: cpu, From: run.Ended.Add(-run.Took), To: run.Ended})
	case j.runs():
		work.Running = append(work.Running, meter.Running{CPU: j.Job.CPU, Measured: measured, Started: j.Job.Started, RunTime: j.Job.RunTime})
	}
}
