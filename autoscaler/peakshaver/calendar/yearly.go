package calendar

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// yearly is an event that returns every year, or every few: RRULE:FREQ=YEARLY.
type yearly struct {
	first     Day
	interval  int
	until     *Day
	months    []time.Month
	monthDays []int // negative: from the end of the month
	weekdays  []nthWeekday
	length    int
	except    []Day
}

// nthWeekday is a weekday of a month: the nth, from the end where n is negative, any where n is 0.
type nthWeekday struct {
	n       int
	weekday time.Weekday
}

// has tells whether a day is one of the event's.
func (y *yearly) has(day Day) bool {
	for i := range y.length {
		if y.begins(day - Day(i)) {
			return true
		}
	}
	return false
}

// begins tells whether the event begins on a day. DTSTART is the first occurrence whatever the rule says.
func (y *yearly) begins(day Day) bool {
	if day < y.first || y.until != nil && day > *y.until || slices.Contains(y.except, day) {
		return false
	}
	return day == y.first || y.named(day)
}

// named tells whether the parts of the rule name a day.
func (y *yearly) named(day Day) bool {
	firstYear, _, _ := y.first.Date()
	year, month, date := day.Date()
	if (year-firstYear)%y.interval != 0 || !slices.Contains(y.months, month) {
		return false
	}
	left := daysIn(year, month) - date // days of the month after it
	inMonth := len(y.monthDays) == 0 || slices.Contains(y.monthDays, date) || slices.Contains(y.monthDays, -left-1)
	return inMonth && (len(y.weekdays) == 0 || slices.ContainsFunc(y.weekdays, func(w nthWeekday) bool {
		return w.weekday == day.Weekday() && slices.Contains([]int{0, (date-1)/7 + 1, -left/7 - 1}, w.n)
	}))
}

// parseYearly reads the parts of a rule that holidays are made of: FREQ=YEARLY with INTERVAL, UNTIL, BYMONTH,
// BYMONTHDAY and BYDAY.
func parseYearly(p *property, start Day) (yearly, error) {
	y := yearly{first: start, interval: 1}
	seen := map[string]bool{}
	for _, part := range strings.Split(strings.ToUpper(p.value), ";") {
		name, value, _ := strings.Cut(part, "=")
		set, known := setters[name]
		switch {
		case !known:
			return y, p.wrong("%s is not understood: write an event for each date", name)
		case seen[name]:
			return y, p.wrong("%s is given twice", name)
		case !set(&y, value):
			return y, p.wrong("%s=%s is not understood: write an event for each date", name, value)
		}
		seen[name] = true
	}
	switch {
	case !seen["FREQ"]:
		return y, p.wrong("has no FREQ")
	case seen["BYDAY"] && !seen["BYMONTH"]:
		return y, p.wrong("BYDAY needs BYMONTH here")
	}
	y.setDefaults()
	return y, nil
}

// setDefaults takes from DTSTART what the rule does not say.
func (y *yearly) setDefaults() {
	_, month, date := y.first.Date()
	if len(y.months) == 0 {
		y.months = []time.Month{month}
	}
	if len(y.weekdays) == 0 && len(y.monthDays) == 0 {
		y.monthDays = []int{date}
	}
}

// setters read the parts of a rule; false for a value that is none, or not understood.
var setters = map[string]func(*yearly, string) bool{
	"FREQ":       func(_ *yearly, value string) bool { return value == "YEARLY" },
	"WKST":       func(*yearly, string) bool { return true }, // decides where weeks begin, which no yearly rule of ours asks
	"INTERVAL":   (*yearly).setInterval,
	"UNTIL":      (*yearly).setUntil,
	"BYMONTH":    (*yearly).setMonths,
	"BYMONTHDAY": (*yearly).setMonthDays,
	"BYDAY":      (*yearly).setWeekdays,
}

func (y *yearly) setInterval(value string) bool {
	n, err := strconv.Atoi(value)
	y.interval = n
	return err == nil && n >= 1 && n <= 1000
}

func (y *yearly) setUntil(value string) bool {
	date, _, _ := strings.Cut(value, "T")
	day, err := parseDay(dateFormat, date)
	y.until = &day
	return err == nil
}

func (y *yearly) setMonths(value string) bool {
	numbers, ok := parseNumbers(value, 1, 12)
	for _, n := range numbers {
		y.months = append(y.months, time.Month(n))
	}
	return ok
}

func (y *yearly) setMonthDays(value string) bool {
	numbers, ok := parseNumbers(value, -31, 31)
	y.monthDays = numbers
	return ok && !slices.Contains(numbers, 0)
}

func parseNumbers(list string, least, most int) ([]int, bool) {
	var numbers []int
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, true
}

var weekdayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// setWeekdays reads weekdays, each with its number in the month or without: 4TH, -1MO, SU.
func (y *yearly) setWeekdays(list string) bool {
	for _, text := range strings.Split(list, ",") {
		if len(text) < 2 {
			return false
		}
		number, name := text[:len(text)-2], text[len(text)-2:]
		weekday := slices.Index(weekdayNames, name)
		n := 0
		if number != "" {
			var err error
			if n, err = strconv.Atoi(number); err != nil || n == 0 || n < -5 || n > 5 {
				return false
			}
		}
		if weekday < 0 {
			return false
		}
		y.weekdays = append(y.weekdays, nthWeekday{n, time.Weekday(weekday)})
	}
	return true
}
