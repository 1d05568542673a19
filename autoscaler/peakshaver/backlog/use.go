package backlog

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// uses are what Jobs use of CPU.
type uses struct {
	jobs meter.Uses
	// families have what one pod used in runs of each, in millicores.
	families map[string]int64
}

// asked is a Job whose use can be measured: it runs, or has run and succeeded.
func (j *job) asked() (asked meter.Job, ok bool) {
	asked = meter.Job{Namespace: j.Namespace, Name: j.Name, Pods: target.Pods(j.u), Started: j.Job.Started}
	if j.ended {
		asked.Started, asked.Ended = j.run.Ended.Add(-j.run.Took), j.run.Ended
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
	families, pods := map[string][]history.Run{}, map[string]int64{} // what each pod of a run used
	for i := range jobs {
		j := &jobs[i]
		if use, known := measured[j.run.Name]; j.ended && known {
			families[j.family] = append(families[j.family], j.run)
			pods[j.run.Name] = max(1, use.CPU/target.Pods(j.u))
		}
	}
	for family, runs := range families {
		latest, sum := history.Latest(runs), int64(0)
		for _, r := range latest {
			sum += pods[r.Name]
		}
		all.families[family] = sum / int64(len(latest))
	}
	return all
}

// cpu that a Job is expected to use, in millicores: as runs like it did, else what its pods request. 0 where neither is known.
func (m *uses) cpu(j *job) int64 {
	if cpu, ok := m.families[j.family]; ok {
		return cpu * target.Pods(j.u)
	}
	return target.Request(j.u)
}

// count a Job that does not wait in what runs, or has run.
func (m *uses) count(work *meter.Work, j *job) {
	var measured *meter.Use
	cpu := j.Job.CPU
	if use, ok := m.jobs[target.NameOf(j.u)]; ok {
		measured, cpu = &use, use.CPU
	}
	switch {
	case j.ended:
		work.Ended = append(work.Ended, history.Use{CPU: cpu, From: j.run.Ended.Add(-j.run.Took), To: j.run.Ended})
	case j.runs():
		work.Running = append(work.Running, meter.Running{CPU: j.Job.CPU, Measured: measured, Started: j.Job.Started, RunTime: j.Job.RunTime})
	}
}
