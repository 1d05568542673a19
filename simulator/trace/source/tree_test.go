package source

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type house struct {
	metav1.TypeMeta `json:",inline"`
	Name            string            `json:"name"`
	Floors          int               `json:"floors"`
	Rooms           []room            `json:"rooms"`
	Garden          *room             `json:"garden"`
	Colors          map[string]string `json:"colors"`
	Built           metav1.Duration   `json:"built"`
	hidden          int               //nolint:unused // a field that nobody may set
}

type room struct {
	Area  resource.Quantity `json:"area"`
	Doors []string          `json:"doors"`
}

func decodeHouse(content string) (*house, error) {
	tree, err := ParseTree([]byte(content), "house.yaml")
	if err != nil {
		return nil, err
	}
	h := &house{}
	return h, tree.Decode(h)
}

func TestDecode(t *testing.T) {
	tests := map[string]struct {
		content string
		want    house
	}{
		"fields": {"kind: House\nname: a\nfloors: 2\n", house{TypeMeta: metav1.TypeMeta{Kind: "House"}, Name: "a", Floors: 2}},
		"lists":  {"rooms:\n- doors: [x, y]\n- doors: []\n", house{Rooms: []room{{Doors: []string{"x", "y"}}, {Doors: []string{}}}}},
		"types that decode themselves": {"garden: {area: 12}\nbuilt: 1h30m\n",
			house{Garden: &room{Area: resource.MustParse("12")}, Built: metav1.Duration{Duration: 90 * time.Minute}}},
		"maps":           {"colors: {door: red}\n", house{Colors: map[string]string{"door": "red"}}},
		"words are kept": {"name: yes\n", house{Name: "yes"}},
		"json":           {`{"name": "a", "rooms": [{"area": "1Gi"}]}`, house{Name: "a", Rooms: []room{{Area: resource.MustParse("1Gi")}}}},
		"aliases":        {"rooms:\n- &r {doors: [x]}\n- *r\n", house{Rooms: []room{{Doors: []string{"x"}}, {Doors: []string{"x"}}}}},
		"nothing said":   {"rooms:\nname: a\n", house{Name: "a"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeHouse(test.content)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got, cmp.AllowUnexported(house{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []string
	}{
		"nothing":                {"# only a comment\n", []string{"reading house.yaml: nothing in it"}},
		"two documents":          {"name: a\n---\nname: b\n", []string{"there is a second document"}},
		"broken":                 {"name: a\nrooms: [\n", []string{"reading house.yaml:", "yaml: line"}},
		"a list":                 {"- a\n", []string{"house.yaml:1: ", "must be an object with fields"}},
		"a typo":                 {"name: a\nflors: 2\n", []string{`house.yaml:2: flors: Invalid value: "flors": no such field; fields here: apiVersion, built, colors, floors`}},
		"a typo further down":    {"rooms:\n- area: 1\n- doors: []\n  dors: []\n", []string{"house.yaml:4: rooms[1].dors: ", "fields here: area, doors"}},
		"unexported":             {"hidden: 1\n", []string{"house.yaml:1: hidden: "}},
		"case matters":           {"Name: a\n", []string{"house.yaml:1: Name: "}},
		"twice":                  {"name: a\nfloors: 1\nname: b\n", []string{`name: Duplicate value: "name"`}},
		"another type":           {"name: a\nfloors: many\n", []string{`house.yaml:2: floors: Invalid value: "many"`}},
		"a fraction":             {"floors: 1.5\n", []string{"house.yaml:1: floors: "}},
		"a list for an object":   {"garden: [1]\n", []string{"house.yaml:1: garden: ", "must be an object with fields"}},
		"an object for a list":   {"rooms: {a: 1}\n", []string{"house.yaml:1: rooms: "}},
		"a quantity":             {"rooms:\n- area: 1\n- area: big\n", []string{`house.yaml:3: rooms[1].area: Invalid value: "big"`}},
		"a duration":             {"built: 1 hour\n", []string{`house.yaml:1: built: Invalid value: "1 hour"`}},
		"a duration as a number": {"built: 90\n", []string{"house.yaml:1: built: "}},
		"not a number":           {"floors: .nan\n", []string{"house.yaml:1: floors: "}},
		"all are told":           {"nam: a\nfloors: x\n", []string{"house.yaml:1: nam: ", "house.yaml:2: floors: "}},
		"an alias of itself":     {"colors: &c {a: *c}\n", []string{"house.yaml:"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := decodeHouse(test.content)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

func TestLine(t *testing.T) {
	document := []byte("a: 1\nb:\n- x: 1\n- y: 2\n  z:\n    key/with.dots: 3\nc: &alias {d: 1}\ne: *alias\n")
	tests := map[string]int{
		"a":                             1,
		"b":                             2,
		"b[0]":                          3,
		"b[1]":                          4,
		"b[1].y":                        4,
		"b[1].z":                        5,
		"b[1].z[key/with.dots]":         6,
		"b[1].missing":                  4,
		"b[7]":                          2,
		"b[7].z":                        2,
		"c.d":                           7,
		"missing.and.further":           1,
		"":                              1,
		"a.below.a.scalar":              1,
		"b[99999999999999999999999999]": 2,
		"b[-1]":                         2,
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			if got := Line(document, path); got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
	if got := Line([]byte("\t{"), "a"); got != 1 {
		t.Errorf("in what is no YAML: %d", got)
	}
}

func TestErrorLine(t *testing.T) {
	for text, want := range map[string]int{
		"yaml: line 7: did not find":        7,
		"no place":                          1,
		"line 0":                            1,
		"line 99999999999999999999999999":   1,
		"error converting: yaml: line 12: ": 12,
	} {
		if got := ErrorLine(errors.New(text)); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestLocate(t *testing.T) {
	tree, err := ParseTree([]byte("a: 1\nb: 2\n"), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Locate(nil); err != nil {
		t.Errorf("no problem became %v", err)
	}
	err = tree.Locate(field.ErrorList{field.Required(field.NewPath("b"), "x"), field.Required(field.NewPath("a"), "y")})
	want := "reading f.yaml:2: b: Required value: x\nreading f.yaml:1: a: Required value: y"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzTree(f *testing.F) {
	for _, seed := range []string{"name: a\n", "rooms: [{area: 1}]", "a: &a [*a]", "&a [*a]", "? [x]\n: 1", "{", "<<: {name: b}", "built: !!binary aGk="} {
		f.Add([]byte(seed), "rooms[0].area")
	}
	f.Fuzz(func(t *testing.T, content []byte, path string) {
		if tree, err := ParseTree(content, "f"); err == nil {
			err = tree.Decode(&house{})
			if err != nil && !strings.HasPrefix(err.Error(), "reading f:") {
				t.Errorf("an error without its file: %v", err)
			}
		}
		Line(content, path)
	})
}
