// Package report shows people what a simulation found: as one self-contained
// page, and as aligned text in a terminal. A command fills a Document; every
// plot in it is a table too, which is what the terminal and a screen reader get.
package report

import (
	"errors"
	"fmt"
	"html/template"
)

// Document is a report. The same document always gives the same bytes.
type Document struct {
	Title    string
	Summary  string // what was found, in a few sentences; a blank line starts a paragraph
	Facts    []Fact // what it was found from: input files, seed, version
	Sections []Section
}

// Fact is one thing a reader needs to repeat or to trust the result.
type Fact struct {
	Label, Value string
}

// Section is a heading, what to see under it, and the blocks that show it.
type Section struct {
	Title  string
	Text   string // a blank line starts a paragraph
	Blocks []Block
}

// Block is a Table, or one of the plots of package plot.
type Block interface {
	// Check refuses data that cannot be shown truthfully: lengths that differ, time that runs backwards.
	Check() error
	// Figure is the block as the page shows it. It is asked only of a block that Check accepts, as is Table.
	Figure() (Figure, error)
	// Table is the block in numbers, narrow enough for a terminal.
	Table() Table
}

// Figure is a block as the page shows it. A plain table has nothing but Numbers.
type Figure struct {
	Title   string
	Note    string // below the title; without a drawing, why there is none
	Legend  []Key
	Drawing template.HTML // an svg element, in the page's classes and variables
	Numbers Table
}

// IsPlot says whether the figure has more to show than its numbers.
func (f Figure) IsPlot() bool { return f.Drawing != "" || f.Note != "" }

// Key is an entry of a legend: a swatch and what it stands for.
type Key struct {
	Name   string
	Class  string   // the page's class for the swatch's colour
	Line   bool     // a stroke rather than a box
	Dash   string   // of the stroke, as SVG writes it
	Shades []string // of a ramp of colours such as #9a9a9a, in place of one
}

func (d *Document) check() error {
	for _, section := range d.Sections {
		for i, block := range section.Blocks {
			if err := checkBlock(block); err != nil {
				return fmt.Errorf("checking block %d of section %q: %w", i+1, section.Title, err)
			}
		}
	}
	return nil
}

func checkBlock(block Block) error {
	if block == nil {
		return errors.New("no block given")
	}
	return block.Check()
}
