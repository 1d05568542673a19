package series

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func open(t testing.TB, options Options) *DB {
	t.Helper()
	db, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func sample(value float64, pairs ...string) Sample {
	return Sample{Labels: labels.FromStrings(append([]string{"__name__", "m"}, pairs...)...), Value: value}
}

func appendAt(t testing.TB, db *DB, seconds int, samples ...Sample) {
	t.Helper()
	if err := db.Append(t.Context(), start().Add(time.Duration(seconds)*time.Second), samples); err != nil {
		t.Fatal(err)
	}
}

func valueOf(t *testing.T, db *DB, expression string, seconds int) string {
	t.Helper()
	query, err := db.Query(t.Context(), expression, start().Add(time.Duration(seconds)*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	return strings.ReplaceAll(result.String(), " => ", " = ")
}

func TestAppendEndsSeries(t *testing.T) {
	db := open(t, Options{})
	appendAt(t, db, 0, sample(1, "a", "x"), sample(2, "a", "y"))
	appendAt(t, db, 10, sample(3, "a", "x"))
	appendAt(t, db, 20, sample(4, "a", "x"))
	appendAt(t, db, 30, sample(5, "a", "x"), sample(6, "a", "y"))

	tests := map[string]struct {
		at   int
		want string
	}{
		"both while both have samples":          {5, "2"},
		"the ended one is gone at once":         {10, "1"},
		"and stays gone":                        {29, "1"},
		"until it begins again":                 {30, "2"},
		"both live on until the look-back ends": {300, "2"},
		"nothing before the beginning":          {-1, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, _ := strings.Cut(strings.TrimPrefix(valueOf(t, db, "count(m)", test.at), "{} = "), " ")
			if got != test.want {
				t.Errorf("count(m) at %d s is %q, want %q", test.at, got, test.want)
			}
		})
	}
}

func TestAppendOfAnEarlierMomentIsAnError(t *testing.T) {
	db := open(t, Options{})
	appendAt(t, db, 10, sample(1))
	if err := db.Append(t.Context(), start(), []Sample{sample(2)}); err == nil {
		t.Error("a sample of the past was stored")
	} else if !strings.Contains(err.Error(), `__name__="m"`) {
		t.Errorf("error %q does not name the series", err)
	}
	appendAt(t, db, 20, sample(3)) // and the database goes on
	if got := valueOf(t, db, "m", 20); !strings.Contains(got, "= 3 ") {
		t.Errorf("m is %s, want 3", got)
	}
	if at, newest := db.Newest(); !at.Equal(start().Add(20*time.Second)) || len(newest) != 1 {
		t.Errorf("newest is %v of %v", newest, at)
	}
}

// TestHistoryMayBeLong: a day of samples, written in order, is all there.
func TestHistoryMayBeLong(t *testing.T) {
	db := open(t, Options{Retention: 48 * time.Hour})
	const day = 24 * 3600
	for second := 0; second <= day; second += 60 {
		appendAt(t, db, second, sample(float64(second)))
	}
	if got := valueOf(t, db, "count_over_time(m[24h])", day); !strings.Contains(got, "= 1440 ") {
		t.Errorf("of a day, a sample a minute: %s, want 1440", got)
	}
}

func TestDirectory(t *testing.T) {
	t.Run("of its own is removed", func(t *testing.T) {
		t.Setenv("TMPDIR", t.TempDir())
		db, err := Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if found := glob(t, os.TempDir()); len(found) != 1 {
			t.Errorf("found %v while open, want one directory", found)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if found := glob(t, os.TempDir()); len(found) != 0 {
			t.Errorf("Close left %v behind", found)
		}
	})
	t.Run("of the caller is used and kept", func(t *testing.T) {
		dir := t.TempDir()
		db, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if found := glob(t, dir); len(found) == 0 {
			t.Error("nothing was written into the directory, or it was removed")
		}
	})
	t.Run("that cannot be is an error", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if db, err := Open(Options{Dir: filepath.Join(file, "below")}); err == nil {
			_ = db.Close()
			t.Error("opened a database below a file")
		}
	})
}

func glob(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestLabelValues(t *testing.T) {
	db := open(t, Options{})
	appendAt(t, db, 0, sample(1, "a", "x"), sample(1, "a", "y"), sample(1))
	got, err := db.LabelValues(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x", "y"}, got); diff != "" {
		t.Errorf("values of a (-want +got):\n%s", diff)
	}
}

func BenchmarkAppend(b *testing.B) {
	db := open(b, Options{})
	var samples []Sample
	for range 2000 {
		samples = append(samples, sample(1, "pod", fmt.Sprint(len(samples))))
	}
	at := start()
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		if err := db.Append(context.Background(), at, samples); err != nil {
			b.Fatal(err)
		}
	}
}

// TestReadersAndTheWriterMeet is for the race detector; and each reader sees
// whole moments only.
func TestReadersAndTheWriterMeet(t *testing.T) {
	db := open(t, Options{})
	handler := db.Handler(nil, func() time.Time { at, _ := db.Newest(); return at })
	appendAt(t, db, 0, sample(0, "a", "x"), sample(0, "a", "y"))
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 50 {
				recorder := httptest.NewRecorder()
				handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				if lines := strings.Count(recorder.Body.String(), "\nm{"); lines != 2 {
					t.Errorf("/metrics has %d of 2 series:\n%s", lines, recorder.Body)
				}
				recorder = httptest.NewRecorder()
				handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/api/v1/query?query=count(m)", nil))
				if !strings.Contains(recorder.Body.String(), `,"2"]`) {
					t.Errorf("count(m) is %s, want 2", recorder.Body)
				}
			}
		})
	}
	for second := 1; second <= 200; second++ {
		appendAt(t, db, second, sample(float64(second), "a", "x"), sample(float64(second), "a", "y"))
	}
	readers.Wait()
}
