package app

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

func TestRulesAreFollowed(t *testing.T) {
	path := write(t, "rules.yaml", goodRules)
	fake := clocktesting.NewFakeClock(time.Unix(1000, 0))
	used := make(chan string, 10)
	b, err := newRuleBook(&config.Config{RulesFile: path}, func(sets ...*rules.Set) {
		var lines []string
		for _, set := range sets {
			for _, rule := range set.Custom {
				lines = append(lines, rule.Match())
			}
		}
		used <- strings.Join(lines, " ")
	}, fake, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := <-used
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.follow(ctx) }()
	step := func() {
		waiting(t, fake)
		fake.Step(look)
		waiting(t, fake) // it has looked
	}
	step()
	change := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		step()
	}
	change(strings.Replace(goodRules, "http_requests_total{", "http_calls_total{", 1))
	if got := <-used; got == first || !strings.Contains(got, "http_calls_total") {
		t.Errorf("after a change %q is used", got)
	}
	change("rules: [")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	step()
	if faults := testutil.ToFloat64(b.faults); faults != 1 {
		t.Errorf("%v faults are told of a file that is gone", faults)
	}
	change(goodRules)
	if got := <-used; got != first {
		t.Errorf("after it was mended %q is used", got)
	}
	if len(used) > 0 {
		t.Errorf("rules were used that nobody changed, or that were broken: %q", <-used)
	}
	cancel()
	<-done
}

// waiting waits until somebody waits for the clock.
func waiting(t *testing.T, clock *clocktesting.FakeClock) {
	t.Helper()
	for !clock.HasWaiters() {
		if t.Context().Err() != nil {
			t.Fatal("nobody waits")
		}
		runtime.Gosched()
	}
}

func TestFirstRulesMustBeSound(t *testing.T) {
	for name, text := range map[string]string{"broken": "rules: [", "nothing sound": "rules: [{seriesQuery: 'up['}]"} {
		b, err := newRuleBook(&config.Config{RulesFile: write(t, "rules.yaml", text)}, func(...*rules.Set) { t.Error("it was used") },
			clocktesting.NewFakeClock(time.Unix(0, 0)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.open(t.Context()); err == nil {
			t.Errorf("%s: it was opened", name)
		}
	}
}
