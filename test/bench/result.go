package bench

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
)

// ResultsVariable names the environment variable with the file that results
// are appended to. Without it they are only logged.
const ResultsVariable = "BENCH_RESULTS"

// Result is one figure.
type Result struct {
	Area  string  `json:"area"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Peer is what Value is compared with, empty for nothing.
	Peer string `json:"peer"`
	// Ratio is ours to the peer's, null without a peer.
	Ratio *float64 `json:"ratio"`
}

// Against sets the peer and the ratio.
func (r Result) Against(peer string, ratio float64) Result {
	r.Peer, r.Ratio = peer, &ratio
	return r
}

// Report hands a result over. It fails the benchmark where it cannot.
func Report(tb testing.TB, r Result) {
	tb.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		tb.Fatalf("encoding the result %s: %v", r.Name, err)
	}
	tb.Logf("%s", line)
	name, ok := os.LookupEnv(ResultsVariable)
	if !ok {
		return
	}
	if err := appendLine(name, line); err != nil {
		tb.Fatalf("writing to the file that %s names: %v", ResultsVariable, err)
	}
}

func appendLine(name string, line []byte) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// Median of the values, the mean of the middle two where their number is even.
// It panics without values.
func Median(values ...float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
