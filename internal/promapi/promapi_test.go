package promapi

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const empty = `{"status":"success","data":{"resultType":"vector","result":[]}}`

// TestTokenStaysWithTheAddress: the token is sent, as the file has it now, but not to where a redirect points.
func TestTokenStaysWithTheAddress(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	var tokens []string
	note := func(r *http.Request) { tokens = append(tokens, r.Header.Get("Authorization")) }
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		_, _ = io.WriteString(w, empty)
	}))
	defer elsewhere.Close()
	redirect := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		if redirect {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, empty)
	}))
	defer server.Close()
	api, err := New(Config{Address: server.URL, BearerTokenFile: file})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"one", "two"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := api.Query(t.Context(), "x", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	redirect = true
	if _, _, err := api.Query(t.Context(), "x", time.Now()); err == nil {
		t.Error("a redirect was followed")
	}
	if got := strings.Join(tokens, ", "); got != "Bearer one, Bearer two, Bearer two" {
		t.Errorf("asked with %q", got)
	}
}

// TestThrough: an error of what answers are read through is the query's.
func TestThrough(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, empty) }))
	defer server.Close()
	broken := errors.New("far too large")
	for want, through := range map[error]func(io.Reader) io.Reader{
		nil:    func(r io.Reader) io.Reader { return r },
		broken: func(r io.Reader) io.Reader { return io.MultiReader(io.LimitReader(r, 10), iotest.ErrReader(broken)) },
	} {
		api, err := New(Config{Address: server.URL, Through: through})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := api.Query(t.Context(), "x", time.Now()); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"no address":             {Address: "http://a b"},
		"a key without its half": {Address: "http://x", CertFile: "/nowhere.crt"},
		"certificates that lack": {Address: "http://x", CAFile: "/nowhere.pem"},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), "Prometheus") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
