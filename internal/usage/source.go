package usage

import (
	"context"
	"errors"
	"fmt"
)

// Source hands over what it measured.
type Source interface {
	// Read emits one statistic of all nodes and pods: Mean, Deviation, P95,
	// Peak or Capacity. It may fail after having emitted some: these are good.
	// Where it fails for some dimensions only, its error holds a DimensionError
	// for each. It never calls emit from two goroutines at once, nor after it
	// returned. It answers ErrUnsupported for a statistic that it can never know.
	Read(ctx context.Context, statistic Statistic, emit func(Reading)) error
}

// ErrUnsupported says that a source can never know a statistic.
var ErrUnsupported = errors.New("the usage source does not know this statistic")

// DimensionError says that reading one dimension failed; others may have been read.
type DimensionError struct {
	Dimension Dimension
	Err       error
}

// Error implements error.
func (e *DimensionError) Error() string { return fmt.Sprintf("reading %s: %v", e.Dimension, e.Err) }

// Unwrap returns the cause.
func (e *DimensionError) Unwrap() error { return e.Err }

// failedDimensions returns the dimensions of the DimensionErrors in err, each once.
func failedDimensions(err error) []string {
	var out []string
	var seen [Dimensions]bool
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) { //nolint:errorlint // it walks the tree by itself, branches and all
		case *DimensionError:
			if e.Dimension < Dimensions && !seen[e.Dimension] {
				seen[e.Dimension] = true
				out = append(out, e.Dimension.String())
			}
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	return out
}
