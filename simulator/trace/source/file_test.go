package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t *testing.T, content string) string {
	t.Helper()
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	if _, err := writer.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.String()
}

func TestOpenUnpacksByContent(t *testing.T) {
	long := strings.Repeat("a,b\n", 5000)
	for name, content := range map[string]string{
		"plain":  long,
		"packed": packed(t, long),
		"short":  "a",
	} {
		t.Run(name, func(t *testing.T) {
			file, err := Open(write(t, "list.csv", content), MaxUnpacked)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			got, err := io.ReadAll(file)
			want := long
			if name == "short" {
				want = content
			}
			if err != nil || string(got) != want {
				t.Errorf("read %d bytes, %v, want %d", len(got), err, len(want))
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := map[string]struct {
		content string
		want    string
	}{
		"nothing":            {"", "list.csv: the file is empty"},
		"nothing, packed":    {packed(t, ""), "list.csv: the file is empty"},
		"half a gzip header": {"\x1f\x8b\x08", "list.csv: the gzip file is cut off, copy it again"},
		"no gzip header":     {"\x1f\x8bxxxxxxxxxxxx", "list.csv: gzip: invalid header"},
		"a small bomb":       {packed(t, strings.Repeat("0", 1<<20)), "list.csv: the file is too large when unpacked: split it"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Open(write(t, "list.csv", test.content), 1000)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestOpenNamesAMissingFileOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone.csv")
	_, err := Open(path, 1000)
	if err == nil || strings.Count(err.Error(), path) != 1 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestReadingEndsWhereAGzipFileIsCut(t *testing.T) {
	var mixed strings.Builder // which does not compress to nothing
	for i := range 20_000 {
		mixed.WriteByte(byte('a' + i*i%23))
		mixed.WriteByte(byte('a' + i*7%19))
	}
	whole := packed(t, mixed.String())
	file, err := Open(write(t, "cut.csv.gz", whole[:len(whole)-8]), MaxUnpacked)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.ReadAll(file); err == nil || !strings.Contains(err.Error(), "cut off, copy it again") {
		t.Errorf("got %v", err)
	}
}

func TestReadingStopsAtTheLimit(t *testing.T) {
	for name, limit := range map[string]int64{"below": 9_999, "at": 10_000} {
		t.Run(name, func(t *testing.T) {
			reader := &bound{from: strings.NewReader(strings.Repeat("x", 10_000)), left: limit}
			_, err := io.ReadAll(reader)
			if failed := err != nil; failed != (limit < 10_000) {
				t.Errorf("with limit %d: %v", limit, err)
			}
		})
	}
}

func TestIsCSV(t *testing.T) {
	tests := map[string]struct {
		name, content string
		want          bool
	}{
		"by its end":                {"a.csv", "kind: Node", true},
		"by its end, packed":        {"a.csv.gz", packed(t, "kind: Node"), true},
		"yaml by its end":           {"a.yaml", "a,b", false},
		"yml by its end":            {"a.yml", "a,b", false},
		"json by its end":           {"a.json", "a,b", false},
		"by a header":               {"list", "sn,cpu\na:b\n", true},
		"a header without a line":   {"list", "sn,cpu", true},
		"yaml by a colon":           {"list", "kind: List, or so\n", false},
		"json by a brace":           {"list", `{"a":1,"b":2}`, false},
		"a document mark":           {"list", "---\nkind: List\n", false},
		"other ends do not mislead": {"list.txt", "sn,cpu\n", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file, err := Open(write(t, test.name, test.content), MaxUnpacked)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if got := file.IsCSV(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestRowsAreBounded(t *testing.T) {
	tests := map[string]struct {
		content string
		fails   bool
	}{
		"many short rows":       {strings.Repeat("a,b\n", MaxRow), false},
		"one long row":          {strings.Repeat("a,b", MaxRow), true},
		"a missing quote":       {`"` + strings.Repeat("a,b\n", MaxRow), true},
		"quoted ends of line":   {"\"a\nb\"\n" + strings.Repeat("a,b\n", MaxRow), false},
		"a row above the limit": {strings.Repeat("a", MaxRow+1) + "\n", true},
		"a row at the limit":    {strings.Repeat("a", MaxRow) + "\nb\n", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := io.Copy(io.Discard, Rows(strings.NewReader(test.content)))
			if (err != nil) != test.fails {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRowsPassOnWhatTheyRead(t *testing.T) {
	content := strings.Repeat("a,\"b\nc\",d\n", 100)
	if err := iotest.TestReader(Rows(strings.NewReader(content)), []byte(content)); err != nil {
		t.Error(err)
	}
}
