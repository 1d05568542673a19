package calendar

import (
	"fmt"
	"strings"
)

// parseICalendar reads the events of an iCalendar (RFC 5545): those of whole days, once or every year. What it does not
// understand of an event is an error, since a holiday that is misread is worse than one that is refused.
func parseICalendar(text string) (*Holidays, error) {
	properties, err := unfold(text)
	if err != nil {
		return nil, err
	}
	r := &reader{holidays: &Holidays{}}
	for i := range properties {
		if err := r.read(&properties[i]); err != nil {
			return nil, err
		}
	}
	if len(r.open) > 0 {
		return nil, fmt.Errorf("%s has no end: the calendar is cut off", r.open[len(r.open)-1])
	}
	return r.holidays, nil
}

// reader keeps where it is: in which components, the outermost first, and in which event of the calendar.
type reader struct {
	holidays *Holidays
	open     []string
	event    *event
}

func (r *reader) read(p *property) error {
	switch p.name {
	case "BEGIN":
		return r.begin(p, strings.ToUpper(p.value))
	case "END":
		return r.end(p, strings.ToUpper(p.value))
	}
	if r.inEvent() {
		return r.event.read(p)
	}
	return nil
}

func (r *reader) begin(p *property, component string) error {
	if (component == "VCALENDAR") != (len(r.open) == 0) {
		return p.wrong("%s is out of place", p.value)
	}
	r.open = append(r.open, component)
	if r.inEvent() {
		r.event = &event{begin: p}
	}
	return nil
}

func (r *reader) end(p *property, component string) error {
	if len(r.open) == 0 || r.open[len(r.open)-1] != component {
		return p.wrong("%s has not begun", p.value)
	}
	ended := r.inEvent()
	r.open = r.open[:len(r.open)-1]
	if ended {
		return r.event.addTo(r.holidays)
	}
	return nil
}

// inEvent tells that what is read is an event's own, not an alarm's in it.
func (r *reader) inEvent() bool { return len(r.open) == 2 && r.open[1] == "VEVENT" }
