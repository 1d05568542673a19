package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"
)

const (
	askTimeout = 5 * time.Second
	// maxPath is how long the name of a unix socket may be, on any system.
	maxPath = 103
)

// Source answers for a Recorder and the process around it.
type Source interface {
	Answer(ctx context.Context, namespace, name string) Answer
}

// Server answers questions on a unix socket that only its owner can open.
type Server struct {
	path     string
	listener net.Listener
	server   *http.Server
}

// Listen opens the socket at path. A socket that nobody listens on is replaced.
func Listen(path string, source Source) (*Server, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("listening on %q: a socket's path may have %d bytes: choose a shorter one", path, maxPath)
	}
	if connection, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = connection.Close()
		return nil, fmt.Errorf("listening on %q: another scheduler listens there; give this one its own --why-socket", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the socket %q: %w", path, err)
	}
	listener, err := listenPrivately(path)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", path, err)
	}
	s := &Server{path: path, listener: listener}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pods/{namespace}/{name}", func(w http.ResponseWriter, request *http.Request) {
		answer := source.Answer(request.Context(), request.PathValue("namespace"), request.PathValue("name"))
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			klog.FromContext(request.Context()).V(4).Info("Could not answer on the why socket", "err", err)
		}
	})
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: askTimeout, WriteTimeout: askTimeout, MaxHeaderBytes: 1 << 14}
	return s, nil
}

// listenPrivately makes the socket in a folder of its own, narrows its mode,
// and then moves it into place: at no moment can another user open it.
func listenPrivately(path string) (net.Listener, error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), ".why-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	temporary := filepath.Join(folder, "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(temporary, 0o600), os.Rename(temporary, path)); err != nil {
		_ = listener.Close()
		return nil, err
	}
	return listener, nil
}

// Run answers until ctx is done, then removes the socket.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.server.Close() })
	defer stop()
	defer func() { _ = os.Remove(s.path) }()
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %q: %w", s.path, err)
	}
	return nil
}

// Path is where the server listens.
func (s *Server) Path() string { return s.path }
