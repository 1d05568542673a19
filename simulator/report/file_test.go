package report_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel/simulator/report"
)

func writing(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// holds checks what the file at path holds, and that it is alone in its folder.
func holds(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("the file holds %q, error %v, want %q", got, err, want)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, error %v", entries, err)
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	for _, text := range []string{"a longer first one", "second", ""} {
		if err := report.WriteFile(path, writing(text)); err != nil {
			t.Fatal(err)
		}
		holds(t, path, text)
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o644 {
			t.Errorf("mode %v, error %v", info.Mode(), err)
		}
	}
}

func TestFailedWriteKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	if err := report.WriteFile(path, writing("old")); err != nil {
		t.Fatal(err)
	}
	err := report.WriteFile(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half of the ")
		return errFull
	})
	if !errors.Is(err, errFull) || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v", err)
	}
	holds(t, path, "old")
}

func TestPanickingWriteKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	if err := report.WriteFile(path, writing("old")); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = report.WriteFile(path, func(io.Writer) error { panic("half way") })
	}()
	holds(t, path, "old")
}

// An interrupt ends the program between any two steps: until the last one, the old content is there.
func TestOldContentIsThereWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	if err := report.WriteFile(path, writing("old")); err != nil {
		t.Fatal(err)
	}
	err := report.WriteFile(path, func(w io.Writer) error {
		for range 3 {
			if _, err := io.WriteString(w, "new"); err != nil {
				return err
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
				t.Errorf("while writing the file holds %q, error %v", got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, path, "newnewnew")
}

func TestWritersAtOnceDoNotMix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	var group sync.WaitGroup
	for _, letter := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			if err := report.WriteFile(path, writing(strings.Repeat(letter, 10_000))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := os.ReadFile(path)
	if err != nil || len(got) != 10_000 || strings.Trim(string(got), string(got[0])) != "" {
		t.Errorf("the file of %d bytes is a mixture, error %v", len(got), err)
	}
	holds(t, path, string(got))
}

func TestWhereNoFileCanBe(t *testing.T) {
	folder := t.TempDir()
	missing := filepath.Join(folder, "missing", "report.html")
	if err := report.WriteFile(missing, writing("")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("got error %v for a folder that is missing", err)
	}
	if err := report.WriteFile(folder, writing("")); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("got error %v for a folder in place of a file", err)
	}
}

func TestPipesAreWrittenToAsTheyAre(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	defer reader.Close()
	path := fmt.Sprintf("/dev/fd/%d", writer.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skipf("open files have no path here: %v", err)
	}
	const text = "through the pipe"
	if err := report.WriteFile(path, writing(text)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(reader, got); err != nil || string(got) != text {
		t.Errorf("read %q, error %v", got, err)
	}
	if err := report.WriteFile(path, func(io.Writer) error { return errFull }); !errors.Is(err, errFull) || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v", err)
	}
}
