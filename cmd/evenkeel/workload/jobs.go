package workload

import (
	"bytes"
	_ "embed" // the Jobs
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// recordedJobs are the best-effort pods of Alibaba's openb trace that ran for half an hour to six hours on 16 CPUs at most:
// when in the day they were created, how long they ran, and what they requested.
//
//go:embed jobs.csv
var recordedJobs []byte

// spread is the standard deviation of the logarithm of a Job's run times from day to day.
const spread = 0.25

// Job is a piece of work that can wait. Its like comes every day.
type Job struct {
	Name    string
	Arrives time.Duration // since the beginning of the day
	Run     time.Duration
	Cores   float64
	Due     time.Duration // since the beginning of the day; may lie after its end
	Earlier []Run         // the latest first
}

// Run is one on a day before, that had ended when the day began.
type Run struct {
	Began time.Duration // since the beginning of the day: below 0
	Took  time.Duration
}

// work is what a Job does, in core-hours.
func (j *Job) work() float64 { return j.Cores * j.Run.Hours() }

// recorded is a Job as the trace has it: it arrives at that time after midnight.
type recorded struct {
	at, run time.Duration
	cores   float64
}

// vary is how long it runs on some day.
func (r *recorded) vary(random *rand.Rand) time.Duration {
	return time.Duration(float64(r.run) * math.Exp(spread*random.NormFloat64()))
}

func loadJobs(text []byte) ([]recorded, error) {
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the Jobs: %w", err)
	}
	var all []recorded
	for i, row := range rows[1:] {
		var numbers [3]int64
		for n := range numbers {
			if numbers[n], err = strconv.ParseInt(row[n+1], 10, 64); err != nil || numbers[n] < 0 {
				return nil, fmt.Errorf("reading the Jobs: line %d: %s is %q, which is no number of 0 or more", i+2, rows[0][n+1], row[n+1])
			}
		}
		all = append(all, recorded{
			at: time.Duration(numbers[0]) * time.Second, run: time.Duration(numbers[1]) * time.Second, cores: float64(numbers[2]) / 1000,
		})
	}
	return all, nil
}

// jobs are drawn until they have so much work, in core-hours, in the order in which they arrive on a day that begins at a time
// after midnight. How long each runs, today and on earlier days, lies around what was recorded.
func (o *Options) jobs(all []recorded, random *rand.Rand, work float64, begins time.Duration) []Job {
	var jobs []Job
	past := rand.New(rand.NewPCG(o.Seed, 1)) // so that the day is the same, whatever is known of others
	for len(all) > 0 && work > 0 {
		r := all[random.IntN(len(all))]
		arrives := (r.at - begins + 2*day) % day
		j := Job{Arrives: arrives, Run: r.vary(random), Cores: r.cores, Due: arrives + o.Due}
		for ago := 1; ago <= o.Runs; ago++ {
			run := Run{Began: arrives - time.Duration(ago)*day, Took: r.vary(past)}
			if run.Began+run.Took <= 0 {
				j.Earlier = append(j.Earlier, run)
			}
		}
		jobs = append(jobs, j)
		work -= j.work()
	}
	slices.SortStableFunc(jobs, func(a, b Job) int { return int(a.Arrives - b.Arrives) })
	for i := range jobs {
		jobs[i].Name = fmt.Sprintf("job-%03d", i)
	}
	return jobs
}
