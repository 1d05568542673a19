package usage

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/simulator/trace/source"
)

const (
	maxCores = 1e6
	// loneStep is the step of a series with one row, whose value holds for ever.
	loneStep = time.Minute
)

// parseUsage reads rows series,time,value, whose series may alternate.
func parseUsage(from io.Reader, file string) ([]Series, error) {
	t := source.NewTable(from, file, "series", "time", "value")
	index := map[string]int{}
	var all []Series
	var last []time.Duration
	for read := 0; t.Next(); read++ {
		name := t.Text("series")
		at, ok := t.Seconds("time")
		value := t.Number("value", maxCores)
		if !ok {
			t.Fail("time", "must not be empty: seconds since the trace's start")
		}
		if name == "" {
			t.Fail("series", "must not be empty")
		}
		if read > maxValues {
			t.Fail("series", "more than %d values: split the file", maxValues)
		}
		if t.Err() != nil {
			return nil, t.Err()
		}
		i, known := index[name]
		if !known {
			i = len(all)
			name = strings.Clone(name) // which otherwise keeps its whole row
			index[name] = i
			all = append(all, Series{Name: name, Step: loneStep, Cores: true})
			last = append(last, at)
		}
		all[i].extend(t, at-last[i], float32(value))
		last[i] = at
	}
	if t.Err() == nil && len(all) == 0 {
		return nil, fmt.Errorf("reading %s: no row below the header", file)
	}
	return all, t.Err()
}

// extend appends the value of a row that comes some time after the last one.
func (s *Series) extend(t *source.Table, after time.Duration, value float32) {
	switch {
	case len(s.Values) == 0:
	case after <= 0:
		t.Fail("time", "%s of series %q is not after its row before: sort the rows by time", t.Text("time"), s.Name)
	case len(s.Values) == 1:
		s.Step = after
	case after != s.Step:
		t.Fail("time", "%s of series %q is %v after its row before, but the rows began %v apart: resample it evenly",
			t.Text("time"), s.Name, after, s.Step)
	}
	s.Values = append(s.Values, value)
}
