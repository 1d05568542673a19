package schedule

import (
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
)

// maxLength is how long a window lasts at most, and maxLater how many days after it began it ends.
const (
	maxLength = 31 * 24 * time.Hour
	maxLater  = 31
)

// Compile makes a schedule of a policy's windows. Whatever is wrong is told by its path, below the path given. lookup
// returns the calendar that a reference names, or why it cannot be had.
func Compile(path *field.Path, specs []v1alpha1.PeakWindow, lookup func(v1alpha1.CalendarReference) (*calendar.Holidays, error)) (Schedule, field.ErrorList) {
	var schedule Schedule
	var errs field.ErrorList
	if len(specs) == 0 {
		errs = append(errs, field.Required(path, "a policy without windows never acts"))
	}
	for i := range specs {
		window, wrong := compile(path.Index(i), &specs[i])
		if h := specs[i].Holidays; h != nil {
			holidays, err := lookup(h.ConfigMap)
			if err != nil {
				wrong = append(wrong, field.Invalid(path.Index(i).Child("holidays", "configMap"), h.ConfigMap.Name+"/"+h.ConfigMap.Key, err.Error()))
			}
			window.rule, window.holidays = h.Rule, holidays
		}
		schedule = append(schedule, window)
		errs = append(errs, wrong...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return schedule, nil
}

func compile(path *field.Path, spec *v1alpha1.PeakWindow) (*Window, field.ErrorList) {
	w := &Window{name: spec.Name, location: time.UTC}
	location, err := time.LoadLocation(spec.TimeZone)
	var errs field.ErrorList
	switch {
	case spec.TimeZone == "" || spec.TimeZone == "Local":
		errs = append(errs, field.Invalid(path.Child("timeZone"), spec.TimeZone, "must be an IANA name such as Europe/Berlin"))
	case err != nil:
		errs = append(errs, field.Invalid(path.Child("timeZone"), spec.TimeZone, "is no IANA time zone: "+err.Error()))
	default:
		w.location = location
	}
	errs = append(errs, w.setBeginning(path, spec)...)
	return w, append(errs, w.setEnd(path, spec)...)
}

func (w *Window) setBeginning(path *field.Path, spec *v1alpha1.PeakWindow) field.ErrorList {
	switch {
	case (spec.From == "") == (spec.Cron == ""):
		return field.ErrorList{field.Required(path.Child("from"), "say when the window begins: either from (with weekdays) or cron")}
	case spec.Cron != "" && len(spec.Weekdays) > 0:
		return field.ErrorList{field.Forbidden(path.Child("weekdays"), "cron says itself on which weekdays")}
	case spec.Cron != "":
		days, times, err := parseCron(spec.Cron)
		w.days, w.times = days, times
		if err != nil {
			return field.ErrorList{field.Invalid(path.Child("cron"), spec.Cron, err.Error())}
		}
		return nil
	}
	days, errs := parseWeekdays(path.Child("weekdays"), spec.Weekdays)
	minutes, ok := parseTime(spec.From)
	if !ok || minutes == hoursADay*minutesAnHour {
		errs = append(errs, field.Invalid(path.Child("from"), spec.From, "must be from 00:00 to 23:59"))
	}
	w.days, w.times = days, []int{minutes}
	return errs
}

func parseWeekdays(path *field.Path, names []v1alpha1.Weekday) (weekdays, field.ErrorList) {
	if len(names) == 0 {
		return 1<<7 - 1, nil
	}
	var days weekdays
	for i, name := range names {
		found := false
		for day := time.Sunday; day <= time.Saturday; day++ {
			if day.String() == string(name) {
				days |= 1 << day
				found = true
			}
		}
		if !found {
			return 0, field.ErrorList{field.Invalid(path.Index(i), name, "must be a weekday, such as Monday")}
		}
	}
	return days, nil
}

// parseTime reads a time of day, 24:00 included, as minutes.
func parseTime(text string) (int, bool) {
	hours, minutes, ok := strings.Cut(text, ":")
	h, err := strconv.ParseUint(hours, 10, 8)
	m, wrong := strconv.ParseUint(minutes, 10, 8)
	total := int(h)*minutesAnHour + int(m)
	ok = ok && err == nil && wrong == nil && len(hours) == 2 && len(minutes) == 2 && m < minutesAnHour
	return total, ok && total <= hoursADay*minutesAnHour
}

func (w *Window) setEnd(path *field.Path, spec *v1alpha1.PeakWindow) field.ErrorList {
	if (spec.To == "") == (spec.Duration == nil) {
		return field.ErrorList{field.Required(path.Child("to"), "say when the window ends: either to or duration")}
	}
	if spec.Duration != nil {
		w.length = spec.Duration.Duration
		if w.length < time.Minute || w.length > maxLength {
			return field.ErrorList{field.Invalid(path.Child("duration"), w.length.String(), "must be from 1m to 744h (31 days)")}
		}
		return nil
	}
	to, ok := parseTime(spec.To)
	w.to, w.later = to, calendar.Day(spec.ToDaysLater)
	switch {
	case !ok:
		return field.ErrorList{field.Invalid(path.Child("to"), spec.To, "must be from 00:00 to 24:00")}
	case w.later < 0 || w.later > maxLater:
		return field.ErrorList{field.Invalid(path.Child("toDaysLater"), spec.ToDaysLater, "must be from 0 to 31")}
	}
	return w.checkLength(path.Child("to"), spec.To)
}

// checkLength refuses a window that ends before it begins, on the same day. With cron the latest beginning decides.
func (w *Window) checkLength(path *field.Path, to string) field.ErrorList {
	if w.later > 0 || len(w.times) == 0 {
		return nil
	}
	switch latest := w.times[len(w.times)-1]; {
	case w.to == latest:
		return field.ErrorList{field.Invalid(path, to, "a window of zero length; for a whole day set toDaysLater: 1")}
	case w.to < latest:
		return field.ErrorList{field.Invalid(path, to, "lies before the window begins; if it crosses midnight, set toDaysLater: 1")}
	}
	return nil
}
