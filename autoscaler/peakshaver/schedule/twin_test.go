package schedule

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
)

// checkCron compares the firings of some weeks in UTC with robfig/cron's own stepping, which is right where clocks do
// not change.
func checkCron(t *testing.T, expression string, days dates, times []int) {
	t.Helper()
	reference, err := cron.ParseStandard(expression)
	if err != nil {
		t.Fatalf("%q: %v", expression, err)
	}
	begin := time.Date(2027, time.December, 20, 0, 0, 0, 0, time.UTC)
	end := begin.AddDate(0, 0, 70)
	next := reference.Next(begin.Add(-time.Second))
	for day := calendar.On(begin); day < calendar.On(end); day++ {
		if !days.has(day) {
			continue
		}
		for _, minutes := range times {
			fires := time.Unix(int64(wallAt(day, minutes)), 0).UTC()
			if !fires.Equal(next) {
				t.Fatalf("%q: fires at %s, robfig/cron at %s", expression, fires, next)
			}
			next = reference.Next(next)
		}
	}
	if !next.IsZero() && next.Before(end) {
		t.Fatalf("%q: robfig/cron fires at %s too", expression, next)
	}
}

func TestCron(t *testing.T) {
	for _, expression := range []string{
		"0 8 * * *", "0 8 * * 1-5", "*/15 0-6 1,15 * SUN", "30 22 28-31 * *", "0 0 1 1 *", "@monthly", "@weekly", "0 0 29 2 *", "5,10 3 */2 * *", "0 0 * JAN,FEB MON#",
	} {
		days, times, err := parseCron(expression)
		if err != nil {
			if _, wrong := cron.ParseStandard(expression); wrong == nil {
				t.Errorf("%q: %v", expression, err)
			}
			continue
		}
		checkCron(t, expression, days, times)
	}
}

// Zones whose clocks do odd things in these years.
var zones = map[string]int{
	"Europe/Berlin": 2026, "America/New_York": 2026, "Australia/Lord_Howe": 2026, "Antarctica/Troll": 2026, "Africa/Casablanca": 2026,
	"Pacific/Apia": 2011, "America/Caracas": 2016, "Asia/Pyongyang": 2018, "Africa/Juba": 2021, "America/Havana": 2026, "Europe/Dublin": 2026,
	"America/Nuuk": 2023, "Asia/Gaza": 2026, "Pacific/Kwajalein": 1993, "Asia/Kathmandu": 1986,
}

// TestEdgesTwin walks through the minutes around each change of the clocks and decides by what they show: a window
// is open from the first minute at or after from to the last before to.
func TestEdgesTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, year := range zones {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(year, 1, 1, 0, 0, 0, 0, location)
		for range 6 {
			if _, end := at.ZoneBounds(); !end.IsZero() && end.Year() <= year+1 {
				checkAround(t, random, end)
				at = end
			}
		}
	}
}

func checkAround(t *testing.T, random *rand.Rand, change time.Time) {
	t.Helper()
	const around = 60 * time.Hour
	for range 12 {
		w := &Window{location: change.Location(), days: weekdays(1 + random.IntN(127)), later: calendar.Day(random.IntN(2))}
		hour, minute, _ := change.Clock()
		w.times = []int{(hour*60 + minute + random.IntN(360) - 180 + 1440) % 1440}
		if w.to = (w.times[0] + 1 + random.IntN(240)) % 1440; w.to <= w.times[0] {
			w.later = 1
		}
		open := walk(w, change.Add(-around), change.Add(around))
		for i := range open {
			moment := change.Add(-around + time.Duration(i)*time.Minute)
			if moment.Sub(change).Abs() < around/2 && w.Open(moment) != open[i] {
				t.Fatalf("%s: %+v: Open is %v", moment, w, w.Open(moment))
			}
		}
	}
}

// walk tells for each minute whether the window is open, by what the clocks show then.
func walk(w *Window, from, to time.Time) []bool {
	var shown []wall
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		at := at.In(w.location)
		shown = append(shown, wallAt(calendar.On(at), at.Hour()*60+at.Minute()))
	}
	open := make([]bool, len(shown))
	for day := calendar.On(from) - 2; day <= calendar.On(to)+2; day++ {
		if !w.days.has(day) {
			continue
		}
		first, last, was := len(shown), -1, false
		for i, s := range shown {
			was = was || s >= wallAt(day, 0) && s < wallAt(day+1, 0)
			if s >= wallAt(day, w.times[0]) {
				first = min(first, i)
			}
			if s < wallAt(day+w.later, w.to) {
				last = i
			}
		}
		for i := first; i <= last && was; i++ {
			open[i] = true
		}
	}
	return open
}
