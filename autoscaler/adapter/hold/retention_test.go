package hold

import (
	"testing"
	"time"
)

func TestRetained(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"15d": 15 * 24 * time.Hour, "15d or 10GiB": 15 * 24 * time.Hour, "10GiB": 0, "": 0, "1y": 365 * 24 * time.Hour,
	} {
		if got := retained(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
