package target

import (
	"strings"
	"testing"
)

func TestUnread(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "",
		`{evenkeel.dev/deadline: "2026-03-02T18:00:00+01:00", evenkeel.dev/expected-run-time: 90m}`: "",
		`{evenkeel.dev/deadline: tomorrow}`:                                        `[evenkeel.dev/deadline]: "tomorrow"`,
		`{evenkeel.dev/deadline: "2026-03-02 18:00"}`:                              `[evenkeel.dev/deadline]: "2026-03-02 18:00"`,
		`{evenkeel.dev/deadline: ""}`:                                              `[evenkeel.dev/deadline]: ""`,
		`{evenkeel.dev/expected-run-time: "1 hour"}`:                               `[evenkeel.dev/expected-run-time]: "1 hour"`,
		`{evenkeel.dev/expected-run-time: "-1h"}`:                                  `[evenkeel.dev/expected-run-time]: "-1h"`,
		`{evenkeel.dev/deadline: tomorrow, evenkeel.dev/expected-run-time: "1 h"}`: `; metadata.annotations[evenkeel.dev/expected-run-time]`,
	} {
		if got := Unread(object(t, `metadata: {annotations: `+text+`}`)); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
