package calendar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// dateFormat is that of a DATE in RFC 5545, 3.3.4.
const dateFormat = "20060102"

// property is a line of a calendar, unfolded: name;parameters:value.
type property struct {
	line        int
	name, value string
	parameters  map[string]string
}

func (p *property) wrong(format string, args ...any) error {
	return fmt.Errorf("line %d: %s: %w", p.line, p.name, fmt.Errorf(format, args...))
}

// unfold joins the lines that continue others (RFC 5545, 3.1) and splits them.
func unfold(text string) ([]property, error) {
	var properties []property
	var folded strings.Builder
	first, number := 0, 0
	flush := func() error {
		if folded.Len() == 0 {
			return nil
		}
		p, err := split(first, folded.String())
		properties = append(properties, p)
		folded.Reset()
		return err
	}
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if folded.Len() > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			folded.WriteString(line[1:])
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		folded.WriteString(line)
		first = number
	}
	return properties, flush()
}

var (
	nameOf      = regexp.MustCompile(`^[A-Za-z0-9-]+`)
	parameterOf = regexp.MustCompile(`^;([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)`)
)

func split(number int, line string) (property, error) {
	p := property{line: number, name: strings.ToUpper(nameOf.FindString(line)), parameters: map[string]string{}}
	rest := line[len(p.name):]
	for p.name != "" && strings.HasPrefix(rest, ";") {
		match := parameterOf.FindStringSubmatch(rest)
		if match == nil {
			break
		}
		p.parameters[strings.ToUpper(match[1])] = strings.Trim(match[2], `"`)
		rest = rest[len(match[0]):]
	}
	if p.name == "" || !strings.HasPrefix(rest, ":") {
		return p, fmt.Errorf("line %d: is not of the form NAME:value", number)
	}
	p.value = strings.TrimSpace(rest[1:])
	return p, nil
}

// day reads a date, once.
func (p *property) day(into **Day) error {
	if *into != nil {
		return p.wrong("is given twice")
	}
	day, err := parseDay(dateFormat, p.value)
	if err != nil {
		return p.wrong("%q is no date such as 20261225: holidays are whole days", p.value)
	}
	*into = &day
	return nil
}

var wholeDays = regexp.MustCompile(`^\+?P([0-9]{1,3})([DW])$`)

func (p *property) days(into *int) error {
	match := wholeDays.FindStringSubmatch(p.value)
	if match == nil {
		return p.wrong("%q is no number of days such as P1D: holidays are whole days", p.value)
	}
	days, err := strconv.Atoi(match[1])
	if err != nil {
		return p.wrong("%w", err)
	}
	if match[2] == "W" {
		days *= 7
	}
	*into = days
	return nil
}
