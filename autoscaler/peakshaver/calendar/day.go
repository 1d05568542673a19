// Package calendar knows days and which of them are holidays: dates on a wall, without clocks or time zones.
package calendar

import "time"

// Day is a date of the Gregorian calendar, counted from 1970-01-01.
type Day int

const secondsADay = 24 * 60 * 60

// DayOf is the day of a date. A date beyond the end of its month is carried over, as time.Date does.
func DayOf(year int, month time.Month, day int) Day {
	return Day(floor(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix(), secondsADay))
}

// floor is n/d rounded down, for dates before 1970 too.
func floor(n, d int64) int64 {
	q := n / d
	if n%d < 0 {
		q--
	}
	return q
}

func (d Day) midnight() time.Time { return time.Unix(int64(d)*secondsADay, 0).UTC() }

// Date is the day's year, month and day of the month.
func (d Day) Date() (year int, month time.Month, day int) { return d.midnight().Date() }

// Weekday of the day.
func (d Day) Weekday() time.Weekday { return d.midnight().Weekday() }

// String is the date as ISO 8601 writes it.
func (d Day) String() string { return d.midnight().Format(time.DateOnly) }

// On is the day that it is at t, on the wall clock of t's location.
func On(t time.Time) Day {
	year, month, day := t.Date()
	return DayOf(year, month, day)
}

// daysIn is the number of days of a month.
func daysIn(year int, month time.Month) int {
	return int(DayOf(year, month+1, 1) - DayOf(year, month, 1))
}
