package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestDrawingIsOneElement(t *testing.T) {
	drawing, err := svg(axes("<x>", `"y"`), 100, `a "label" & <more>`)
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(string(drawing)))
	var roots, depth int
	var label, text string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
				for _, a := range token.Attr {
					if a.Name.Local == "aria-label" {
						label = a.Value
					}
				}
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			text += string(token)
		case xml.ProcInst, xml.Directive:
			t.Errorf("a drawing inside a page has %v", token)
		}
	}
	if roots != 1 || label != `a "label" & <more>` {
		t.Errorf("%d elements, the label is %q", roots, label)
	}
	for _, want := range []string{"<x>", `"y"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the drawing does not say %s", want)
		}
	}
}

func TestDrawingHasNoColorsOfItsOwn(t *testing.T) {
	for name, figure := range map[string]string{
		"lines": string(figureOf(t, Lines{References: []Reference{{At: 1}}, Series: []Series{
			{X: []float64{0, 1}, Y: []float64{1, 2}, Low: []float64{0, 1}, High: []float64{2, 3}}}}).Drawing),
		"bars":     string(figureOf(t, changes()).Drawing),
		"heat map": string(figureOf(t, level(3, 3, 0.5)).Drawing),
	} {
		if strings.Contains(figure, "#") {
			t.Errorf("%s: a colour is not the page's", name)
		}
		if !strings.Contains(figure, "fill:var(--text)") {
			t.Errorf("%s: no text in the page's ink", name)
		}
	}
}

func TestDrawingsAreRepeatable(t *testing.T) {
	draw := func() string {
		return string(figureOf(t, changes()).Drawing) + string(figureOf(t, level(40, 40, 0.5)).Drawing)
	}
	first := draw()
	for range 3 {
		if draw() != first {
			t.Fatal("the same data was drawn in two ways")
		}
	}
}
