package source

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// anyName has nothing against a name.
func anyName(string) []string { return nil }

// row is all kinds of values.
type row struct {
	Name  string
	Count int64
	Share float64
	At    time.Duration
	Known bool
}

func readRows(content string) ([]row, error) {
	t := NewTable(strings.NewReader(content), "list.csv", "name", "count")
	var all []row
	for t.Next() {
		r := row{Name: t.Name("name", anyName), Count: t.Whole("count", 1000)}
		if t.Text("share") != "" {
			r.Share = t.Number("share", 1)
		}
		r.At, r.Known = t.Seconds("at")
		all = append(all, r)
	}
	return all, t.Err()
}

func TestTable(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []row
	}{
		"a header alone":          {"name,count\n", nil},
		"required columns":        {"name,count\na,1\n", []row{{Name: "a", Count: 1}}},
		"any order":               {"at,count,name\n2,1,a\n", []row{{Name: "a", Count: 1, At: 2 * time.Second, Known: true}}},
		"further columns":         {"name,color,count\na,red,1\n", []row{{Name: "a", Count: 1}}},
		"fractions of seconds":    {"name,count,at\na,1,0.25\n", []row{{Name: "a", Count: 1, At: 250 * time.Millisecond, Known: true}}},
		"nothing is not zero":     {"name,count,at\na,1,\nb,1,0\n", []row{{Name: "a", Count: 1}, {Name: "b", Count: 1, Known: true}}},
		"spaces around":           {"name, count ,share\n a , 1, 0.5\n", []row{{Name: "a", Count: 1, Share: 0.5}}},
		"a spreadsheet's file":    {"\ufeffname,count\r\na,1\r\n", []row{{Name: "a", Count: 1}}},
		"quotes":                  {"\"name\",count\n\"a,b\",1\n", []row{{Name: "a,b", Count: 1}}},
		"no end of the last line": {"name,count\na,1", []row{{Name: "a", Count: 1}}},
		"bounds are within":       {"name,count,share\na,1000,1\nb,0,0\n", []row{{Name: "a", Count: 1000, Share: 1}, {Name: "b"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readRows(test.content)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestTableRefuses(t *testing.T) {
	tests := map[string]struct {
		content string
		want    string
	}{
		"nothing":              {"", "reading list.csv: the file is empty"},
		"a missing column":     {"name,other\n", "list.csv:1: field count: the header lacks this column; needed are name,count"},
		"a column twice":       {"name,count,name\n", "list.csv:1: field name: the header has this column twice"},
		"a short row":          {"name,count\na,1\nb\n", "list.csv:3: 1 fields, but the header has 2"},
		"a long row":           {"name,count\na,1,2\n", "list.csv:2: 3 fields, but the header has 2"},
		"a bare quote":         {"name,count\na\"b,1\n", `list.csv:2: bare " in non-quoted`},
		"an open quote":        {"name,count\n\"a,1\n", `list.csv:2: extraneous or missing " in quoted`},
		"a negative count":     {"name,count\na,-1\n", `list.csv:2: field count: "-1" is not a whole number within 0..1000`},
		"a fraction":           {"name,count\na,1.5\n", `list.csv:2: field count: "1.5" is not a whole number`},
		"too many":             {"name,count\na,1001\n", `list.csv:2: field count: "1001" is not a whole number within 0..1000`},
		"an overflow":          {"name,count\na,99999999999999999999\n", "list.csv:2: field count: "},
		"no count":             {"name,count\na,\n", `list.csv:2: field count: "" is not`},
		"not a number":         {"name,count,share\na,1,NaN\n", `list.csv:2: field share: "NaN" is not a number within 0..1`},
		"infinite":             {"name,count,share\na,1,Inf\n", `list.csv:2: field share: "Inf" is not a number`},
		"above the most":       {"name,count,share\na,1,1.01\n", `list.csv:2: field share: "1.01" is not a number within 0..1`},
		"words":                {"name,count,share\na,1,half\n", `list.csv:2: field share: "half"`},
		"seconds since 1970":   {"name,count,at\na,1,1700000000\n", "list.csv:2: field at: \"1700000000\" is more than ten years: write seconds since the trace's start"},
		"a time before":        {"name,count,at\na,1,-1\n", `list.csv:2: field at: "-1" is not a number`},
		"a time without end":   {"name,count,at\na,1,1e400\n", `list.csv:2: field at: "1e400"`},
		"a name twice":         {"name,count\na,1\nb,1\na,1\n", `list.csv:4: field name: "a" is on line 2 already: names must differ`},
		"the first error only": {"name,count\na,x\na,y\n", `list.csv:2: field count: "x"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readRows(test.content)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestTableTellsProblemsOfNames(t *testing.T) {
	table := NewTable(strings.NewReader("name\na b\n"), "list.csv", "name")
	table.Next()
	table.Name("name", func(string) []string { return []string{"no spaces"} })
	want := `reading list.csv:2: field name: "a b" cannot be a name: no spaces`
	if err := table.Err(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTablePassesOnWhatReadingMeets(t *testing.T) {
	broken := errors.New("the disk is gone")
	table := NewTable(iotest.ErrReader(broken), "list.csv", "name")
	if table.Next() || !errors.Is(table.Err(), broken) {
		t.Errorf("got %v", table.Err())
	}
}
