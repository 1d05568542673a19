package rulefile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is what is wrong at one place of a rules file, and what mends it.
type Fault struct {
	File string
	Line int // from 1; 0 where the file as a whole is meant
	// Path is the field, as in rules[3].name.matches; "" for the file as a whole.
	Path    string
	Problem string
	Cure    string
}

// String is one line: file:line: path: problem: cure.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	for _, part := range []string{f.Path, f.Problem, f.Cure} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	return b.String()
}

// Sort orders faults as a reader meets them in the file.
func Sort(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Path, b.Path))
	})
}
