package source

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Longest is how far from the trace's start a time may be. Seconds since 1970 are beyond it.
const Longest = 10 * 365 * 24 * time.Hour

// Table reads CSV by the names in its header. The first error sticks: a caller may look once a row.
type Table struct {
	file    string
	csv     *csv.Reader
	columns map[string]int
	seen    map[string]int // names and their lines
	record  []string
	err     error
}

// NewTable reads the header, which must have the required columns.
func NewTable(from io.Reader, file string, required ...string) *Table {
	t := &Table{file: file, csv: csv.NewReader(&rows{from: from}), columns: map[string]int{}, seen: map[string]int{}}
	t.csv.ReuseRecord = true
	if !t.Next() {
		if t.err == nil {
			t.err = fmt.Errorf("reading %s: the file is empty", file)
		}
		return t
	}
	for i, name := range t.record {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")) // the mark that spreadsheets begin a file with
		if _, twice := t.columns[name]; twice {
			t.err = fmt.Errorf("reading %s:1: field %s: the header has this column twice", file, name)
			return t
		}
		t.columns[name] = i
	}
	for _, name := range required {
		if _, ok := t.columns[name]; !ok {
			t.err = fmt.Errorf("reading %s:1: field %s: the header lacks this column; needed are %s", file, name, strings.Join(required, ","))
			return t
		}
	}
	return t
}

// Next goes to the next row; after the last one Err is nil.
func (t *Table) Next() bool {
	if t.err != nil {
		return false
	}
	record, err := t.csv.Read()
	var broken *csv.ParseError
	switch {
	case err == nil:
		t.record = record
		return true
	case errors.Is(err, io.EOF):
	case errors.Is(err, csv.ErrFieldCount):
		t.err = fmt.Errorf("reading %s:%d: %d fields, but the header has %d", t.file, t.line(), len(record), len(t.columns))
	case errors.As(err, &broken):
		t.err = fmt.Errorf("reading %s:%d: %w", t.file, broken.Line, broken.Err)
	default:
		t.err = fmt.Errorf("reading %s: %w", t.file, err)
	}
	return false
}

func (t *Table) line() int {
	line, _ := t.csv.FieldPos(0)
	return line
}

// Err is the first error.
func (t *Table) Err() error { return t.err }

// Fail makes an error of a value in the current row.
func (t *Table) Fail(column, format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf("reading %s:%d: field %s: %w", t.file, t.line(), column, fmt.Errorf(format, args...))
	}
}

// Text is a value as it is written; empty if there is no such column.
func (t *Table) Text(column string) string {
	i, ok := t.columns[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(t.record[i])
}

// Whole is a whole number within 0..most.
func (t *Table) Whole(column string, most int64) int64 {
	value, err := strconv.ParseInt(t.Text(column), 10, 64)
	if err != nil || value < 0 || value > most {
		t.Fail(column, "%q is not a whole number within 0..%d", t.Text(column), most)
		return 0
	}
	return value
}

// Number is a finite number within 0..most.
func (t *Table) Number(column string, most float64) float64 {
	value, err := Number(t.Text(column), most)
	if err != nil {
		t.Fail(column, "%w", err)
	}
	return value
}

// Seconds is a time since the trace's start; not ok where nothing is written.
func (t *Table) Seconds(column string) (time.Duration, bool) {
	if t.Text(column) == "" {
		return 0, false
	}
	value := t.Number(column, math.MaxFloat64)
	if value > Longest.Seconds() {
		t.Fail(column, "%q is more than ten years: write seconds since the trace's start", t.Text(column))
		return 0, false
	}
	return time.Duration(math.Round(value * float64(time.Second))), true
}

// Number parses a finite number within 0..most.
func Number(text string, most float64) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || value < 0 || value > most || math.IsInf(value, 0) {
		return 0, fmt.Errorf("%q is not a number within 0..%g", text, most)
	}
	return value, nil
}

// Name is the value of a column that tells rows apart. Its problems are what a caller has against it.
func (t *Table) Name(column string, problems func(string) []string) string {
	name := t.Text(column)
	if found := problems(name); len(found) > 0 {
		t.Fail(column, "%q cannot be a name: %s", name, found[0])
		return name
	}
	if line, twice := t.seen[name]; twice {
		t.Fail(column, "%q is on line %d already: names must differ", name, line)
	}
	t.seen[strings.Clone(name)] = t.line()
	return name
}
