package peak

import (
	"bytes"
	_ "embed" // the Jobs
	"encoding/csv"
	"fmt"
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

// Job is a piece of work that can wait.
type Job struct {
	Name    string
	Arrives time.Duration // since the beginning of the day
	Run     time.Duration
	Cores   float64
	Due     time.Duration // since the beginning of the day; may lie after its end
}

// work is what a Job does, in core-hours.
func (j *Job) work() float64 { return j.Cores * j.Run.Hours() }

// recorded is a Job as the trace has it: it arrives at that time after midnight.
type recorded struct {
	at, run time.Duration
	cores   float64
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

// draw takes Jobs until they have so much work, in core-hours, and returns them in the order in which they arrive on a day
// that begins at a time after midnight. Each is due a time after it arrives.
func draw(all []recorded, random *rand.Rand, work float64, begins, due time.Duration) []Job {
	var jobs []Job
	for len(all) > 0 && work > 0 {
		r := all[random.IntN(len(all))]
		arrives := (r.at - begins + 2*day) % day
		jobs = append(jobs, Job{Arrives: arrives, Run: r.run, Cores: r.cores, Due: arrives + due})
		work -= jobs[len(jobs)-1].work()
	}
	slices.SortStableFunc(jobs, func(a, b Job) int { return int(a.Arrives - b.Arrives) })
	for i := range jobs {
		jobs[i].Name = fmt.Sprintf("job-%03d", i)
	}
	return jobs
}
