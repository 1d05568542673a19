package peakshaver

import (
	"archive/zip"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
	"github.com/evenkeel/evenkeel/test/bench"
)

const (
	firstYear, lastYear = 2020, 2029
	// around is how far before and after a change of the clocks minutes are judged, and beyond how far more is looked at,
	// so that windows which begin or end elsewhere are whole.
	around = 30 * time.Hour
	beyond = 4 * 24 * time.Hour
)

// zoneNames are those of the database that Go ships.
func zoneNames(tb testing.TB) []string {
	tb.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		tb.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		tb.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	if len(names) < 400 {
		tb.Fatalf("found %d zones only", len(names))
	}
	return names
}

// changes are the moments of the years at which a zone's clocks or its year change.
func changes(location *time.Location) []time.Time {
	var all []time.Time
	at := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).In(location)
	for {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.UTC().Year() > lastYear {
			break
		}
		all = append(all, end)
		at = end
	}
	for year := firstYear; year <= lastYear; year++ {
		all = append(all, time.Date(year, time.January, 1, 0, 0, 0, 0, location))
	}
	return all
}

// shown is what the clocks show at a minute: the date as year·10000 + month·100 + day, and the time as hour·100 + minute.
type shown struct {
	date, time int
	weekday    time.Weekday
}

func (s shown) before(date, time int) bool { return s.date < date || s.date == date && s.time < time }

// walk lists what the clocks show, minute by minute.
func walk(location *time.Location, from, to time.Time) []shown {
	var all []shown
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		local := at.In(location)
		all = append(all, shown{
			date: local.Year()*10000 + int(local.Month())*100 + local.Day(), time: local.Hour()*100 + local.Minute(), weekday: local.Weekday(),
		})
	}
	return all
}

// drawn is a window to be judged, of one weekday or of every day.
type drawn struct {
	from, to, duration, later int // times as hour·100 + minute, duration in minutes
	weekday                   time.Weekday
	daily                     bool
}

func clock(minutes int) int { return minutes/60*100 + minutes%60 }

// draw makes a window with an edge near what the clocks show at a change.
func draw(random *rand.Rand, change time.Time) drawn {
	local := change.Add(-time.Minute)
	near := local.Hour()*60 + local.Minute()
	from := (near + random.IntN(400) - 200 + 1440) % 1440
	d := drawn{from: clock(from), weekday: time.Weekday(random.IntN(7)), daily: random.IntN(2) == 0}
	switch random.IntN(3) {
	case 0:
		d.duration = 1 + random.IntN(40*60)
	case 1:
		d.to = clock((near+random.IntN(400)-200+1440)%1440 + 1)
		d.later = 1
	default:
		d.to = clock(from + 1 + random.IntN(1440-from))
	}
	return d
}

func (d drawn) spec(zone string) v1alpha1.PeakWindow {
	hours := func(t int) string { return fmt.Sprintf("%02d:%02d", t/100, t%100) }
	w := v1alpha1.PeakWindow{Name: "w", TimeZone: zone, From: hours(d.from)}
	if !d.daily {
		w.Weekdays = []v1alpha1.Weekday{v1alpha1.Weekday(d.weekday.String())}
	}
	if d.duration > 0 {
		w.Duration = &metav1.Duration{Duration: time.Duration(d.duration) * time.Minute}
		return w
	}
	w.To, w.ToDaysLater = hours(d.to), int32(d.later)
	return w
}

// open decides minute by minute: a window begins at the first minute that shows its time of its day, or a later one, and
// lasts for its minutes, or up to the last one that shows a time before its end.
func (d drawn) open(minutes []shown) []bool {
	open, seen := make([]bool, len(minutes)), map[int]bool{}
	for _, minute := range minutes {
		date := minute.date
		if seen[date] || !d.daily && minute.weekday != d.weekday {
			continue
		}
		seen[date] = true
		begin := 0
		for begin < len(minutes) && minutes[begin].before(date, d.from) {
			begin++
		}
		end := begin + d.duration
		if d.duration == 0 {
			last := time.Date(date/10000, time.Month(date/100%100), date%100+d.later, 0, 0, 0, 0, time.UTC)
			for i := range minutes {
				if minutes[i].before(last.Year()*10000+int(last.Month())*100+last.Day(), d.to) {
					end = i + 1
				}
			}
		}
		for i := begin; i < end && i < len(minutes); i++ {
			open[i] = true
		}
	}
	return open
}

// disagreements judges a window around a change, at every nth minute and at every edge, and tells how many answers differ.
func disagreements(tb testing.TB, d drawn, zone string, change time.Time, minutes []shown, nth int) int {
	tb.Helper()
	windows, errs := schedule.Compile(field.NewPath("windows"), []v1alpha1.PeakWindow{d.spec(zone)}, nil)
	if len(errs) > 0 {
		tb.Fatal(errs.ToAggregate())
	}
	open := d.open(minutes)
	wrong := 0
	differs := func(at time.Time, what string, got, want any) {
		if wrong++; wrong <= 3 {
			tb.Errorf("%s: %+v: %s at %s is %v, want %v", zone, d, what, at.Format(time.RFC3339), got, want)
		}
	}
	start := change.Add(-around - beyond)
	for i := int(beyond / time.Minute); i < len(minutes)-int(beyond/time.Minute); i++ {
		at := start.Add(time.Duration(i) * time.Minute)
		edge := open[i] != open[i-1]
		if edge {
			if until := windows.At(at.Add(-time.Minute)).Until; !until.Equal(at) {
				differs(at.Add(-time.Minute), "until", until, at)
			}
		}
		if edge || i%nth == 0 {
			if got := windows.Open(at); got != open[i] {
				differs(at, "open", got, open[i])
			}
		}
	}
	return wrong
}

// sweep judges windows around the changes of every zone, one in so many of them, at every nth minute.
func sweep(tb testing.TB, oneIn, windows, nth int) (wrong, judged int) {
	tb.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for _, zone := range zoneNames(tb) {
		location, err := time.LoadLocation(zone)
		if err != nil {
			tb.Fatal(err)
		}
		for _, change := range changes(location) {
			if random.IntN(oneIn) != 0 {
				continue
			}
			minutes := walk(location, change.Add(-around-beyond), change.Add(around+beyond))
			for range windows {
				wrong += disagreements(tb, draw(random, change.In(location)), zone, change, minutes, nth)
				judged++
			}
		}
	}
	return wrong, judged
}

func TestZones(t *testing.T) {
	if wrong, judged := sweep(t, 12, 1, 60); wrong > 0 || judged < 100 {
		t.Errorf("%d disagreements in %d windows", wrong, judged)
	}
}

// BenchmarkZones judges every change of the clocks of ten years, and every new year, in every zone, minute by minute.
func BenchmarkZones(b *testing.B) {
	windows := 3
	if testing.Short() {
		windows = 1
	}
	for range b.N {
		wrong, judged := sweep(b, 1, windows, 1)
		b.Logf("judged %d windows", judged)
		bench.Report(b, bench.Result{Area: "peakshaver", Name: "zone_disagreements", Value: float64(wrong), Unit: "answers"})
	}
}
