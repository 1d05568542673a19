package peak

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/workload"
)

// drawn is a day of the defaults, with changes.
func drawn(t *testing.T, change func(*Peak)) (*Peak, *workload.Day) {
	t.Helper()
	p := New()
	if change != nil {
		change(p)
	}
	d, err := workload.Draw(&p.Options)
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Peak){
		"--length":              func(p *Peak) { p.Length = 49 * time.Hour },
		"--speed":               func(p *Peak) { p.Speed = 0 },
		"--services":            func(p *Peak) { p.Services = 0 },
		"--service-peak":        func(p *Peak) { p.ServicePeak = 101 },
		"--batch":               func(p *Peak) { p.Batch = 100 },
		"--due":                 func(p *Peak) { p.Due = 0 },
		"--window":              func(p *Peak) { p.Window = 90 * time.Minute },
		"--window must be from": func(p *Peak) { p.Window = 0 },
		"--ceiling":             func(p *Peak) { p.Ceiling = 0 },
		"--runs":                func(p *Peak) { p.Runs = 8 },
	} {
		p := New()
		if err := p.validate(); err != nil {
			t.Fatal(err)
		}
		change(p)
		if err := p.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}
