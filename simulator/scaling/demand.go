package scaling

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
	"github.com/evenkeel/evenkeel/simulator/trace/source"
	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

// Demand is how much is asked for over time. Value i holds from i·Step on; NaN is not known.
type Demand struct {
	Name   string
	Step   time.Duration
	Values []float64
}

// Recorded is the machine of the Bitbrains trace that is played where nothing else is named: idle for hours, then at the
// limit of its four cores within minutes, and back.
const Recorded = "626"

// OfRecorded is a machine of the embedded Bitbrains trace, in cores. Holes of its record are not known.
func OfRecorded(id string) (*Demand, error) {
	trace, err := bitbrains.Load()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(trace.VMs, func(vm bitbrains.VM) bool { return vm.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("there is no machine %q in the Bitbrains trace", id)
	}
	vm, step := &trace.VMs[i], 5*time.Minute
	d := &Demand{Name: "Bitbrains, machine " + id, Step: step}
	for at := vm.First(); at+step <= vm.Last(); at += step {
		cores, ok := vm.CPU(at + step/2)
		if !ok {
			cores = math.NaN()
		}
		d.Values = append(d.Values, cores)
	}
	return d, nil
}

// OfUsage is one of some series of usage: the named one, or the first.
func OfUsage(series []usage.Series, name string) (*Demand, error) {
	for i := range series {
		if s := &series[i]; name == "" || s.Name == name {
			d := &Demand{Name: s.Name, Step: s.Step}
			for _, v := range s.Values {
				d.Values = append(d.Values, float64(v))
			}
			return d, nil
		}
	}
	return nil, fmt.Errorf("there is no series %q among the %d", name, len(series))
}

const (
	mostValues = 10_000_000
	mostDemand = 1e15
)

// ReadCSV reads rows of a time (timestamp, ts or time) and a value, in order: as monitoring systems export them. Times are
// dates with or without zone, or seconds. The shortest distance of two rows is the step; what is missing is not known.
func ReadCSV(from io.Reader, file string) (*Demand, error) {
	t := source.NewTable(from, file, "value")
	var times []time.Time
	var values []float64
	for t.Next() {
		column, text := timeOf(t)
		at, err := parseTime(text)
		if err != nil {
			t.Fail(column, "%w", err)
		}
		if n := len(times); n > 0 && !at.After(times[n-1]) {
			t.Fail(column, "%s is not after the row before: sort the rows by time", text)
		}
		times, values = append(times, at), append(values, t.Number("value", mostDemand))
		if t.Err() != nil {
			return nil, t.Err()
		}
	}
	if t.Err() != nil {
		return nil, t.Err()
	}
	return even(file, times, values)
}

func timeOf(t *source.Table) (column, text string) {
	for _, column := range []string{"timestamp", "ts", "time"} {
		if text := t.Text(column); text != "" {
			return column, text
		}
	}
	return "timestamp", ""
}

func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.DateTime, time.RFC3339Nano, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	seconds, err := source.Number(text, 1e11)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a date and time, as in 2014-02-14 14:30:00, nor seconds", text)
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))), nil
}

// even puts rows on an even grid.
func even(file string, times []time.Time, values []float64) (*Demand, error) {
	if len(times) < 2 {
		return nil, fmt.Errorf("reading %s: %d rows are no series: there must be two", file, len(times))
	}
	step := times[1].Sub(times[0])
	for i := range times[1:] {
		step = min(step, times[i+1].Sub(times[i]))
	}
	length := int64(times[len(times)-1].Sub(times[0])/step) + 1
	if length > mostValues {
		return nil, fmt.Errorf("reading %s: more than %d steps of %v: resample it", file, mostValues, step)
	}
	d := &Demand{Name: file, Step: step, Values: slices.Repeat([]float64{math.NaN()}, int(length))}
	for i, at := range times {
		d.Values[at.Sub(times[0])/step] = values[i]
	}
	return d, nil
}

// Scaled is a stretch of a demand, multiplied so that its highest value is peak.
func (d *Demand) Scaled(from, duration time.Duration, peak float64) (*Demand, error) {
	first, last := int(from/d.Step), len(d.Values)
	if duration > 0 {
		last = min(last, first+int(duration/d.Step))
	}
	if first >= last {
		return nil, fmt.Errorf("%s has %v: nothing is left from %v on", d.Name, time.Duration(len(d.Values))*d.Step, from)
	}
	s := &Demand{Name: d.Name, Step: d.Step, Values: slices.Clone(d.Values[first:last])}
	highest := 0.0
	for _, v := range s.Values {
		if v > highest { // which NaN is not
			highest = v
		}
	}
	if highest == 0 {
		return nil, fmt.Errorf("%s: nothing is asked for in this stretch", d.Name)
	}
	for i := range s.Values {
		s.Values[i] *= peak / highest
	}
	return s, nil
}

// Length is how long it lasts.
func (d *Demand) Length() time.Duration { return time.Duration(len(d.Values)) * d.Step }

// at is the demand at a time since the beginning, NaN where it is not known.
func (d *Demand) at(t time.Duration) float64 {
	if t < 0 || t >= d.Length() {
		return math.NaN()
	}
	return d.Values[t/d.Step]
}
