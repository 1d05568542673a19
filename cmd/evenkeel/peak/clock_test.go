package peak

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// TestFastClock: all that a clock can do takes a sixtieth of its time.
func TestFastClock(t *testing.T) {
	begin, epoch := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)
	wall := clocktesting.NewFakeClock(begin)
	c := &fastClock{wall: wall, zero: begin, epoch: epoch, speed: 60}
	timer, ticker, after, tick := c.NewTimer(time.Hour), c.NewTicker(30*time.Minute), c.After(time.Hour), c.Tick(time.Hour)
	defer ticker.Stop()
	if wall.Step(time.Minute - time.Second); c.Since(epoch) != 59*time.Minute {
		t.Errorf("59 seconds are %s", c.Since(epoch))
	}
	select {
	case <-timer.C():
		t.Error("the timer fired early")
	case <-after:
		t.Error("the time has passed early")
	case <-tick:
		t.Error("it ticked early")
	case <-ticker.C():
	}
	wall.Step(time.Second)
	for name, fired := range map[string]<-chan time.Time{"timer": timer.C(), "ticker": ticker.C(), "after": after, "tick": tick} {
		select {
		case <-fired:
		default:
			t.Errorf("%s did not fire", name)
		}
	}
	timer.Reset(2 * time.Hour)
	if wall.Step(time.Minute); len(timer.C()) > 0 {
		t.Error("it fired after half of what it was reset to")
	}
	if wall.Step(time.Minute); len(timer.C()) == 0 {
		t.Error("it did not fire after what it was reset to")
	}
	if got := c.Now(); !got.Equal(epoch.Add(3 * time.Hour)) {
		t.Errorf("it shows %s", got)
	}
	slept := make(chan struct{})
	go func() { c.Sleep(time.Hour); close(slept) }()
	for !wall.HasWaiters() {
		<-time.After(time.Millisecond)
	}
	for done := false; !done; {
		wall.Step(time.Minute)
		select {
		case <-slept:
			done = true
		case <-time.After(time.Millisecond):
		}
	}
}
