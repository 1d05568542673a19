package board

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		wrong  string
	}{
		"defaults":                     {Config{}, ""},
		"everything":                   {Config{10 * time.Second, time.Second, time.Minute, time.Hour, time.Hour, time.Second, 1, 1}, ""},
		"a step of nothing":            {Config{Step: time.Millisecond, Timeout: 1}, "board.step"},
		"a delay of a step":            {Config{Delay: 15 * time.Second}, "board.delay"},
		"a delay before the tick":      {Config{Delay: -1}, "board.delay"},
		"fresh for less than a step":   {Config{Fresh: time.Second}, "board.freshFor"},
		"stale before it is not fresh": {Config{Fresh: time.Hour}, "board.staleAfter"},
		"idle at once":                 {Config{Idle: 1}, "board.idleAfter"},
		"a timeout over the next tick": {Config{Timeout: time.Minute}, "board.prometheus.timeout"},
		"nobody asks":                  {Config{Concurrency: -1}, "board.prometheus.concurrency"},
		"too many ask":                 {Config{Concurrency: 65}, "board.prometheus.concurrency"},
		"no rows":                      {Config{MaxRows: -1}, "board.maxRows"},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.config
			c.Default()
			errs := c.Validate(field.NewPath("board"))
			if test.wrong == "" && len(errs) > 0 || test.wrong != "" && (len(errs) != 1 || errs[0].Field != test.wrong) {
				t.Errorf("got %v, want %q", errs, test.wrong)
			}
			if _, err := New(test.config, nil, clocktesting.NewFakeClock(began), nil); (err != nil) != (test.wrong != "") {
				t.Errorf("New: %v", err)
			}
		})
	}
}

func TestTick(t *testing.T) {
	c := Config{Step: 15 * time.Second, Delay: 2 * time.Second}
	for name, test := range map[string]struct{ after, want time.Duration }{
		"on a tick, whose scrapes are under way": {0, -15 * time.Second},
		"a moment before the delay is over":      {1999 * time.Millisecond, -15 * time.Second},
		"the delay is over":                      {2 * time.Second, 0},
		"before the next":                        {16 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.Tick(began.Add(test.after)).Sub(began); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
