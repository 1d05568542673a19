package report

import (
	"fmt"
	"slices"
	"strings"
)

// Table is rows of cells that the caller has formatted.
type Table struct {
	Caption   string
	Columns   []Column
	Rows      [][]string // a row may be shorter than Columns: the rest is blank
	Highlight []int      // indices of the rows that a reader should find first
}

var _ Block = Table{}

// Column is the head of a column. The first column names its row.
type Column struct {
	Name  string
	Unit  string // shown beside the name; may be empty
	Align Align
}

// Align is the side that a column's cells keep to.
type Align int

// Text keeps to the left, numbers to the right.
const (
	Left Align = iota
	Right
)

// Check implements Block.
func (t Table) Check() error {
	for i, row := range t.Rows {
		if len(row) > len(t.Columns) {
			return fmt.Errorf("reading table %q: row %d has %d cells for %d columns", t.Caption, i, len(row), len(t.Columns))
		}
	}
	for _, row := range t.Highlight {
		if row < 0 || row >= len(t.Rows) {
			return fmt.Errorf("reading table %q: highlighted row %d is not among its %d rows", t.Caption, row, len(t.Rows))
		}
	}
	return nil
}

// Figure implements Block.
func (t Table) Figure() (Figure, error) { return Figure{Numbers: t}, nil }

// Table implements Block.
func (t Table) Table() Table { return t }

func (t Table) highlighted(row int) bool { return slices.Contains(t.Highlight, row) }

// cell is empty where a row is shorter than the head.
func (t Table) cell(row, column int) string {
	if column >= len(t.Rows[row]) {
		return ""
	}
	return t.Rows[row][column]
}

// head is the column's name with its unit, on one line.
func (c Column) head() string {
	if c.Unit == "" {
		return c.Name
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%s)", c.Name, c.Unit))
}
