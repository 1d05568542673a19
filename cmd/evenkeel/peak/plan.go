package peak

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
	// historyDays are the days before the one that is played, of which the policy may know.
	historyDays = 3
)

// plan is the scenario made definite: the same seed gives the same plan.
type plan struct {
	// Begins is the time after midnight, in the trace's own clocks (UTC), at which the day begins.
	Begins time.Duration
	// Services cannot wait; their time zero is the beginning of the day.
	Services []service
	// Capacity of the cluster in cores.
	Capacity float64
	// Open and Close are when the policy's window does, since the beginning of the day.
	Open, Close time.Duration
	Jobs        []Job
}

// service is a pod that does the work of one machine on several of its days.
type service []bitbrains.Curve

// Mean use in cores over a stretch of the day.
func (s service) Mean(from, to time.Duration) float64 {
	var sum float64
	for _, curve := range s {
		sum += curve.Mean(from, to)
	}
	return sum
}

// newPlan draws a day. What the cluster's size and the policy's window follow is the days before, not this one.
func newPlan(p *Peak, trace *bitbrains.Trace, recorded []recorded) (*plan, error) {
	random := rand.New(rand.NewPCG(p.Seed, 0))
	d := &plan{}
	for i := range trace.VMs {
		if s := newService(&trace.VMs[i], p.Services, random); s != nil {
			d.Services = append(d.Services, s)
		}
	}
	if len(d.Services) == 0 {
		return nil, errors.New("planning the day: no machine of the trace has days enough")
	}
	midnight := trace.Start.Sub(trace.Start.Truncate(day)).Truncate(time.Hour) // what is left is less than the hours here tell
	load := d.before()
	d.Capacity = math.Ceil(slices.Max(load) * 100 / float64(p.ServicePeak))
	work := 0.0
	for _, cores := range load {
		work += cores * float64(p.Batch) / float64(100-p.Batch)
	}
	for _, job := range draw(recorded, random, work, midnight, p.Due) {
		job.spread(load)
	}
	// The day begins an hour before its window.
	begins := time.Duration(busiest(load, int(p.Window/time.Hour))-1) * time.Hour
	for _, s := range d.Services {
		for i := range s {
			s[i].Offset += begins
		}
	}
	d.Open, d.Close = time.Hour, time.Hour+p.Window
	d.Begins = (midnight + begins + day) % day
	d.Jobs = slices.DeleteFunc(draw(recorded, random, work, d.Begins, p.Due), func(j Job) bool { return j.Arrives >= p.Length })
	return d, nil
}

// newService takes days of a machine that have days before them; nil if it is too large or has none.
func newService(vm *bitbrains.VM, days int, random *rand.Rand) service {
	recorded := int((vm.Last() - vm.First()) / day)
	if vm.Cores > maxCores || recorded <= historyDays {
		return nil
	}
	var s service
	for range days {
		on := historyDays + random.IntN(recorded-historyDays)
		s = append(s, bitbrains.Curve{VM: vm, Offset: time.Duration(on) * day, Share: 1})
	}
	return s
}

// before is the services' load in each hour of the trace's day, in cores: the mean of the days before the one that is played.
func (d *plan) before() []float64 {
	load := make([]float64, hours)
	for _, s := range d.Services {
		for hour := range load {
			for ago := 1; ago <= historyDays; ago++ {
				from := time.Duration(hour)*time.Hour - time.Duration(ago)*day
				load[hour] += s.Mean(from, from+time.Hour) / historyDays
			}
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

// at is a time of the day as people write it.
func (d *plan) at(since time.Duration) string {
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
