package app

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/internal/promapi"
	"github.com/evenkeel/evenkeel/simulator/shaving"
)

// week is one that was played, as it was and with policies.
type week struct {
	without, with shaving.Result
	jobs          int
}

// past is the load that was measured up to a time, as the flags say; ok is false where they say nothing.
func (f *forecast) past(ctx context.Context, until time.Time) (s history.Series, ok bool, err error) {
	switch {
	case f.prometheus != "" && f.usage != "":
		return s, false, errors.New("give either --prometheus or --usage-csv")
	case f.prometheus != "":
		from, err := promapi.New(promapi.Config{Address: f.prometheus})
		if err != nil {
			return s, false, err
		}
		f.ran = &meter.Ran{From: from, Query: meter.PodQuery("namespace", "pod"), Namespace: "namespace", Pod: "pod"}
		s, err = meter.Past(ctx, from, f.query, until, meter.Days)
		return s, true, err
	case f.usage != "":
		file, err := os.Open(f.usage)
		if err != nil {
			return s, false, fmt.Errorf("reading --usage-csv: %w", err)
		}
		defer file.Close()
		if s, err = readSeries(file); err != nil {
			return s, false, fmt.Errorf("reading --usage-csv %s: %w", f.usage, err)
		}
		return s, true, nil
	}
	return s, false, nil
}

// mostSteps bounds how long a series may be: a year.
const mostSteps = 366 * 288

// readSeries reads time,cores: times as RFC 3339 writes them or in seconds since 1970, rising. Values within a step of five
// minutes are averaged; steps without any are unknown.
func readSeries(in io.Reader) (s history.Series, err error) {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = 2
	header, err := rows.Read()
	if err != nil {
		return s, fmt.Errorf("reading the header: %w", err)
	}
	if !slices.Equal(header, []string{"time", "cores"}) {
		return s, fmt.Errorf("line 1: the header is %q, not time,cores", header)
	}
	var means means
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return means.series(), nil
		}
		if err != nil {
			return s, err
		}
		at, cores, err := readRow(row)
		if err == nil {
			err = means.add(at, cores)
		}
		if err != nil {
			line, _ := rows.FieldPos(0)
			return s, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// means of steps of five minutes in the making.
type means struct {
	start        time.Time
	sums, counts []float64
}

func (m *means) add(at time.Time, cores float64) error {
	if m.start.IsZero() {
		m.start = at.Truncate(meter.Step)
	}
	i := int(at.Sub(m.start) / meter.Step)
	if at.Before(m.start) || i < len(m.sums)-1 || i >= mostSteps {
		return errors.New("field time: does not come after the line before, or lies more than a year after the first")
	}
	for len(m.sums) <= i {
		m.sums, m.counts = append(m.sums, 0), append(m.counts, 0)
	}
	m.sums[i], m.counts[i] = m.sums[i]+cores, m.counts[i]+1
	return nil
}

func (m *means) series() history.Series {
	s := history.Series{Start: m.start, Step: meter.Step}
	for i := range m.sums {
		cpu := int64(-1)
		if m.counts[i] > 0 {
			cpu = int64(math.Round(m.sums[i] / m.counts[i] * 1000))
		}
		s.CPU = append(s.CPU, cpu)
	}
	return s
}

func readRow(row []string) (at time.Time, cores float64, err error) {
	seconds, err := strconv.ParseFloat(row[0], 64)
	if err == nil && math.Abs(seconds) < 1e11 {
		at = time.Unix(int64(seconds), 0).UTC()
	} else if at, err = time.Parse(time.RFC3339, row[0]); err != nil {
		return at, 0, fmt.Errorf("field time: %q is neither RFC 3339 nor seconds since 1970", row[0])
	}
	cores, err = strconv.ParseFloat(row[1], 64)
	if err != nil || cores < 0 || cores > 1e9 || math.IsNaN(cores) {
		return at, 0, fmt.Errorf("field cores: %q is no amount of CPU", row[1])
	}
	return at, cores, nil
}

// replay plays the last week of a load.
func (f *forecast) replay(ctx context.Context, past history.Series, policies []*policy.Policy) (*week, error) {
	const days = 7
	to := past.Start.Add(time.Duration(len(past.CPU)) * past.Step)
	from := to.Add(-days * hoursADay * time.Hour)
	if from.Before(past.Start) {
		return nil, fmt.Errorf("the usage begins at %s and ends at %s: a week is needed", past.Start.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	capacity := f.capacity * 1000
	if capacity == 0 {
		capacity = slices.Max(past.CPU) // the ceilings are shares of the highest load
	}
	options := shaving.Options{From: from, To: to, Policies: policies, Capacity: capacity}
	uses, err := f.work(ctx, &options)
	if err != nil {
		return nil, err
	}
	options.Base = past.Without(uses)
	w := &week{with: shaving.Play(&options), jobs: len(options.Work)}
	options.Policies = nil
	w.without = shaving.Play(&options)
	return w, nil
}

// work is what finished Jobs were that policies with a ceiling would have put off, and what they used.
func (f *forecast) work(ctx context.Context, options *shaving.Options) ([]history.Use, error) {
	var jobs []meter.Job
	moment := policy.At(options.To, options.Policies)
	for _, item := range f.cluster.Targets[v1alpha1.Job].List() {
		u := target.AsObject(item)
		run, ok := target.Run(u)
		state, err := ledger.Read(v1alpha1.Job, u)
		if !ok || err != nil || run.Ended.After(options.To) {
			continue
		}
		if run.Ended.Before(options.From) {
			options.Past = append(options.Past, run)
			continue
		}
		o := f.cluster.Object(v1alpha1.Job, u, state)
		if created := o.Job.Created; moment.Defers(o) && !created.Before(options.From) {
			options.Work = append(options.Work, shaving.Work{
				Name: run.Name, Family: run.Family, Created: created, Deadline: moment.Deadline(o), CPU: target.Request(u), Took: run.Took, Object: o,
			})
			jobs = append(jobs, meter.Job{Namespace: o.Namespace, Name: o.Name, Pods: target.Pods(u), Started: run.Ended.Add(-run.Took), Ended: run.Ended})
		}
	}
	return f.used(ctx, options, jobs)
}

// used is what the work used, by what was measured where it was; the Jobs are in its order.
func (f *forecast) used(ctx context.Context, options *shaving.Options, jobs []meter.Job) (uses []history.Use, err error) {
	var measured meter.Uses
	if f.ran != nil {
		if measured, err = f.ran.All(ctx, jobs, options.To); err != nil {
			return nil, err
		}
	}
	for i := range options.Work {
		w := &options.Work[i]
		if use, ok := measured[w.Name]; ok {
			w.CPU = use.CPU
		}
		uses = append(uses, history.Use{CPU: w.CPU, From: jobs[i].Started, To: jobs[i].Ended})
	}
	return uses, nil
}
