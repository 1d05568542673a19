package plan

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
)

func trace(t *testing.T) *bitbrains.Trace {
	t.Helper()
	trace, err := bitbrains.Load()
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestPlanIsTheSameForTheSameSeed(t *testing.T) {
	machines, s := trace(t), Default()
	first, err := s.Plan(machines)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Plan(machines)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first.Services, again.Services) {
		t.Error("the same seed made another plan")
	}
	s.Seed++
	other, err := s.Plan(machines)
	if err != nil {
		t.Fatal(err)
	}
	if reflect.DeepEqual(first.Services, other.Services) {
		t.Error("another seed made the same plan")
	}
}

// TestPlanFits: what is asked of a pool is less than it has, so that a pending
// pod is a scheduler's doing.
func TestPlanFits(t *testing.T) {
	s := Default()
	plan, err := s.Plan(trace(t))
	if err != nil {
		t.Fatal(err)
	}
	var cpu, memory int64
	for _, svc := range plan.Services {
		cpu += svc.CPU.MilliValue() * int64(svc.Replicas)
		memory += svc.Memory.Value() * int64(svc.Replicas)
	}
	if have := s.NodeCPU.MilliValue() * int64(s.Nodes); cpu*10 > have*8 || cpu*10 < have*4 {
		t.Errorf("pods request %d of %d milli-cores; want between 40 %% and 80 %%", cpu, have)
	}
	if have := s.NodeMemory.Value() * int64(s.Nodes); memory*10 > have*8 {
		t.Errorf("pods request %d of %d bytes; want at most 80 %%", memory, have)
	}
	if pods := plan.Pods(); pods < 400 || pods > s.Nodes*100 {
		t.Errorf("the plan has %d pods", pods)
	}
}

func TestPlanKeepsTheTimetable(t *testing.T) {
	s := Default()
	plan, err := s.Plan(trace(t))
	if err != nil {
		t.Fatal(err)
	}
	burst, leavers := 0, 0
	for i, svc := range plan.Services {
		if i > 0 && svc.Arrives < plan.Services[i-1].Arrives {
			t.Fatalf("%s arrives before its predecessor", svc.Name)
		}
		if svc.Arrives < 0 || svc.Arrives >= s.Length {
			t.Errorf("%s arrives at %v, outside of the trial", svc.Name, svc.Arrives)
		}
		if svc.Arrives == s.Length/2 {
			burst++
		}
		if svc.Leaves != 0 {
			leavers++
			if svc.Leaves <= svc.Arrives || svc.Leaves > s.Length {
				t.Errorf("%s comes at %v and leaves at %v", svc.Name, svc.Arrives, svc.Leaves)
			}
		}
	}
	if burst < len(plan.Services)/20 || leavers == 0 {
		t.Errorf("%d services in the burst and %d leave, of %d", burst, leavers, len(plan.Services))
	}
	turns := plan.Timetable()
	if len(turns) != len(plan.Services)+leavers {
		t.Errorf("%d turns for %d services of which %d leave", len(turns), len(plan.Services), leavers)
	}
	for i := 1; i < len(turns); i++ {
		if turns[i].At < turns[i-1].At {
			t.Fatalf("turn %d is earlier than the one before", i)
		}
	}
}

// TestDaysHavePastAndFuture: a service never plays a stretch in which its
// machine did not run, nor one whose past it lacks.
func TestDaysHavePastAndFuture(t *testing.T) {
	s := Default()
	machines := trace(t)
	for i := range machines.VMs {
		vm := &machines.VMs[i]
		for _, day := range s.daysOf(vm, machines) {
			if day-time.Duration(s.HistoryDays)*24*time.Hour < vm.First() || day+s.Length > vm.Last() {
				t.Errorf("VM %s runs from %v to %v; day %v is not within", vm.ID, vm.First(), vm.Last(), day)
			}
			if got := machines.Start.Add(day).UTC(); got.Sub(got.Truncate(24*time.Hour)) != s.Hour {
				t.Errorf("VM %s starts at %v, not at hour %v", vm.ID, got, s.Hour)
			}
		}
	}
}

func TestPlanRefusesNonsense(t *testing.T) {
	tests := map[string]struct {
		change func(*Scenario)
		want   string
	}{
		"no nodes":         {func(s *Scenario) { s.Nodes = 0 }, "--nodes must be at least 1"},
		"negative speed":   {func(s *Scenario) { s.Speed = -1 }, "--speed must be above 0"},
		"hour of tomorrow": {func(s *Scenario) { s.Hour = 24 * time.Hour }, "--hour must be from 0h to below 24h"},
		"no length":        {func(s *Scenario) { s.Length = 0 }, "--length must be above 0"},
		"longer than the trace": {
			func(s *Scenario) { s.HistoryDays = 90 }, "no machine of the trace has",
		},
	}
	machines := trace(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := Default()
			tc.change(&s)
			if _, err := s.Plan(machines); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
