package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/simulator/report"
)

// element is a start tag of a page, with the text directly inside it.
type element struct {
	name       string
	attributes map[string]string
	text       string
}

// elements reads a page as strict XML, which the template keeps to: a tag that is not closed, or
// a quote or a bracket that is not escaped, is an error.
func elements(t *testing.T, page string) []*element {
	t.Helper()
	var list, open []*element
	decoder := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := e.attributes[a.Name.Local]; twice {
					t.Errorf("an attribute %s of %s is given twice", a.Name.Local, e.name)
				}
				e.attributes[a.Name.Local] = a.Value
			}
			list, open = append(list, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(token)
			}
		}
	}
}

func named(list []*element, name string) []*element {
	return slices.DeleteFunc(slices.Clone(list), func(e *element) bool { return e.name != name })
}

func TestPageIsWellFormed(t *testing.T) {
	list := elements(t, pageOf(t, everything("name")))
	for name, want := range map[string]int{
		"html": 1, "head": 1, "title": 1, "body": 1, "header": 1, "main": 1, "h1": 1, "dl": 1,
		"section": 2, "h2": 2,
		"h3": 6, "figure": 6, "details": 3, // of plots, the empty ones among them
		"table": 5, "caption": 5, "image": 1,
	} {
		if got := len(named(list, name)); got != want {
			t.Errorf("%d elements %s, want %d", got, name, want)
		}
	}
	for _, e := range list {
		if role := e.attributes["role"]; role == "img" && e.attributes["aria-label"] == "" {
			t.Errorf("a drawing has nothing for a screen reader to say")
		}
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	page := pageOf(t, everything("name"))
	for _, e := range elements(t, page) {
		if slices.Contains([]string{"script", "link", "iframe", "object", "embed", "base", "a", "use", "form"}, e.name) {
			t.Errorf("the page has an element %s", e.name)
		}
		for name, value := range e.attributes {
			switch name {
			case "src", "href", "srcset", "action", "data":
				if !strings.HasPrefix(value, "data:image/png;base64,") {
					t.Errorf("%s of %s refers to %q", name, e.name, value)
				}
			case "content":
			default:
				if strings.Contains(value, "url(") || strings.HasPrefix(name, "on") {
					t.Errorf("%s of %s is %q", name, e.name, value)
				}
			}
		}
	}
	for _, unwanted := range []string{"//", "@import", "@font-face", "ZgotmplZ", "#FEED", "NaN", "+Inf"} {
		// What is encoded in a picture may look like anything.
		if strings.Contains(regexp.MustCompile(`base64,[^"]*`).ReplaceAllString(page, ""), unwanted) {
			t.Errorf("the page contains %q", unwanted)
		}
	}
}

func TestHostileNamesStayText(t *testing.T) {
	plain := elements(t, pageOf(t, everything("name")))
	for _, hostile := range []string{
		`<script>alert(1)</script>`,
		`"><img src=x onerror="alert(1)">`,
		`' onload='alert(1)`,
		`</title></style></svg><script>`,
		`]]><!-- --></table>&amp;<b>`,
		`style="fill:#FEED00" xlink:href="http:" <image data:image/jpg;`,
		`{{.Title}} ${7*7} javascript:alert(1)`,
		`$x^2$ %s %!d \frac`,
	} {
		list := elements(t, pageOf(t, everything(hostile)))
		if len(list) != len(plain) {
			t.Errorf("%q: %d elements, want %d", hostile, len(list), len(plain))
			continue
		}
		inText, inPlain := 0, 0
		for i, e := range list {
			if e.name != plain[i].name || len(e.attributes) != len(plain[i].attributes) {
				t.Fatalf("%q: element %s with %d attributes, want %s with %d",
					hostile, e.name, len(e.attributes), plain[i].name, len(plain[i].attributes))
			}
			inText += strings.Count(e.text, hostile)
			inPlain += strings.Count(plain[i].text, "name")
		}
		// The names of a plot's groups are shortened; everything else is told as it is.
		if inText < inPlain-8 {
			t.Errorf("%q is told %d times, a harmless name %d times", hostile, inText, inPlain)
		}
	}
}

func TestPageHasEachColorInLightAndDark(t *testing.T) {
	page := pageOf(t, everything("name"))
	used := regexp.MustCompile(`var\(--([a-z0-9]+)\)`).FindAllStringSubmatch(page, -1)
	if len(used) < 15 {
		t.Fatalf("the page uses %d colours", len(used))
	}
	for _, name := range used {
		if defined := strings.Count(page, "--"+name[1]+": #"); defined != 2 {
			t.Errorf("the colour %s is defined %d times, want once for light and once for dark", name[1], defined)
		}
	}
	for _, e := range elements(t, page) {
		for class := range strings.FieldsSeq(e.attributes["class"]) {
			if !strings.Contains(page, "."+class+" ") && class != "plot" {
				t.Errorf("the page has no style for class %s", class)
			}
		}
	}
}

func TestTableOfAPage(t *testing.T) {
	list := elements(t, pageOf(t, holding(report.Table{
		Caption: "c", Columns: []report.Column{{Name: "policy"}, {Name: "CPU", Unit: "%", Align: report.Right}},
		Rows: [][]string{{"stock", "81"}, {"short"}}, Highlight: []int{1},
	})))
	var got []string
	for _, e := range list {
		switch e.name {
		case "tr", "th", "td":
			got = append(got, strings.TrimSpace(strings.Join([]string{e.name, e.attributes["scope"], e.attributes["class"], strings.TrimSpace(e.text)}, " ")))
		}
	}
	want := []string{"tr", "th col  policy", "th col number CPU", "tr", "th row  stock", "td  number 81", "tr  mark", "th row  short", "td  number"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestEmptyBlocksSaySo(t *testing.T) {
	page := pageOf(t, everything("name"))
	if got := strings.Count(page, "There is nothing to draw."); got != 3 {
		t.Errorf("%d plots have nothing to draw, want 3", got)
	}
	if got := strings.Count(page, "no rows"); got != 1 {
		t.Errorf("%d tables have no rows, want 1", got)
	}
}

func TestParagraphsOfAPage(t *testing.T) {
	d := &report.Document{Title: "t", Summary: "one\nstill one\n\n\n\n two \n\n", Sections: []report.Section{{Title: "s", Text: " \n\n "}}}
	var got []string
	for _, e := range named(elements(t, pageOf(t, d)), "p") {
		got = append(got, e.text)
	}
	if want := []string{"one\nstill one", "two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEmptyDocument(t *testing.T) {
	if list := elements(t, pageOf(t, &report.Document{})); len(named(list, "dl")) > 0 || len(named(list, "section")) > 0 {
		t.Error("an empty document has facts or sections")
	}
	textOf(t, &report.Document{})
}
