package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
)

// calendars that windows of tests can name.
func lookup(reference v1alpha1.CalendarReference) (*calendar.Holidays, error) {
	if reference.Key != "de" {
		return nil, errors.New("there is no such key")
	}
	return calendar.Parse("2026-12-25\n2026-12-26")
}

// parse reads windows as a policy has them, each in braces on a line.
func parse(tb testing.TB, text string) []v1alpha1.PeakWindow {
	tb.Helper()
	var windows []v1alpha1.PeakWindow
	for line := range strings.Lines(strings.TrimSpace(text)) {
		var window v1alpha1.PeakWindow
		if err := yaml.UnmarshalStrict([]byte(line), &window); err != nil {
			tb.Fatalf("%v in %s", err, line)
		}
		windows = append(windows, window)
	}
	return windows
}

func newSchedule(tb testing.TB, text string) Schedule {
	tb.Helper()
	schedule, errs := Compile(field.NewPath("spec", "windows"), parse(tb, text), lookup)
	if len(errs) > 0 {
		tb.Fatal(errs.ToAggregate())
	}
	return schedule
}

const layout = "2006-01-02 15:04 -0700"

// spansOf lists what is open between two days of the first window's zone, by following the edges.
func spansOf(t *testing.T, s Schedule, from, to string) []string {
	t.Helper()
	location := s[0].location
	at, err := time.ParseInLocation(time.DateOnly, from, location)
	if err != nil {
		t.Fatal(err)
	}
	end, err := time.ParseInLocation(time.DateOnly, to, location)
	if err != nil {
		t.Fatal(err)
	}
	spans := []string{}
	for at.Before(end) {
		state := s.At(at)
		if state.Open != s.Open(at) {
			t.Errorf("at %s: At says %v, Open %v", at, state.Open, s.Open(at))
		}
		if state.Open {
			spans = append(spans, state.Since.In(location).Format(layout)+" to "+state.Until.In(location).Format(layout))
		}
		if state.Until.IsZero() {
			break
		}
		if !state.Until.After(at) {
			t.Fatalf("at %s: the next edge is %s", at, state.Until)
		}
		at = state.Until
	}
	return spans
}

func TestSpans(t *testing.T) {
	for name, test := range map[string]struct {
		windows, from, to string
		want              []string
	}{
		"on weekdays": {
			`{timeZone: Europe/Berlin, weekdays: [Friday, Monday], from: "09:00", to: "17:30"}`, "2026-11-19", "2026-11-25",
			[]string{"2026-11-20 09:00 +0100 to 2026-11-20 17:30 +0100", "2026-11-23 09:00 +0100 to 2026-11-23 17:30 +0100"},
		},
		"across midnight, and only from Friday": {
			`{timeZone: Europe/Berlin, weekdays: [Friday], from: "22:00", to: "06:00", toDaysLater: 1}`, "2026-11-19", "2026-11-25",
			[]string{"2026-11-20 22:00 +0100 to 2026-11-21 06:00 +0100"},
		},
		"a weekend": {
			`{timeZone: Europe/Berlin, weekdays: [Friday], from: "18:00", to: "08:00", toDaysLater: 3}`, "2026-11-19", "2026-11-25",
			[]string{"2026-11-20 18:00 +0100 to 2026-11-23 08:00 +0100"},
		},
		"across the end of the year": {
			`{timeZone: Asia/Tokyo, from: "22:00", to: "06:00", toDaysLater: 1}`, "2026-12-31", "2027-01-01",
			[]string{"2026-12-30 22:00 +0900 to 2026-12-31 06:00 +0900", "2026-12-31 22:00 +0900 to 2027-01-01 06:00 +0900"},
		},
		"whole days are one": {
			`{timeZone: Europe/Berlin, weekdays: [Saturday, Sunday], from: "00:00", to: "24:00"}`, "2026-03-26", "2026-04-01",
			[]string{"2026-03-28 00:00 +0100 to 2026-03-30 00:00 +0200"},
		},
		"spring: from falls into the gap": {
			`{timeZone: Europe/Berlin, from: "02:30", to: "05:00"}`, "2026-03-29", "2026-03-30", []string{"2026-03-29 03:00 +0200 to 2026-03-29 05:00 +0200"},
		},
		"spring: to falls into the gap": {
			`{timeZone: Europe/Berlin, from: "01:00", to: "02:30"}`, "2026-03-29", "2026-03-30", []string{"2026-03-29 01:00 +0100 to 2026-03-29 03:00 +0200"},
		},
		"spring: all of it falls into the gap": {
			`{timeZone: Europe/Berlin, from: "02:10", to: "02:50"}`, "2026-03-29", "2026-03-30", []string{},
		},
		"spring: a duration is elapsed time": {
			`{timeZone: Europe/Berlin, from: "02:30", duration: 1h}`, "2026-03-29", "2026-03-30", []string{"2026-03-29 03:00 +0200 to 2026-03-29 04:00 +0200"},
		},
		"spring: a duration across the gap": {
			`{timeZone: Europe/Berlin, from: "01:30", duration: 2h}`, "2026-03-29", "2026-03-30", []string{"2026-03-29 01:30 +0100 to 2026-03-29 04:30 +0200"},
		},
		"autumn: from comes twice": {
			`{timeZone: Europe/Berlin, from: "02:30", to: "05:00"}`, "2026-10-25", "2026-10-26", []string{"2026-10-25 02:30 +0200 to 2026-10-25 05:00 +0100"},
		},
		"autumn: to comes twice": {
			`{timeZone: Europe/Berlin, from: "01:00", to: "02:30"}`, "2026-10-25", "2026-10-26", []string{"2026-10-25 01:00 +0200 to 2026-10-25 02:30 +0100"},
		},
		"autumn: both come twice, and the window opens once": {
			`{timeZone: Europe/Berlin, from: "02:10", to: "02:20"}`, "2026-10-25", "2026-10-26", []string{"2026-10-25 02:10 +0200 to 2026-10-25 02:20 +0100"},
		},
		"autumn: a duration is elapsed time": {
			`{timeZone: Europe/Berlin, from: "01:30", duration: 2h}`, "2026-10-25", "2026-10-26", []string{"2026-10-25 01:30 +0200 to 2026-10-25 02:30 +0100"},
		},
		"spring: a night is shorter": {
			`{timeZone: Europe/Berlin, weekdays: [Saturday], from: "22:00", to: "06:00", toDaysLater: 1}`, "2026-03-28", "2026-03-30", []string{"2026-03-28 22:00 +0100 to 2026-03-29 06:00 +0200"},
		},
		"autumn: a night is longer": {
			`{timeZone: Europe/Berlin, weekdays: [Saturday], from: "22:00", to: "06:00", toDaysLater: 1}`, "2026-10-24", "2026-10-26", []string{"2026-10-24 22:00 +0200 to 2026-10-25 06:00 +0100"},
		},
		"a zone changes its standard time": {
			`{timeZone: America/Caracas, from: "02:15", to: "02:45"}`, "2016-05-01", "2016-05-02", []string{"2016-05-01 02:15 -0430 to 2016-05-01 03:00 -0400"},
		},
		"autumn: cron fires once": {
			`{timeZone: Europe/Berlin, cron: "30 2 * * *", duration: 10m}`, "2026-10-25", "2026-10-26", []string{"2026-10-25 02:30 +0200 to 2026-10-25 02:40 +0200"},
		},
		"spring: cron is not left out": {
			`{timeZone: Europe/Berlin, cron: "30 2 * * *", duration: 10m}`, "2026-03-29", "2026-03-30", []string{"2026-03-29 03:00 +0200 to 2026-03-29 03:10 +0200"},
		},
		"Lord Howe moves by half an hour": {
			`{timeZone: Australia/Lord_Howe, from: "01:45", to: "02:15"}`, "2026-10-04", "2026-10-05", []string{"2026-10-04 01:45 +1030 to 2026-10-04 02:30 +1100"},
		},
		"Samoa had no 30 December 2011": {
			`{timeZone: Pacific/Apia, from: "22:00", to: "02:00", toDaysLater: 1}`, "2011-12-29", "2012-01-01", []string{
				"2011-12-28 22:00 -1000 to 2011-12-29 02:00 -1000", "2011-12-29 22:00 -1000 to 2011-12-31 00:00 +1400",
				"2011-12-31 22:00 +1400 to 2012-01-01 02:00 +1400",
			},
		},
		"a day that never was opens nothing": {
			`{timeZone: Pacific/Apia, weekdays: [Friday], from: "09:00", duration: 9h}`, "2011-12-29", "2012-01-02", []string{},
		},
		"Morocco's clocks go back for Ramadan": {
			`{timeZone: Africa/Casablanca, from: "02:30", to: "04:00"}`, "2026-02-15", "2026-02-16", []string{"2026-02-15 02:30 +0100 to 2026-02-15 04:00 +0000"},
		},
		"Troll moves by two hours": {
			`{timeZone: Antarctica/Troll, from: "01:30", to: "02:30"}`, "2026-03-29", "2026-03-30", []string{},
		},
		"a gap before midnight": {
			`{timeZone: America/Nuuk, weekdays: [Saturday], from: "23:30", duration: 2h}`, "2026-03-28", "2026-03-30", []string{"2026-03-29 00:00 -0100 to 2026-03-29 02:00 -0100"},
		},
		"Havana goes back to midnight, not across it": {
			`{timeZone: America/Havana, weekdays: [Saturday], from: "12:00", to: "24:00"}`, "2026-10-31", "2026-11-02", []string{"2026-10-31 12:00 -0400 to 2026-11-01 00:00 -0400"},
		},
		"cron by date or weekday": {
			`{timeZone: UTC, cron: "0 1 13 * FRI", duration: 1h}`, "2026-11-12", "2026-11-21",
			[]string{"2026-11-13 01:00 +0000 to 2026-11-13 02:00 +0000", "2026-11-20 01:00 +0000 to 2026-11-20 02:00 +0000"},
		},
		"cron to a time": {
			`{timeZone: UTC, cron: "0 1,2 1 * *", to: "03:00"}`, "2026-11-01", "2026-11-03", []string{"2026-11-01 01:00 +0000 to 2026-11-01 03:00 +0000"},
		},
		"the 29th of February across 2100": {
			`{timeZone: UTC, cron: "0 0 29 2 *", duration: 1h}`, "2096-02-29", "2104-03-01",
			[]string{"2096-02-29 00:00 +0000 to 2096-02-29 01:00 +0000", "2104-02-29 00:00 +0000 to 2104-02-29 01:00 +0000"},
		},
		"not on holidays": {
			`{timeZone: UTC, from: "08:00", to: "09:00", holidays: {configMap: {name: h, key: de}}}`, "2026-12-24", "2026-12-28",
			[]string{"2026-12-24 08:00 +0000 to 2026-12-24 09:00 +0000", "2026-12-27 08:00 +0000 to 2026-12-27 09:00 +0000"},
		},
		"on holidays too": {
			`{timeZone: UTC, weekdays: [Sunday], from: "08:00", to: "09:00", holidays: {rule: Also, configMap: {name: h, key: de}}}`, "2026-12-25", "2026-12-27",
			[]string{"2026-12-25 08:00 +0000 to 2026-12-25 09:00 +0000", "2026-12-26 08:00 +0000 to 2026-12-26 09:00 +0000"},
		},
		"on some holidays only": {
			`{timeZone: UTC, weekdays: [Friday], from: "08:00", to: "09:00", holidays: {rule: Only, configMap: {name: h, key: de}}}`, "2026-12-01", "2026-12-31",
			[]string{"2026-12-25 08:00 +0000 to 2026-12-25 09:00 +0000"},
		},
		"a holiday is of the day on which a window begins": {
			`{timeZone: UTC, from: "22:00", to: "02:00", toDaysLater: 1, holidays: {configMap: {name: h, key: de}}}`, "2026-12-25", "2026-12-27",
			[]string{"2026-12-24 22:00 +0000 to 2026-12-25 02:00 +0000"},
		},
		"two that overlap are one": {
			"{name: a, timeZone: UTC, weekdays: [Monday], from: \"08:00\", to: \"12:00\"}\n{name: b, timeZone: Europe/Berlin, weekdays: [Monday], from: \"12:00\", to: \"16:00\"}",
			"2026-11-23", "2026-11-24", []string{"2026-11-23 08:00 +0000 to 2026-11-23 15:00 +0000"},
		},
		"two that touch are one": {
			"{name: a, timeZone: UTC, weekdays: [Monday], from: \"08:00\", to: \"12:00\"}\n{name: b, timeZone: UTC, from: \"12:00\", to: \"13:00\"}",
			"2026-11-23", "2026-11-24", []string{"2026-11-23 08:00 +0000 to 2026-11-23 13:00 +0000"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, spansOf(t, newSchedule(t, test.windows), test.from, test.to)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAlwaysAndNever(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	always := newSchedule(t, `{timeZone: UTC, from: "00:00", to: "00:00", toDaysLater: 1}`)
	if got := always.At(now); !got.Open || !got.Since.IsZero() || !got.Until.IsZero() {
		t.Errorf("always open: %+v", got)
	}
	never := newSchedule(t, `{timeZone: UTC, from: "00:00", to: "01:00", holidays: {rule: Only, configMap: {name: h, key: de}}}`)
	if got := never.At(now.AddDate(1, 0, 0)); got.Open || got.Since.IsZero() || !got.Until.IsZero() {
		t.Errorf("never again: %+v", got)
	}
	if got := never.At(now.AddDate(-20, 0, 0)); got.Open || !got.Since.IsZero() {
		t.Errorf("not yet: %+v", got)
	}
	minutely := newSchedule(t, `{timeZone: UTC, cron: "* * * * *", duration: 1m}`)
	if got := minutely.At(now); !got.Open || !got.Until.IsZero() {
		t.Errorf("every minute: %+v", got)
	}
}

// TestSpansAround: what Spans lists are the edges that At finds.
func TestSpansAround(t *testing.T) {
	s := newSchedule(t, `{timeZone: UTC, from: "08:00", to: "10:00"}`)
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }
	span := func(day int) Span { return Span{at(day, 8), at(day, 10)} }
	equal := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	for name, test := range map[string]struct {
		now  time.Time
		want []Span
	}{
		"before": {at(22, 7), []Span{span(19), span(20), span(21), span(22)}},
		"inside": {at(22, 9), []Span{span(19), span(20), span(21), span(22), span(23)}},
		"after":  {at(22, 10), []Span{span(19), span(20), span(21), span(22), span(23)}},
	} {
		if diff := cmp.Diff(test.want, s.Spans(test.now), equal); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, test := range map[string]struct{ window, want string }{
		"unknown zone":     {`{timeZone: Mars/Olympus, from: "08:00", to: "09:00"}`, `spec.windows[0].timeZone: Invalid value: "Mars/Olympus": is no IANA time zone`},
		"the host's zone":  {`{timeZone: Local, from: "08:00", to: "09:00"}`, "spec.windows[0].timeZone"},
		"no zone":          {`{from: "08:00", to: "09:00"}`, "spec.windows[0].timeZone"},
		"to before from":   {`{timeZone: UTC, from: "22:00", to: "06:00"}`, `spec.windows[0].to: Invalid value: "06:00": lies before the window begins; if it crosses midnight, set toDaysLater: 1`},
		"zero length":      {`{timeZone: UTC, from: "08:00", to: "08:00"}`, "spec.windows[0].to: Invalid value: \"08:00\": a window of zero length"},
		"zero duration":    {`{timeZone: UTC, from: "08:00", duration: 0s}`, "spec.windows[0].duration"},
		"endless":          {`{timeZone: UTC, from: "08:00", duration: 1000h}`, "spec.windows[0].duration"},
		"no end":           {`{timeZone: UTC, from: "08:00"}`, "spec.windows[0].to"},
		"two ends":         {`{timeZone: UTC, from: "08:00", to: "09:00", duration: 1h}`, "spec.windows[0].to"},
		"no beginning":     {`{timeZone: UTC, to: "09:00"}`, "spec.windows[0].from"},
		"two beginnings":   {`{timeZone: UTC, from: "08:00", cron: "0 8 * * *", to: "09:00"}`, "spec.windows[0].from"},
		"cron weekdays":    {`{timeZone: UTC, weekdays: [Monday], cron: "0 8 * * *", to: "09:00"}`, "spec.windows[0].weekdays"},
		"cron that is not": {`{timeZone: UTC, cron: "0 25 * * *", to: "09:00"}`, "spec.windows[0].cron"},
		"impossible cron":  {`{timeZone: UTC, cron: "0 8 31 2,4 *", to: "09:00"}`, `spec.windows[0].cron: Invalid value: "0 8 31 2,4 *": no month of it has such a day`},
		"cron of an hour":  {`{timeZone: UTC, cron: "@every 1h", to: "09:00"}`, "spec.windows[0].cron"},
		"cron with zone":   {`{timeZone: UTC, cron: "TZ=UTC", to: "09:00"}`, "spec.windows[0].cron"},
		"cron after to":    {`{timeZone: UTC, cron: "0 8,10 * * *", to: "09:00"}`, "spec.windows[0].to"},
		"weekday":          {`{timeZone: UTC, weekdays: [monday], from: "08:00", to: "09:00"}`, "spec.windows[0].weekdays[0]"},
		"24:00 as from":    {`{timeZone: UTC, from: "24:00", to: "09:00", toDaysLater: 1}`, "spec.windows[0].from"},
		"24:01":            {`{timeZone: UTC, from: "23:00", to: "24:01"}`, "spec.windows[0].to"},
		"8:00":             {`{timeZone: UTC, from: "8:00", to: "09:00"}`, "spec.windows[0].from"},
		"too many days":    {`{timeZone: UTC, from: "08:00", to: "09:00", toDaysLater: 32}`, "spec.windows[0].toDaysLater"},
		"no calendar":      {`{timeZone: UTC, from: "08:00", to: "09:00", holidays: {configMap: {name: h, key: fr}}}`, `spec.windows[0].holidays.configMap: Invalid value: "h/fr": there is no such key`},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := Compile(field.NewPath("spec", "windows"), parse(t, test.window), lookup)
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), test.want) {
				t.Errorf("got %v, want one that says %s", errs, test.want)
			}
		})
	}
	if _, errs := Compile(field.NewPath("spec", "windows"), nil, lookup); len(errs) != 1 {
		t.Errorf("a policy without windows: %v", errs)
	}
	if _, errs := Compile(field.NewPath("spec", "windows"), parse(t, "{timeZone: A}\n{timeZone: UTC, from: \"08:00\", to: \"07:00\"}"), lookup); len(errs) != 4 {
		t.Errorf("not all faults are told: %v", errs)
	}
}

// FuzzCron: whatever the expression is, parsing answers, and a day that it has is one that robfig/cron would fire on in
// a zone without changes.
func FuzzCron(f *testing.F) {
	for _, seed := range []string{"0 8 * * 1-5", "*/15 0-6 1,15 * SUN", "@monthly", "TZ=", "CRON_TZ=UTC 0 8 * * *", "0 0 31 2 *", "@every 1h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		days, times, err := parseCron(expression)
		if err != nil {
			return
		}
		checkCron(t, expression, days, times)
	})
}

func TestDuration(t *testing.T) {
	windows := parse(t, `{timeZone: UTC, from: "08:00"}`)
	windows[0].Duration = &metav1.Duration{Duration: time.Hour}
	if schedule, errs := Compile(field.NewPath("windows"), windows, lookup); len(errs) > 0 || !schedule.Open(time.Date(2026, 1, 1, 8, 59, 0, 0, time.UTC)) {
		t.Errorf("a window of an hour: %v", errs)
	}
}
