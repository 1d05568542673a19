package calendar

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDay(t *testing.T) {
	for day := DayOf(1899, time.December, 1); day < DayOf(2101, time.February, 1); day++ {
		year, month, date := day.Date()
		twin := time.Date(year, month, date, 12, 0, 0, 0, time.UTC)
		if DayOf(year, month, date) != day || day.Weekday() != twin.Weekday() || day.String() != twin.Format("2006-01-02") || On(twin) != day {
			t.Fatalf("day %d is %s, a %s", int(day), day, day.Weekday())
		}
	}
	kiritimati := time.Date(2026, 1, 1, 0, 30, 0, 0, time.FixedZone("", 14*3600))
	if got := On(kiritimati).String(); got != "2026-01-01" {
		t.Errorf("the wall shows %s", got)
	}
}

// ics is a calendar around lines of one event.
func ics(lines ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

// daysOf are the holidays of some years, as one line.
func daysOf(h *Holidays, from, to int) string {
	var days []string
	for day := DayOf(from, 1, 1); day < DayOf(to+1, 1, 1); day++ {
		if h.Has(day) {
			days = append(days, day.String())
		}
	}
	return strings.Join(days, " ")
}

func TestParse(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                      {"", ""},
		"a list":                       {"2026-12-25\n2026-12-26 # St Stephen's\n\n# 2026-12-27\n", "2026-12-25 2026-12-26"},
		"byte order":                   {"\ufeff2026-12-25", "2026-12-25"},
		"a day":                        {ics("DTSTART;VALUE=DATE:20261225"), "2026-12-25"},
		"its end":                      {ics("DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261227"), "2026-12-25 2026-12-26"},
		"its length":                   {ics("DTSTART:20261225", "DURATION:P2D"), "2026-12-25 2026-12-26"},
		"folded":                       {ics("SUMMARY:a very", "  long line", "DTSTART;VALUE=", " DATE:2026", "\t1225"), "2026-12-25"},
		"lower case":                   {strings.ToLower(ics("DTSTART:20261225")), "2026-12-25"},
		"quoted":                       {ics(`DTSTART;X="a:b;c,d";VALUE=DATE:20261225`), "2026-12-25"},
		"cancelled":                    {ics("DTSTART:20261225", "STATUS:CANCELLED"), ""},
		"of an alarm":                  {ics("DTSTART:20261225", "BEGIN:VALARM", "DURATION:PT15M", "END:VALARM"), "2026-12-25"},
		"of a zone":                    {strings.Replace(ics("DTSTART:20261225"), "VERSION:2.0", "BEGIN:VTIMEZONE\r\nBEGIN:STANDARD\r\nDTSTART:19701101T020000\r\nEND:STANDARD\r\nEND:VTIMEZONE", 1), "2026-12-25"},
		"every year":                   {ics("DTSTART:20251225", "RRULE:FREQ=YEARLY"), "2025-12-25 2026-12-25 2027-12-25"},
		"every other":                  {ics("DTSTART:20251225", "RRULE:FREQ=YEARLY;INTERVAL=2"), "2025-12-25 2027-12-25"},
		"until":                        {ics("DTSTART:20251225", "RRULE:FREQ=YEARLY;UNTIL=20261225T000000Z"), "2025-12-25 2026-12-25"},
		"not that year":                {ics("DTSTART:20251225", "RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20261225"), "2025-12-25 2027-12-25"},
		"across a year":                {ics("DTSTART:20241231", "DTEND:20250102", "RRULE:FREQ=YEARLY"), "2025-01-01 2025-12-31 2026-01-01 2026-12-31 2027-01-01 2027-12-31"},
		"Thanksgiving":                 {ics("DTSTART:20251127", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"), "2025-11-27 2026-11-26 2027-11-25"},
		"Memorial Day":                 {ics("DTSTART:20250526", "RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;WKST=SU"), "2025-05-26 2026-05-25 2027-05-31"},
		"new year's eve, from the end": {ics("DTSTART:20251231", "RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=-1"), "2025-12-31 2026-12-31 2027-12-31"},
		"Election Day":                 {ics("DTSTART:20251104", "RRULE:FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=2,3,4,5,6,7,8;BYDAY=TU"), "2025-11-04 2026-11-03 2027-11-02"},
	} {
		t.Run(name, func(t *testing.T) {
			holidays, err := Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := daysOf(holidays, 2025, 2027); got != test.want {
				t.Errorf("holidays are %s, want %s", got, test.want)
			}
		})
	}
}

func TestLeapDay(t *testing.T) {
	holidays, err := Parse(ics("DTSTART:20240229", "RRULE:FREQ=YEARLY"))
	if err != nil {
		t.Fatal(err)
	}
	if got := daysOf(holidays, 2023, 2032); got != "2024-02-29 2028-02-29 2032-02-29" {
		t.Errorf("holidays are %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a word":           {"2026-12-24\nChristmas", `line 2: "Christmas" is no date`},
		"no such day":      {"2026-02-29", "line 1"},
		"a timed event":    {ics("DTSTART:20261225T120000Z"), "line 5: DTSTART: \"20261225T120000Z\" is no date such as 20261225: holidays are whole days"},
		"two starts":       {ics("DTSTART:20261225", "DTSTART:20261226"), "line 6: DTSTART: is given twice"},
		"no start":         {ics("SUMMARY:x"), "line 3: the event has no DTSTART"},
		"ends first":       {ics("DTSTART:20261225", "DTEND:20261225"), "line 3: the event ends before it begins"},
		"end and length":   {ics("DTSTART:20261225", "DTEND:20261226", "DURATION:P1D"), "both DTEND and DURATION"},
		"hours":            {ics("DTSTART:20261225", "DURATION:PT12H"), "holidays are whole days"},
		"years long":       {ics("DTSTART:20261225", "DTEND:20301225"), "longer than 366 days"},
		"weekly":           {ics("DTSTART:20261225", "RRULE:FREQ=WEEKLY"), "line 6: RRULE: FREQ=WEEKLY is not understood"},
		"by position":      {ics("DTSTART:20261225", "RRULE:FREQ=YEARLY;BYSETPOS=1"), "BYSETPOS is not understood"},
		"a number of them": {ics("DTSTART:20261225", "RRULE:FREQ=YEARLY;COUNT=3"), "COUNT is not understood"},
		"weekday of year":  {ics("DTSTART:20261225", "RRULE:FREQ=YEARLY;BYDAY=20MO"), "BYDAY"},
		"weekday alone":    {ics("DTSTART:20261225", "RRULE:FREQ=YEARLY;BYDAY=MO"), "BYDAY needs BYMONTH"},
		"no such month":    {ics("DTSTART:20261225", "RRULE:FREQ=YEARLY;BYMONTH=13"), "BYMONTH=13 is not understood"},
		"interval of 0":    {ics("DTSTART:20261225", "RRULE:FREQ=YEARLY;INTERVAL=0"), "INTERVAL=0 is not understood"},
		"a part twice":     {ics("DTSTART:20261225", "RRULE:FREQ=YEARLY;FREQ=YEARLY"), "FREQ is given twice"},
		"no frequency":     {ics("DTSTART:20261225", "RRULE:BYMONTH=12"), "has no FREQ"},
		"two rules":        {ics("DTSTART:20261225", "RRULE:FREQ=YEARLY", "RRULE:FREQ=YEARLY"), "line 7: RRULE: is given twice"},
		"further dates":    {ics("DTSTART:20261225", "RDATE:20271225"), "line 6: RDATE: is not understood"},
		"cut off":          {strings.TrimSuffix(ics("DTSTART:20261225"), "END:VCALENDAR\r\n"), "VCALENDAR has no end"},
		"crossed":          {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", "line 3: END: VCALENDAR has not begun"},
		"nested":           {"BEGIN:VCALENDAR\nBEGIN:VCALENDAR\n", "line 2: BEGIN: VCALENDAR is out of place"},
		"no property":      {ics("DTSTART 20261225"), "line 5: is not of the form NAME:value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %s", err, test.want)
			}
		})
	}
}

// TestYearlyTwin compares rules of a weekday in a month with counting the days of the month.
func TestYearlyTwin(t *testing.T) {
	for n := -5; n <= 5; n++ {
		if n == 0 {
			continue
		}
		for weekday, name := range weekdayNames {
			holidays, err := Parse(ics("DTSTART:20200101", fmt.Sprintf("RRULE:FREQ=YEARLY;BYMONTH=2;BYDAY=%d%s", n, name)))
			if err != nil {
				t.Fatal(err)
			}
			for year := 2021; year < 2050; year++ {
				var those []Day
				for day := DayOf(year, time.February, 1); day < DayOf(year, time.March, 1); day++ {
					if int(day.Weekday()) == weekday {
						those = append(those, day)
					}
				}
				index := n - 1
				if n < 0 {
					index = len(those) + n
				}
				for i, day := range those {
					if holidays.Has(day) != (i == index) {
						t.Fatalf("%d%s: %s: %v", n, name, day, holidays.Has(day))
					}
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"2026-12-25\n# comment", ics("DTSTART;VALUE=DATE:20261225", "DTEND:20261227"), ics("DTSTART:20251127", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"),
		ics(`DTSTART;X="a:b":2026`, " 1225", "EXDATE:20261225,20271225"), "BEGIN:VCALENDAR",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		holidays, err := Parse(text)
		if (holidays == nil) != (err != nil) {
			t.Fatalf("got %v and %v", holidays, err)
		}
		if err != nil && strings.Contains(err.Error(), "line 0") {
			t.Errorf("the error names no line: %v", err)
		}
		if err == nil {
			holidays.Has(DayOf(2026, 12, 25))
		}
	})
}
