package meter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/internal/usage/workload"
)

const (
	// Pods stands in a query for a regular expression of names.
	Pods = "$pods"
	// asked is of how many Jobs one query asks at most.
	asked = 200
	// settled is how long after its end all samples of a Job have come.
	settled = 2 * time.Minute
	// points that an answer has of a series at most: Prometheus gives no more than 11,000.
	points = 10_000
)

// Ran knows what Jobs used that have ended, each of which it asks for once. What it keeps can be read again.
type Ran struct {
	From Ranger
	// Query is the CPU of pods, in cores, each value a mean over five minutes; $pods in it stands for a regular expression of
	// their names.
	Query string
	// Namespace and Pod are the labels that name a pod.
	Namespace, Pod string

	known map[run]*Use // nil: nothing was measured
	after time.Time    // to ask again
}

// run of a Job: another of its name may come later.
type run struct {
	name  string
	ended int64
}

func runOf(j *Job) run { return run{j.name(), j.Ended.Unix()} }

// PodQuery is the CPU of pods by cAdvisor, named by labels.
func PodQuery(namespace, pod string) string {
	return fmt.Sprintf(`sum by (%s, %s) (rate(container_cpu_usage_seconds_total{container!="",container!="POD",%s=~"%s"}[5m]))`,
		namespace, pod, pod, Pods)
}

// Uses of Jobs over their runs. Those not asked for before are, the last of them first; where they cannot be read, that is
// tried again later, and what is known is told along with the error.
func (r *Ran) Uses(ctx context.Context, jobs []Job, now time.Time) (Uses, error) {
	known, uses := map[run]*Use{}, Uses{} // those that nobody asks for are forgotten
	var unknown []*Job
	for i := range jobs {
		job := &jobs[i]
		use, ok := r.known[runOf(job)]
		switch {
		case ok:
			known[runOf(job)] = use
		case !job.Ended.After(now.Add(-settled)) && job.Ended.After(now.AddDate(0, 0, -Days)):
			unknown = append(unknown, job)
		}
	}
	slices.SortFunc(unknown, func(a, b *Job) int { return b.Ended.Compare(a.Ended) })
	r.known = known
	err := r.learn(ctx, unknown[:min(asked, len(unknown))], namesOf(jobs), now)
	for of, use := range known {
		if use != nil {
			uses[of.name] = *use
		}
	}
	return uses, err
}

// All is Uses of all Jobs at once, however many queries it takes.
func (r *Ran) All(ctx context.Context, jobs []Job, now time.Time) (uses Uses, err error) {
	for before := -1; before < len(r.known) && err == nil; {
		before = len(r.known)
		uses, err = r.Uses(ctx, jobs, now)
	}
	return uses, err
}

// learn what Jobs used that are not known.
func (r *Ran) learn(ctx context.Context, unknown []*Job, names names, now time.Time) error {
	if len(unknown) == 0 || now.Before(r.after) {
		return nil
	}
	matrix, err := r.ask(ctx, unknown)
	if err != nil {
		r.after = now.Add(ReadAgain)
		return err
	}
	read := r.mean(names, matrix)
	for _, job := range unknown {
		r.known[runOf(job)] = nil
		if use, ok := read[job.name()]; ok {
			r.known[runOf(job)] = &use
		}
	}
	return nil
}

// ask for the pods of Jobs over the time in which these ran.
func (r *Ran) ask(ctx context.Context, jobs []*Job) (model.Matrix, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	over := promv1.Range{Start: jobs[0].Started, End: jobs[0].Ended} // the last to end
	bases := map[string]bool{}
	for _, job := range jobs {
		bases[workload.Base(job.Name)] = true
		if job.Started.Before(over.Start) {
			over.Start = job.Started
		}
	}
	if earliest := over.End.AddDate(0, 0, -Days); over.Start.Before(earliest) {
		over.Start = earliest
	}
	over.Step = (over.End.Sub(over.Start) / points).Truncate(time.Minute) + time.Minute
	pattern := workload.PatternOf(slices.Sorted(maps.Keys(bases)))
	query := strings.ReplaceAll(r.Query, Pods, strings.ReplaceAll(pattern, `\`, `\\`)) // as PromQL quotes it
	value, _, err := r.From.QueryRange(ctx, query, over)
	if err != nil {
		return nil, fmt.Errorf("asking Prometheus what the pods of %d Jobs used: %w", len(jobs), err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("asking Prometheus what the pods of Jobs used: the answer is no series")
	}
	return matrix, nil
}

// mean of what the pods of each Job used together, over the times of which the last five minutes were of its run.
func (r *Ran) mean(names names, matrix model.Matrix) Uses {
	sums, times := map[*Job]float64{}, map[*Job]map[model.Time]bool{}
	for _, series := range matrix {
		job := names.of(string(series.Metric[model.LabelName(r.Namespace)]), string(series.Metric[model.LabelName(r.Pod)]))
		if job == nil {
			continue
		}
		if times[job] == nil {
			times[job] = map[model.Time]bool{}
		}
		for _, sample := range series.Values {
			at := sample.Timestamp.Time()
			if at.Before(job.Started.Add(averaged)) || at.After(job.Ended) || !measurable(sample.Value) {
				continue
			}
			times[job][sample.Timestamp] = true
			sums[job] += float64(sample.Value)
		}
	}
	uses := Uses{}
	for job, at := range times {
		if len(at) > 0 {
			uses.add(job, sums[job]/float64(len(at)), 0)
		}
	}
	return uses
}
