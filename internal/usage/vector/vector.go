// Package vector reads the answers of Prometheus to instant queries, a piece at
// a time, so that their size does not matter.
package vector

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Answer is what a query came to, beside its series.
type Answer struct {
	Status string // "success" or "error"
	// Kind and Message are of an error.
	Kind, Message string
	Series        int // how many there were, with or without a value
}

// Series is one series of an answer. It is good until the function that was
// given it returns.
type Series struct {
	Names [][]byte // the values of the labels asked for, nil where it lacks one
	Value float64
	At    int64 // when the query was evaluated, Unix milliseconds by its clock
}

// Decode reads the answer of /api/v1/query, an instant vector, without holding
// more of it than one string. It calls each with every series that has a value:
// those that have a histogram instead are passed over.
func (s *Scanner) Decode(labels []string, each func(Series)) (Answer, error) {
	v := vector{Scanner: s, labels: labels, each: each}
	v.current.Names = make([][]byte, len(labels))
	err := s.object(v.field)
	if err == nil {
		err = s.finish()
	}
	switch {
	case err != nil:
		return v.Answer, err
	case v.Status == "error":
		return v.Answer, fmt.Errorf("evaluating the query: %s: %s", v.Kind, v.Message)
	case v.Status != "success":
		return v.Answer, errors.New("decoding the answer: it has no status, so it is not of Prometheus")
	case !v.result:
		return v.Answer, errors.New("decoding the answer: it has no result")
	}
	return v.Answer, nil
}

// vector is the decoding of one answer.
type vector struct {
	Answer
	*Scanner
	labels []string
	each   func(Series)
	result bool // data.result was there

	current Series
	buffer  [2][]byte // what current.Names point to
	value   []byte
	sample  bool   // current has a value
	time    []byte // as printed in the answer, nearly always the same
}

func (v *vector) field(key []byte) error {
	switch string(key) {
	case "status":
		return v.text(&v.Status)
	case "errorType":
		return v.text(&v.Kind)
	case "error":
		return v.text(&v.Message)
	case "data":
		if c, err := v.peek(); err != nil || c == 'n' {
			return v.skip(0)
		}
		return v.object(v.dataField)
	default:
		return v.skip(0)
	}
}

func (v *vector) text(into *string) error {
	b, err := v.str()
	*into = string(b)
	return err
}

func (v *vector) dataField(key []byte) error {
	switch string(key) {
	case "resultType":
		b, err := v.str()
		if err == nil && string(b) != "vector" {
			return fmt.Errorf("decoding the answer: the query gives a %s: it must give an instant vector", b)
		}
		return err
	case "result":
		v.result = true
		return v.array(v.oneSeries)
	default:
		return v.skip(0)
	}
}

func (v *vector) oneSeries() error {
	clear(v.current.Names)
	v.sample = false
	if err := v.object(v.seriesField); err != nil {
		return err
	}
	v.Series++
	if !v.sample {
		return nil
	}
	value, err := strconv.ParseFloat(string(v.value), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range is ±Inf
		return fmt.Errorf("decoding the answer: %q is not a value", v.value)
	}
	v.current.Value = value
	v.each(v.current)
	return nil
}

func (v *vector) seriesField(key []byte) error {
	switch string(key) {
	case "metric":
		return v.object(v.label)
	case "value":
		return v.pair()
	default:
		return v.skip(0)
	}
}

func (v *vector) label(key []byte) error {
	for i, name := range v.labels {
		if string(key) != name {
			continue
		}
		b, err := v.str()
		v.buffer[i] = append(v.buffer[i][:0], b...)
		v.current.Names[i] = v.buffer[i]
		return err
	}
	_, err := v.str()
	return err
}

// pair reads [time, "value"].
func (v *vector) pair() error {
	at := 0
	err := v.array(func() error {
		at++
		switch at {
		case 1:
			return v.evaluated()
		case 2:
			b, err := v.str()
			v.value, v.sample = append(v.value[:0], b...), true
			return err
		default:
			return v.skip(0)
		}
	})
	if err == nil && at != 2 {
		return errors.New("decoding the answer: a value is not a time and a value")
	}
	return err
}

func (v *vector) evaluated() error {
	word, err := v.word()
	if err != nil || bytes.Equal(word, v.time) {
		return err
	}
	seconds, err := strconv.ParseFloat(string(word), 64)
	if err != nil || math.Abs(seconds) > math.MaxInt64/2000 {
		return fmt.Errorf("decoding the answer: %q is not a time", word)
	}
	v.time = append(v.time[:0], word...)
	v.current.At = int64(math.Round(seconds * 1000))
	return nil
}
