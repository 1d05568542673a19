package calendar

import (
	"fmt"
	"strings"
	"time"
)

// Holidays is a set of days. The zero value has none.
type Holidays struct {
	days   map[Day]bool
	yearly []yearly
}

// Has tells whether a day is a holiday.
func (h *Holidays) Has(day Day) bool {
	if h.days[day] {
		return true
	}
	for i := range h.yearly {
		if h.yearly[i].has(day) {
			return true
		}
	}
	return false
}

func (h *Holidays) add(day Day) {
	if h.days == nil {
		h.days = map[Day]bool{}
	}
	h.days[day] = true
}

// Parse reads a calendar: iCalendar where it begins with BEGIN:VCALENDAR, else a list of dates, one a line as
// 2026-12-25, with comments after #. An error names the line.
func Parse(text string) (*Holidays, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(text)), "BEGIN:VCALENDAR") {
		return parseICalendar(text)
	}
	holidays := &Holidays{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		date, _, _ := strings.Cut(line, "#")
		if date = strings.TrimSpace(date); date == "" {
			continue
		}
		day, err := parseDay(time.DateOnly, date)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no date such as 2026-12-25", number, date)
		}
		holidays.add(day)
	}
	return holidays, nil
}

func parseDay(layout, text string) (Day, error) {
	t, err := time.Parse(layout, text)
	if err != nil {
		return 0, err
	}
	return On(t), nil
}
