package bitbrains

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the trace
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

const (
	traceFile = "trace.csv.gz"
	metaFile  = "meta.csv"

	// slip is how far two neighbouring rows may miss each other and still count
	// as adjacent: the recorder's clock slips by a second several times a day,
	// and twice by more.
	slip = 10_000 // milliseconds
)

//go:embed trace.csv.gz
var traceData []byte

//go:embed meta.csv
var metaData []byte

// Load reads the trace that comes with the package. It takes a quarter of a
// second, so a caller keeps what it got.
func Load() (*Trace, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(traceData))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", traceFile, err)
	}
	return Parse(unpacked, bytes.NewReader(metaData))
}

// Parse reads a trace (id,timestamp,duration,cpu_count,cpu_usage: milliseconds
// and MHz over all cores) and the machines it is about
// (id,start_time,stop_time,cpu_count,cpu_capacity,mem_capacity: milliseconds,
// MHz over all cores, KiB). It is strict: an error names the file, the line and
// the field.
func Parse(trace, meta io.Reader) (*Trace, error) {
	machines, start, err := parseMeta(meta)
	if err != nil {
		return nil, err
	}
	rows := newReader(trace, traceFile, "id", "timestamp", "duration", "cpu_count", "cpu_usage")
	for rows.next() {
		id := rows.text("id")
		m := machines.find(id)
		if m == nil {
			rows.fail("id", fmt.Errorf("%s has no machine %q", metaFile, id))
			break
		}
		end := rows.integer("timestamp")
		duration := rows.integer("duration")
		count := rows.integer("cpu_count")
		usage := rows.number("cpu_usage")
		if rows.err == nil && count < 0 {
			rows.fail("cpu_count", errors.New("must not be negative"))
		}
		if rows.err == nil {
			m.add(rows, start, end, duration, usage)
		}
	}
	if rows.err != nil {
		return nil, rows.err
	}
	result := &Trace{Start: time.UnixMilli(start).UTC()}
	for i := range machines {
		m := &machines[i]
		if len(m.vm.ends) == 0 {
			return nil, fmt.Errorf("reading %s: no row for machine %q of %s", traceFile, m.vm.ID, metaFile)
		}
		result.VMs = append(result.VMs, m.vm)
	}
	return result, nil
}

// machine is a VM in the making.
type machine struct {
	vm          VM
	mhzPerCore  float64
	start, stop int64
}

type machines []machine

func (m machines) find(id string) *machine {
	i := slices.IndexFunc(m, func(m machine) bool { return m.vm.ID == id })
	if i < 0 {
		return nil
	}
	return &m[i]
}

func parseMeta(meta io.Reader) (machines, int64, error) {
	rows := newReader(meta, metaFile, "id", "start_time", "stop_time", "cpu_count", "cpu_capacity", "mem_capacity")
	var all machines
	start := int64(math.MaxInt64)
	for rows.next() {
		m := machine{start: rows.integer("start_time"), stop: rows.integer("stop_time")}
		m.vm.ID = rows.text("id")
		count, capacity, memory := rows.integer("cpu_count"), rows.number("cpu_capacity"), rows.integer("mem_capacity")
		if rows.err != nil {
			break
		}
		if all.find(m.vm.ID) != nil {
			rows.fail("id", fmt.Errorf("%q appears twice", m.vm.ID))
		}
		if m.start < 0 || m.stop <= m.start {
			rows.fail("stop_time", errors.New("must be later than start_time"))
		}
		rows.positive("cpu_count", float64(count))
		rows.positive("cpu_capacity", capacity)
		rows.positive("mem_capacity", float64(memory))
		if count > 1<<16 || memory > 1<<40 {
			rows.fail("cpu_count", errors.New("no machine has that many cores or that much memory"))
		}
		m.vm.Cores, m.vm.MemoryBytes = int(count), memory*1024
		m.mhzPerCore = capacity / float64(count)
		start = min(start, m.start)
		all = append(all, m)
	}
	if rows.err == nil && len(all) == 0 {
		return nil, 0, fmt.Errorf("reading %s: no machine in it", metaFile)
	}
	return all, start, rows.err
}

// add appends a row. origin is the trace's start.
func (m *machine) add(rows *reader, origin, end, duration int64, usage float64) {
	last := m.start
	if n := len(m.vm.ends); n > 0 {
		last = origin + int64(m.vm.ends[n-1])
	}
	m.checkTimes(rows, origin, last, end, duration)
	cores := float32(usage / m.mhzPerCore)
	if usage < 0 || math.IsInf(float64(cores), 0) {
		rows.fail("cpu_usage", fmt.Errorf("%g MHz is not an amount of use", usage))
	}
	if rows.err != nil {
		return
	}
	v, begin := &m.vm, end-duration
	if len(v.ends) == 0 {
		v.first = uint32(max(begin, m.start) - origin)
	} else if begin > last+slip {
		v.append(begin-origin, v.cores[len(v.cores)-1], false)
	}
	v.append(end-origin, cores, true)
}

// checkTimes checks that a row comes after the one that ended last.
func (m *machine) checkTimes(rows *reader, origin, last, end, duration int64) {
	begin := end - duration
	switch {
	case duration <= 0 || duration > end:
		rows.fail("duration", fmt.Errorf("%d is not a stretch of time that ends at %d", duration, end))
	case end <= last || end > m.stop:
		rows.fail("timestamp", fmt.Errorf("%d is not between the row before (%d) and the machine's stop (%d)", end, last, m.stop))
	case begin < last-slip:
		rows.fail("duration", fmt.Errorf("overlaps the row before by %d ms", last-begin))
	case end-origin > math.MaxUint32:
		rows.fail("timestamp", errors.New("the trace is longer than 49 days"))
	}
}

func (v *VM) append(end int64, cores float32, known bool) {
	v.ends = append(v.ends, uint32(end))
	v.cores = append(v.cores, cores)
	v.known = append(v.known, known)
}

// reader reads a CSV file with a fixed header. The first error sticks.
type reader struct {
	file   string
	fields []string
	csv    *csv.Reader
	record []string
	err    error
}

func newReader(from io.Reader, file string, fields ...string) *reader {
	r := &reader{file: file, fields: fields, csv: csv.NewReader(from)}
	r.csv.FieldsPerRecord = len(fields)
	r.csv.ReuseRecord = true
	if r.read() && !slices.Equal(r.record, fields) {
		r.err = fmt.Errorf("reading %s:1: the header is %q, not %q", file, r.record, fields)
	}
	if errors.Is(r.err, io.EOF) {
		r.err = fmt.Errorf("reading %s: no header in it", file)
	}
	return r
}

// next goes to the next row; after the last one err is nil.
func (r *reader) next() bool {
	if r.read() {
		return true
	}
	if errors.Is(r.err, io.EOF) {
		r.err = nil
	}
	return false
}

func (r *reader) read() bool {
	if r.err != nil {
		return false
	}
	record, err := r.csv.Read()
	var broken *csv.ParseError
	switch {
	case err == nil:
		r.record = record
	case errors.Is(err, io.EOF):
		r.err = io.EOF
	case errors.As(err, &broken):
		r.err = fmt.Errorf("reading %s:%d: %w", r.file, broken.Line, broken.Err)
	default:
		r.err = fmt.Errorf("reading %s: %w", r.file, err)
	}
	return err == nil
}

func (r *reader) fail(field string, err error) {
	if r.err != nil {
		return
	}
	line, _ := r.csv.FieldPos(slices.Index(r.fields, field))
	r.err = fmt.Errorf("reading %s:%d: field %s: %w", r.file, line, field, err)
}

func (r *reader) positive(field string, value float64) {
	if value <= 0 {
		r.fail(field, errors.New("must be greater than zero"))
	}
}

func (r *reader) text(field string) string {
	value := r.record[slices.Index(r.fields, field)]
	if value == "" {
		r.fail(field, errors.New("must not be empty"))
	}
	return value
}

func (r *reader) integer(field string) int64 {
	value, err := strconv.ParseInt(r.text(field), 10, 64)
	if err != nil {
		r.fail(field, err)
	}
	return value
}

func (r *reader) number(field string) float64 {
	value, err := strconv.ParseFloat(r.text(field), 64)
	if err == nil && (math.IsNaN(value) || math.IsInf(value, 0)) {
		err = fmt.Errorf("%g is not a finite number", value)
	}
	if err != nil {
		r.fail(field, err)
	}
	return value
}
