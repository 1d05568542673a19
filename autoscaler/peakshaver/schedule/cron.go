package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
)

// dates are the days that the fields of a cron expression name. Only its parser is robfig/cron's: its stepping leaves out
// what falls into the hour that is skipped in spring, and has the one in autumn twice.
type dates struct {
	month, date, weekday uint64
}

// star is the bit by which the parser marks a field that begins with *.
const star = 1 << 63

const minutesAnHour, hoursADay = 60, 24

// parseCron reads an expression of five fields, and returns its days and its times of the day in minutes, in order.
func parseCron(expression string) (dates, []int, error) {
	if strings.Contains(expression, "TZ=") {
		return dates{}, nil, errors.New("the time zone goes into timeZone")
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(expression)
	if err != nil {
		return dates{}, nil, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return dates{}, nil, errors.New("@every has no time of day; use the five fields")
	}
	var times []int
	for hour := range hoursADay {
		for minute := range minutesAnHour {
			if spec.Hour&(1<<hour) != 0 && spec.Minute&(1<<minute) != 0 {
				times = append(times, hour*minutesAnHour+minute)
			}
		}
	}
	d := dates{month: spec.Month, date: spec.Dom, weekday: spec.Dow}
	if !d.possible() {
		return dates{}, nil, fmt.Errorf("no month of it has such a day")
	}
	return d, times, nil
}

// has tells whether a day is named. As in every cron, where both the day of the month and the weekday are given, either
// will do.
func (d dates) has(day calendar.Day) bool {
	_, month, date := day.Date()
	if d.month&(1<<month) == 0 {
		return false
	}
	byDate, byWeekday := d.date&(1<<date) != 0, d.weekday&(1<<day.Weekday()) != 0
	if d.date&star != 0 || d.weekday&star != 0 {
		return byDate && byWeekday
	}
	return byDate || byWeekday
}

// possible tells that there is such a day: 31 February never is.
func (d dates) possible() bool {
	if d.weekday&star == 0 && d.date&star == 0 {
		return true // any such weekday will do
	}
	const leapYear = 2024
	for month := time.January; month <= time.December; month++ {
		last := calendar.DayOf(leapYear, month+1, 1) - calendar.DayOf(leapYear, month, 1)
		if d.month&(1<<month) != 0 && d.date&(1<<(last+1)-1)>>1 != 0 {
			return true
		}
	}
	return false
}
