package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/evenkeel/evenkeel/simulator/report/terminal"
)

// textColumns is the width that prose is wrapped to; tables take what they need.
const textColumns = 100

// WriteText writes the document for a terminal: its prose wrapped, and each
// block as a table with the numbers aligned to the right.
func (d *Document) WriteText(w io.Writer) error {
	if err := d.check(); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	writeHeading(out, d.Title, "=")
	writeProse(out, d.Summary)
	writeFacts(out, d.Facts)
	for _, section := range d.Sections {
		fmt.Fprintln(out)
		writeHeading(out, section.Title, "-")
		writeProse(out, section.Text)
		for _, block := range section.Blocks {
			writeTable(out, block.Table())
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the text: %w", err)
	}
	return nil
}

func writeHeading(w io.Writer, title, rule string) {
	title = terminal.Printable(title)
	fmt.Fprintf(w, "%s\n%s\n", title, strings.Repeat(rule, terminal.Columns(title)))
}

func writeProse(w io.Writer, text string) {
	for _, paragraph := range paragraphs(text) {
		fmt.Fprintln(w)
		line := 0
		for i, word := range strings.Fields(terminal.Printable(paragraph)) {
			switch {
			case i == 0:
			case line+1+terminal.Columns(word) > textColumns:
				fmt.Fprintln(w)
				line = 0
			default:
				fmt.Fprint(w, " ")
				line++
			}
			fmt.Fprint(w, word)
			line += terminal.Columns(word)
		}
		fmt.Fprintln(w)
	}
}

func writeFacts(w io.Writer, facts []Fact) {
	if len(facts) == 0 {
		return
	}
	widest := 0
	for _, fact := range facts {
		widest = max(widest, terminal.Columns(terminal.Printable(fact.Label)))
	}
	fmt.Fprintln(w)
	for _, fact := range facts {
		fmt.Fprintf(w, "%s  %s\n", pad(terminal.Printable(fact.Label), widest, Left), terminal.Printable(fact.Value))
	}
}

// writeTable marks highlighted rows with an asterisk, since a terminal may have no colours.
func writeTable(w io.Writer, t Table) {
	fmt.Fprintln(w)
	if t.Caption != "" {
		fmt.Fprintln(w, terminal.Printable(t.Caption))
	}
	if len(t.Rows) == 0 {
		fmt.Fprintln(w, "  (no rows)")
		return
	}
	widths := t.widths()
	writeRow(w, t, widths, " ", func(column int) string { return t.Columns[column].head() })
	for row := range t.Rows {
		mark := " "
		if t.highlighted(row) {
			mark = "*"
		}
		writeRow(w, t, widths, mark, func(column int) string { return t.cell(row, column) })
	}
}

func writeRow(w io.Writer, t Table, widths []int, mark string, cell func(column int) string) {
	var line strings.Builder
	line.WriteString(mark)
	for i, column := range t.Columns {
		if i > 0 {
			line.WriteString("  ")
		}
		line.WriteString(" " + pad(terminal.Printable(cell(i)), widths[i], column.Align))
	}
	fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
}

func (t Table) widths() []int {
	widths := make([]int, len(t.Columns))
	for i, column := range t.Columns {
		widths[i] = terminal.Columns(terminal.Printable(column.head()))
		for row := range t.Rows {
			widths[i] = max(widths[i], terminal.Columns(terminal.Printable(t.cell(row, i))))
		}
	}
	return widths
}

func pad(s string, width int, align Align) string {
	space := strings.Repeat(" ", max(0, width-terminal.Columns(s)))
	if align == Right {
		return space + s
	}
	return s + space
}

// paragraphs splits a text at its blank lines.
func paragraphs(text string) []string {
	var list []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if paragraph = strings.TrimSpace(paragraph); paragraph != "" {
			list = append(list, paragraph)
		}
	}
	return list
}
