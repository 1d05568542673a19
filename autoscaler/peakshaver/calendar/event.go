package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxEventDays bounds one event: a holiday is no longer than a year.
const maxEventDays = 366

// event collects what a VEVENT says.
type event struct {
	begin      *property
	start, end *Day
	days       int // by DURATION
	except     []Day
	rule       *property
	cancelled  bool
}

func (e *event) read(p *property) error {
	switch p.name {
	case "DTSTART":
		return p.day(&e.start)
	case "DTEND":
		return p.day(&e.end)
	case "DURATION":
		return p.days(&e.days)
	case "EXDATE":
		return e.readExceptions(p)
	case "RRULE":
		if e.rule != nil {
			return p.wrong("is given twice")
		}
		e.rule = p
	case "RDATE", "EXRULE", "RECURRENCE-ID":
		return p.wrong("is not understood: write an event for each date")
	case "STATUS":
		e.cancelled = strings.EqualFold(p.value, "CANCELLED")
	}
	return nil
}

func (e *event) readExceptions(p *property) error {
	for _, value := range strings.Split(p.value, ",") {
		var day *Day
		one := *p
		one.value = value
		if err := one.day(&day); err != nil {
			return err
		}
		e.except = append(e.except, *day)
	}
	return nil
}

func (e *event) addTo(holidays *Holidays) error {
	if e.start == nil {
		return fmt.Errorf("line %d: the event has no DTSTART", e.begin.line)
	}
	length, err := e.length()
	if err != nil {
		return fmt.Errorf("line %d: the event %w", e.begin.line, err)
	}
	var rule yearly
	if e.rule != nil {
		if rule, err = parseYearly(e.rule, *e.start); err != nil {
			return err
		}
	}
	rule.length, rule.except = length, e.except
	switch {
	case e.cancelled:
	case e.rule != nil:
		holidays.yearly = append(holidays.yearly, rule)
	case !slices.Contains(e.except, *e.start):
		for i := range length {
			holidays.add(*e.start + Day(i))
		}
	}
	return nil
}

// length is the number of days: DTEND is the first day that is none, and one is meant where nothing is said.
func (e *event) length() (int, error) {
	switch {
	case e.end != nil && e.days > 0:
		return 0, errors.New("has both DTEND and DURATION")
	case e.end != nil && *e.end <= *e.start:
		return 0, errors.New("ends before it begins: DTEND is the day after the last one")
	case e.end != nil && *e.end-*e.start > maxEventDays, e.days > maxEventDays:
		return 0, fmt.Errorf("is longer than %d days", maxEventDays)
	case e.end != nil:
		return int(*e.end - *e.start), nil
	case e.days > 0:
		return e.days, nil
	}
	return 1, nil
}
