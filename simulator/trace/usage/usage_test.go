package usage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// day is a line of one value all day.
func day(value string) string {
	return strings.TrimSuffix(strings.Repeat(value+",", planetLabValues), ",") + "\n"
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// steady is a PlanetLab series of one share all day.
func steady(name string, share float32) Series {
	values := make([]float32, planetLabValues)
	for i := range values {
		values[i] = share
	}
	return Series{Name: name, Step: 5 * time.Minute, Values: values}
}

func TestReadPlanetLab(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []Series
	}{
		"a machine":     {day("25"), []Series{steady("line-1", 0.25)}},
		"machines":      {day("0") + day("100"), []Series{steady("line-1", 0), steady("line-2", 1)}},
		"empty lines":   {"\n" + day("50") + "\n", []Series{steady("line-2", 0.5)}},
		"fractions":     {day("12.5"), []Series{steady("line-1", 0.125)}},
		"other line":    {strings.ReplaceAll(day("50"), "\n", "\r\n"), []Series{steady("line-1", 0.5)}},
		"spaces":        {day(" 50"), []Series{steady("line-1", 0.5)}},
		"no final line": {strings.TrimSpace(day("50")), []Series{steady("line-1", 0.5)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Read(write(t, "day.csv", test.content), PlanetLab)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReadPlanetLabRefuses(t *testing.T) {
	tests := map[string]struct {
		content, want string
	}{
		"nothing":             {"", "day.csv: the file is empty"},
		"empty lines":         {"\n\n", "day.csv: no machine in it"},
		"a short day":         {day("1") + "1,2,3\n", "day.csv:2: 3 values, but a day has 288: one machine a line"},
		"a long day":          {strings.TrimSpace(day("1")) + ",1\n", "day.csv:1: 289 values"},
		"more than all":       {day("1") + strings.Replace(day("1"), "1,1,1", "1,101,1", 1), `day.csv:2: field 2: "101" is not a number within 0..100, per cent`},
		"less than nothing":   {day("-1"), `day.csv:1: field 1: "-1"`},
		"not a number":        {day("NaN"), `day.csv:1: field 1: "NaN"`},
		"nothing in between":  {day(""), `day.csv:1: field 1: ""`},
		"an endless line":     {day("1") + strings.Repeat("1,", 1<<20), "day.csv:2: bufio.Scanner: token too long"},
		"words":               {day("busy"), `day.csv:1: field 1: "busy"`},
		"the whole of memory": {day("1e300"), `day.csv:1: field 1: "1e300"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Read(write(t, "day.csv", test.content), PlanetLab)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestReadCSV(t *testing.T) {
	tests := map[string]struct {
		content string
		want    []Series
	}{
		"one": {"series,time,value\na,0,1\na,60,2\na,120,0.5\n",
			[]Series{{Name: "a", Step: time.Minute, Values: []float32{1, 2, 0.5}, Cores: true}}},
		"alternating": {"series,time,value\na,0,1\nb,0,3\na,60,2\nb,10,4\n", []Series{
			{Name: "a", Step: time.Minute, Values: []float32{1, 2}, Cores: true},
			{Name: "b", Step: 10 * time.Second, Values: []float32{3, 4}, Cores: true}}},
		"a lone row":         {"series,time,value\na,30,1\n", []Series{{Name: "a", Step: time.Minute, Values: []float32{1}, Cores: true}}},
		"not from zero":      {"time,value,series\n100,1,a\n130,2,a\n", []Series{{Name: "a", Step: 30 * time.Second, Values: []float32{1, 2}, Cores: true}}},
		"steps of a quarter": {"series,time,value\na,0,1\na,0.25,2\n", []Series{{Name: "a", Step: 250 * time.Millisecond, Values: []float32{1, 2}, Cores: true}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Read(write(t, "use.csv", test.content), CSV)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReadCSVRefuses(t *testing.T) {
	const header = "series,time,value\n"
	tests := map[string]struct {
		content, want string
	}{
		"nothing":           {"", "use.csv: the file is empty"},
		"a header alone":    {header, "use.csv: no row below the header"},
		"a missing column":  {"series,value\n", "use.csv:1: field time: the header lacks this column"},
		"no series":         {header + ",0,1\n", "use.csv:2: field series: must not be empty"},
		"no time":           {header + "a,,1\n", "use.csv:2: field time: must not be empty: seconds since the trace's start"},
		"no value":          {header + "a,0,\n", `use.csv:2: field value: "" is not a number`},
		"a negative value":  {header + "a,0,-1\n", `use.csv:2: field value: "-1"`},
		"not a number":      {header + "a,0,NaN\n", `use.csv:2: field value: "NaN"`},
		"an infinite value": {header + "a,0,+Inf\n", `use.csv:2: field value: "+Inf"`},
		"too many cores":    {header + "a,0,1e7\n", `use.csv:2: field value: "1e7" is not a number within 0..1e+06`},
		"out of order":      {header + "a,60,1\nb,0,1\na,0,1\n", `use.csv:4: field time: 0 of series "a" is not after its row before: sort`},
		"the same time":     {header + "a,0,1\na,0,1\n", `use.csv:3: field time: 0 of series "a" is not after`},
		"uneven":            {header + "a,0,1\na,60,1\na,130,1\n", `use.csv:4: field time: 130 of series "a" is 1m10s after its row before, but the rows began 1m0s apart: resample`},
		"since 1970":        {header + "a,1700000000,1\n", "use.csv:2: field time: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Read(write(t, "use.csv", test.content), CSV)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestReadRefusesAnotherFormat(t *testing.T) {
	_, err := Read("use.csv", "excel")
	want := `reading use.csv: "excel" is not a format of usage: planetlab, bitbrains or csv`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadMissingFile(t *testing.T) {
	for _, format := range []Format{PlanetLab, Bitbrains, CSV} {
		t.Run(string(format), func(t *testing.T) {
			_, err := Read(filepath.Join(t.TempDir(), "gone"), format)
			if err == nil || !strings.Contains(err.Error(), "gone: no such file") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// bitbrainsFolder writes a trace of one machine of 2 cores and 4000 MHz.
func bitbrainsFolder(t *testing.T, rows, meta string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{
		bitbrainsTrace: "id,timestamp,duration,cpu_count,cpu_usage\n" + rows,
		bitbrainsMeta:  "id,start_time,stop_time,cpu_count,cpu_capacity,mem_capacity\n" + meta,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

const machine = "7,0,3000000,2,4000,1024\n"

func TestReadBitbrains(t *testing.T) {
	folder := bitbrainsFolder(t, "7,300000,300000,2,1000\n7,600000,300000,2,4000\n7,1500000,300000,2,2000\n", machine)
	// Between 600 and 1200 seconds nothing is known.
	want := []Series{{Name: "7", Step: 5 * time.Minute, Values: []float32{0.25, 1, 1, 1, 0.5}}}
	for name, path := range map[string]string{"the folder": folder, "the trace": filepath.Join(folder, bitbrainsTrace)} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(path, Bitbrains)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReadBitbrainsRefuses(t *testing.T) {
	tests := map[string]struct {
		rows, meta, want string
	}{
		"an unknown machine": {"8,300000,300000,2,1000\n", machine, `trace.csv.gz:2: field id: meta.csv has no machine "8"`},
		"a negative use":     {"7,300000,300000,2,-1\n", machine, "trace.csv.gz:2: field cpu_usage"},
		"no capacity":        {"7,300000,300000,2,1\n", "7,0,3000000,2,0,1024\n", "meta.csv:2: field cpu_capacity"},
		"an endless row":     {strings.Repeat("7", 2<<20), machine, "a row is longer than"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := bitbrainsFolder(t, test.rows, test.meta)
			_, err := Read(folder, Bitbrains)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), folder) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestReadBitbrainsNeedsItsMeta(t *testing.T) {
	folder := bitbrainsFolder(t, "7,300000,300000,2,1000\n", machine)
	if err := os.Remove(filepath.Join(folder, bitbrainsMeta)); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(folder, Bitbrains); err == nil || !strings.Contains(err.Error(), "meta.csv: no such file") {
		t.Errorf("got %v", err)
	}
}

// checkSeries fails if what was read cannot be played.
func checkSeries(t *testing.T, all []Series, err error) {
	if err != nil {
		if !strings.HasPrefix(err.Error(), "reading f") {
			t.Errorf("an error without its file: %v", err)
		}
		return
	}
	library := NewLibrary(all, 1, 1)
	for _, s := range all {
		if s.Step <= 0 || len(s.Values) == 0 {
			t.Fatalf("series %q has step %v and %d values", s.Name, s.Step, len(s.Values))
		}
		if used := library.Curve("", s.Name, 1000).At(time.Hour); used < 0 {
			t.Fatalf("series %q uses %d", s.Name, used)
		}
	}
}

func FuzzPlanetLab(f *testing.F) {
	for _, seed := range []string{day("1"), day("100") + day("0.5"), "1,2,3\n", "\n", day("NaN"), "\x00,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		all, err := parsePlanetLab(strings.NewReader(content), "f")
		checkSeries(t, all, err)
	})
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"series,time,value\na,0,1\na,60,2\n", "series,time,value\na,0,1e6\n", "series,time,value\na,0.0000000001,1\na,0.0000000002,1\n", "\"", "time\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		all, err := parseUsage(strings.NewReader(content), "f")
		checkSeries(t, all, err)
	})
}
