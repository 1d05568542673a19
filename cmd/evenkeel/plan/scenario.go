// Package plan draws from a trace of machines what a trial plays: which services
// come and go when, what their pods request and what they use.
package plan

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

// Scenario says what a trial plays. Each virtual machine of the trace becomes
// services that do its work on one of its days; a service's replicas share it
// evenly, and request a fraction of the cores that the machine was given.
type Scenario struct {
	Nodes       int               // in each pool
	NodeCPU     resource.Quantity // allocatable, each
	NodeMemory  resource.Quantity
	Services    int           // made of each machine, on different days
	Copies      int           // replicas doing the same share
	ShareCores  int           // a machine of more cores is split into shares of this many
	Overcommit  float64       // provisioned cores a requested core
	MaxCores    int           // larger machines are left out
	Hour        time.Duration // time of day at which the trial starts
	Length      time.Duration // of trace
	HistoryDays int           // of usage already known when it starts
	Speed       float64       // seconds of trace a second
	Seed        uint64
}

// Default is what `evenkeel up` plays.
func Default() Scenario {
	return Scenario{
		Nodes:       24,
		NodeCPU:     resource.MustParse("32"),
		NodeMemory:  resource.MustParse("128Gi"),
		Services:    4,
		Copies:      3,
		ShareCores:  4,
		Overcommit:  4,
		MaxCores:    16,
		Hour:        20 * time.Hour,
		Length:      150 * time.Minute,
		HistoryDays: 3,
		Speed:       60,
		Seed:        1,
	}
}

// Service is one Deployment of the plan.
type Service struct {
	Name     string
	Curve    bitbrains.Curve // of one replica, from the start of the trial
	Replicas int32
	CPU      resource.Quantity // requested by a replica
	Memory   resource.Quantity
	Arrives  time.Duration // trace time since the start
	Leaves   time.Duration // 0: stays to the end
}

// Plan is a scenario made definite: the same seed gives the same plan.
type Plan struct {
	Scenario
	Services []Service // by arrival
}

// Pods counts the replicas of all services.
func (p *Plan) Pods() int {
	n := 0
	for _, s := range p.Services {
		n += int(s.Replicas)
	}
	return n
}

// FromStart counts the services that are there from the start.
func (p *Plan) FromStart() int {
	n := 0
	for _, s := range p.Services {
		if s.Arrives == 0 {
			n++
		}
	}
	return n
}

// Plan draws the services from the trace.
func (s Scenario) Plan(trace *bitbrains.Trace) (*Plan, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	rnd := rand.New(rand.NewPCG(s.Seed, s.Seed))
	plan := &Plan{Scenario: s}
	for i := range trace.VMs {
		vm := &trace.VMs[i]
		days := s.daysOf(vm, trace)
		if vm.Cores > s.MaxCores || len(days) < s.Services {
			continue
		}
		rnd.Shuffle(len(days), func(i, j int) { days[i], days[j] = days[j], days[i] })
		for _, start := range days[:s.Services] {
			plan.Services = append(plan.Services, s.service(vm, start, len(plan.Services)))
		}
	}
	if len(plan.Services) == 0 {
		return nil, fmt.Errorf("planning the trial: no machine of the trace has %d days of %v beside %d days of history",
			s.Services, s.Length, s.HistoryDays)
	}
	rnd.Shuffle(len(plan.Services), func(i, j int) {
		plan.Services[i], plan.Services[j] = plan.Services[j], plan.Services[i]
	})
	s.timetable(plan.Services)
	return plan, nil
}

func (s Scenario) validate() error {
	for _, c := range []struct {
		ok          bool
		field, cure string
	}{
		{s.Nodes > 0, "nodes", "at least 1"},
		{s.Services > 0, "services", "at least 1"},
		{s.Copies > 0, "copies", "at least 1"},
		{s.ShareCores > 0, "share-cores", "at least 1"},
		{s.Overcommit > 0, "overcommit", "above 0"},
		{s.Length > 0, "length", "above 0"},
		{s.Speed > 0, "speed", "above 0"},
		{s.Hour >= 0 && s.Hour < 24*time.Hour, "hour", "from 0h to below 24h"},
	} {
		if !c.ok {
			return fmt.Errorf("planning the trial: --%s must be %s", c.field, c.cure)
		}
	}
	return nil
}

// daysOf lists the moments of the trace, at the scenario's time of day, from
// which a machine has both its past and its future.
func (s Scenario) daysOf(vm *bitbrains.VM, trace *bitbrains.Trace) []time.Duration {
	const day = 24 * time.Hour
	midnight := trace.Start.Truncate(day).Sub(trace.Start)
	var days []time.Duration
	for at := midnight + s.Hour; at+s.Length <= vm.Last(); at += day {
		if at-time.Duration(s.HistoryDays)*day >= vm.First() {
			days = append(days, at)
		}
	}
	return days
}

func (s Scenario) service(vm *bitbrains.VM, start time.Duration, index int) Service {
	shares := int(math.Ceil(float64(vm.Cores) / float64(s.ShareCores)))
	request := float64(vm.Cores) / float64(shares) / s.Overcommit
	memory := float64(vm.MemoryBytes) / float64(shares) / s.Overcommit
	return Service{
		Name:     fmt.Sprintf("vm%s-%03d", vm.ID, index),
		Curve:    bitbrains.Curve{VM: vm, Offset: start, Share: 1 / float64(shares)},
		Replicas: int32(shares * s.Copies),
		CPU:      *resource.NewMilliQuantity(int64(request*1000), resource.DecimalSI),
		Memory:   *resource.NewQuantity(int64(memory), resource.BinarySI),
	}
}

// timetable spreads the arrivals: eight tenths are there from the start, one
// tenth trickles in until two thirds of the trial, and one tenth comes as a burst
// at half time; an eighth of those of the start leave from then on.
func (s Scenario) timetable(services []Service) {
	first, burst := len(services)*8/10, len(services)*9/10
	for i := range services {
		switch {
		case i < first:
			if i%8 == 7 {
				services[i].Leaves = s.Length/2 + s.Length/3*time.Duration(i)/time.Duration(first)
			}
		case i < burst:
			services[i].Arrives = s.Length * 2 / 3 * time.Duration(i-first+1) / time.Duration(burst-first)
		default:
			services[i].Arrives = s.Length / 2
		}
	}
	slices.SortStableFunc(services, func(a, b Service) int { return cmp.Compare(a.Arrives, b.Arrives) })
}
