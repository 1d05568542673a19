package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.gohtml
var pageSource string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"paragraphs":  paragraphs,
	"cell":        Table.cell,
	"highlighted": Table.highlighted,
	"times":       func(a, b int) int { return a * b },
}).Parse(pageSource))

// WriteHTML writes the document as one page that needs nothing else: no network,
// no script. It follows the reader's choice of light or dark.
func (d *Document) WriteHTML(w io.Writer) error {
	if err := d.check(); err != nil {
		return err
	}
	// Into memory first, so that a plot that cannot be drawn writes nothing.
	var html bytes.Buffer
	if err := pageTemplate.Execute(&html, d); err != nil {
		return fmt.Errorf("filling the page: %w", err)
	}
	if _, err := html.WriteTo(w); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}
