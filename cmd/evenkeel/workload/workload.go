// Package workload draws a day of a cluster from traces: services, Jobs that can wait and come every day, and the days before
// that somebody who plans may know.
package workload

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

const (
	day = 24 * time.Hour
	// hours of a day.
	hours = 24
	// maxCores of a machine of the trace; a few larger ones would be all that there is to see.
	maxCores = 16
	// HistoryDays are the days before the one that is played of which is known what services used: a forecast looks back a
	// week, and judges itself by another.
	HistoryDays = 14
)

// Options say what is drawn. All times are of the day that is played.
type Options struct {
	Length      time.Duration
	Services    int           // days of each machine of the trace that are played at once
	ServicePeak int           // of the cluster's CPU, what services used in their highest hour on the days before, in per cent
	Batch       int           // of all work, what can wait, in per cent
	Due         time.Duration // how long after it was created a Job must be done
	Runs        int           // of each Job that are known, one on each of the days before
	Window      time.Duration // the busiest hours of the days before, whole hours
	Seed        uint64
}

// Default is what `evenkeel up` plays.
func Default() Options {
	return Options{
		Length: 30 * time.Hour, Services: 6, ServicePeak: 50, Batch: 30, Due: 24 * time.Hour, Runs: 3, Window: 8 * time.Hour, Seed: 1,
	}
}

// Day is what the options come to: the same seed gives the same day.
type Day struct {
	// Begins is the time after midnight, in the trace's own clocks (UTC), at which the day begins.
	Begins time.Duration
	// Services cannot wait; their time zero is the beginning of the day.
	Services []Service
	// Capacity of the cluster in cores.
	Capacity float64
	// Open and Close are when the window does, since the beginning of the day.
	Open, Close time.Duration
	// Jobs in the order in which they arrive.
	Jobs []Job
	// Longest run time that was recorded of any Job.
	Longest time.Duration
}

// Service is a pod that does the work of one machine on several of its days.
type Service []bitbrains.Curve

// Mean use in cores over a stretch of the day.
func (s Service) Mean(from, to time.Duration) float64 {
	var sum float64
	for _, curve := range s {
		sum += curve.Mean(from, to)
	}
	return sum
}

// Asked is what services ask for over a stretch of the day, or of one before, in cores.
func (d *Day) Asked(from, to time.Duration) float64 {
	var cores float64
	for _, s := range d.Services {
		cores += s.Mean(from, to)
	}
	return cores
}

// Draw a day. What the cluster's size and the window follow is the days before, not this one.
func Draw(o *Options) (*Day, error) {
	trace, err := bitbrains.Load()
	if err != nil {
		return nil, err
	}
	recorded, err := loadJobs(recordedJobs)
	if err != nil {
		return nil, err
	}
	return o.draw(trace, recorded)
}

func (o *Options) draw(trace *bitbrains.Trace, recorded []recorded) (*Day, error) {
	random := rand.New(rand.NewPCG(o.Seed, 0))
	d := &Day{Longest: longest(recorded)}
	for i := range trace.VMs {
		if s := newService(&trace.VMs[i], o.Services, random); s != nil {
			d.Services = append(d.Services, s)
		}
	}
	if len(d.Services) == 0 {
		return nil, errors.New("drawing a day: no machine of the trace has days enough")
	}
	midnight := trace.Start.Sub(trace.Start.Truncate(day)).Truncate(time.Hour) // what is left is less than the hours here tell
	load := d.before()
	d.Capacity = math.Ceil(slices.Max(load) * 100 / float64(o.ServicePeak))
	work := 0.0
	for _, cores := range load {
		work += cores * float64(o.Batch) / float64(100-o.Batch)
	}
	for _, job := range o.jobs(recorded, random, work, midnight) {
		job.spread(load)
	}
	// The day begins an hour before its window.
	begins := time.Duration(busiest(load, int(o.Window/time.Hour))-1) * time.Hour
	for _, s := range d.Services {
		for i := range s {
			s[i].Offset += begins
		}
	}
	d.Open, d.Close = time.Hour, time.Hour+o.Window
	d.Begins = (midnight + begins + day) % day
	d.Jobs = slices.DeleteFunc(o.jobs(recorded, random, work, d.Begins), func(j Job) bool { return j.Arrives >= o.Length })
	return d, nil
}

// newService takes days of a machine that have days before them; nil if it is too large or has none.
func newService(vm *bitbrains.VM, days int, random *rand.Rand) Service {
	recorded := int((vm.Last() - vm.First()) / day)
	if vm.Cores > maxCores || recorded <= HistoryDays {
		return nil
	}
	var s Service
	for range days {
		on := HistoryDays + random.IntN(recorded-HistoryDays)
		s = append(s, bitbrains.Curve{VM: vm, Offset: time.Duration(on) * day, Share: 1})
	}
	return s
}

// before is the services' load in each hour of the trace's day, in cores: the mean of the days before the one that is played.
func (d *Day) before() []float64 {
	load := make([]float64, hours)
	for hour := range load {
		for ago := 1; ago <= HistoryDays; ago++ {
			from := time.Duration(hour)*time.Hour - time.Duration(ago)*day
			load[hour] += d.Asked(from, from+time.Hour) / HistoryDays
		}
	}
	return load
}

// spread adds what a Job uses to the hours of a day, over its end to its beginning.
func (j *Job) spread(load []float64) {
	for at := j.Arrives; at < j.Arrives+j.Run; {
		next := min(at.Truncate(time.Hour)+time.Hour, j.Arrives+j.Run)
		load[int(at/time.Hour)%len(load)] += j.Cores * (next - at).Hours()
		at = next
	}
}

// busiest is the first of so many hours on end, over the end of the day if need be, that have the highest load.
func busiest(load []float64, length int) int {
	var most float64
	first := 0
	for from := range load {
		var sum float64
		for i := range length {
			sum += load[(from+i)%len(load)]
		}
		if sum > most {
			most, first = sum, from
		}
	}
	return first
}

// At is a time of the day as people write it.
func (d *Day) At(since time.Duration) string {
	of := (d.Begins + since) % day
	return fmt.Sprintf("%02d:%02d", int(of.Hours()), int(of.Minutes())%60)
}

// longest is the run time that no Job of the trace exceeds.
func longest(jobs []recorded) time.Duration {
	var most time.Duration
	for _, job := range jobs {
		most = max(most, job.run)
	}
	return most
}
