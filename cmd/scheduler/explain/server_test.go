package explain

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fixed answers about one pod.
type fixed struct{ answer Answer }

func (f fixed) Answer(_ context.Context, namespace, name string) Answer {
	answer := f.answer
	if namespace != "shop" || name != "web-1" {
		answer.Records = nil
	}
	return answer
}

func serve(t *testing.T, path string, source Source) (stop func()) {
	t.Helper()
	server, err := Listen(path, source)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- server.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serving ended with %v", err)
		}
	}
}

func TestServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "why.sock")
	want := Answer{
		Records:  []Record{{Namespace: "shop", Name: "web-1", At: noon, Outcome: Placed, Candidates: []Candidate{{Node: "a", Scores: []Score{{"P", 1}}}}}},
		Profiles: []string{"evenkeel"}, Capacity: 10, Kept: 1, Since: noon,
	}
	stop := serve(t, path, fixed{want})

	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, want 0600", info.Mode().Perm())
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if folder.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v, want 0700", folder.Mode().Perm())
	}

	got, err := Ask(t.Context(), []string{path + "-nobody", path}, "shop", "web-1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	got, err = Ask(t.Context(), []string{path}, "shop", "web-2")
	if err != nil || len(got.Records) != 0 || got.Capacity != 10 {
		t.Errorf("about another pod: %+v, %v", got, err)
	}
	// A name that needs escaping must not lead elsewhere.
	if got, err := Ask(t.Context(), []string{path}, "shop", "../shop/web-1"); err == nil && len(got.Records) > 0 {
		t.Errorf("a path for a name found %+v", got.Records)
	}

	if _, err := Listen(path, fixed{}); err == nil || !strings.Contains(err.Error(), "--why-socket") {
		t.Errorf("a second server on the socket: %v, want an error that names the flag", err)
	}
	stop()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := Ask(t.Context(), []string{path}, "shop", "web-1"); err == nil || !strings.Contains(err.Error(), "kubectl exec") {
		t.Errorf("without a server: %v, want an error that says where to ask", err)
	}
}

// TestListenReplacesStale: a scheduler that was killed leaves its socket behind.
func TestListenReplacesStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "why.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, path, fixed{Answer{Kept: 7}})
	defer stop()
	if got, err := Ask(t.Context(), []string{path}, "a", "b"); err != nil || got.Kept != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestListenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"folder is a file": filepath.Join(file, "why.sock"),
		"path too long":    filepath.Join(t.TempDir(), strings.Repeat("x", 200)),
	} {
		if _, err := Listen(path, fixed{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error is %v, want one that names the path", name, err)
		}
	}
}

func TestAskRefusesGarbage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "why.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	answers := make(chan string, 1)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Read(make([]byte, 4096))
			_, _ = connection.Write([]byte(<-answers))
			_ = connection.Close()
		}
	}()
	for answer, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc":            "reading the answer",
		"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n":               "500 Oh",
		"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"kept\": 1,": "reading the answer",
		"nonsense": "asking about pod a/b",
	} {
		answers <- answer
		if _, err := Ask(t.Context(), []string{path}, "a", "b"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("answered %q: error is %v, want %q", answer, err, want)
		}
	}
}

func TestMissing(t *testing.T) {
	cases := map[string]struct {
		answer Answer
		want   []string
	}{
		"Standby":    {Answer{Self: "pod-a_1", Leader: "pod-b_2", Capacity: 10}, []string{"leader, pod-b_2"}},
		"RolledOver": {Answer{Capacity: 10, Kept: 10, Since: noon}, []string{"before 2026-11-22T12:00:00Z", "10 newer", "--why-records"}},
		"NothingYet": {Answer{Capacity: 10, Profiles: []string{"evenkeel"}}, []string{"not tried", `"evenkeel"`}},
		"NotSeen": {
			Answer{Self: "a", Leader: "a", Capacity: 10, Kept: 3, Since: noon.Add(time.Second), Profiles: []string{"evenkeel"}},
			[]string{"not seen", "schedulerName", `"evenkeel"`, "2026-11-22T12:00:01Z"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := tc.answer.Missing("shop", "web-1")
			for _, want := range append(tc.want, "shop/web-1") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}
