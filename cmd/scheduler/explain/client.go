package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// maxAnswer bounds what a client reads, in bytes.
const maxAnswer = 16 << 20

// DefaultSockets are the places of the socket, the preferred first: under /run
// where that can be written, else in the user's cache folder.
func DefaultSockets() []string {
	sockets := []string{"/run/evenkeel/why.sock"}
	if cache, err := os.UserCacheDir(); err == nil {
		sockets = append(sockets, filepath.Join(cache, "evenkeel", "why.sock"))
	}
	return sockets
}

// Ask asks the scheduler that listens on one of the sockets about a pod.
func Ask(ctx context.Context, sockets []string, namespace, name string) (Answer, error) {
	var answer Answer
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	connection, err := dial(ctx, sockets)
	if err != nil {
		return answer, err
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return connection, nil },
		DisableKeepAlives: true,
	}}
	path := "http://why/pods/" + url.PathEscape(namespace) + "/" + url.PathEscape(name)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return answer, fmt.Errorf("asking about pod %s/%s: %w", namespace, name, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return answer, fmt.Errorf("asking about pod %s/%s: %w", namespace, name, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("asking about pod %s/%s: the scheduler answered %s", namespace, name, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return answer, fmt.Errorf("reading the answer about pod %s/%s: %w", namespace, name, err)
	}
	return answer, nil
}

func dial(ctx context.Context, sockets []string) (net.Conn, error) {
	var dialer net.Dialer
	var reasons []string
	for _, socket := range sockets {
		connection, err := dialer.DialContext(ctx, "unix", socket)
		if err == nil {
			return connection, nil
		}
		reasons = append(reasons, err.Error())
	}
	return nil, fmt.Errorf("no scheduler listens here (%s): run this where the scheduler runs, as its user, "+
		"as in \"kubectl exec -n evenkeel-system deploy/evenkeel-scheduler -- scheduler why NAMESPACE/POD\"; "+
		"a scheduler started with another --why-socket needs the same flag here",
		strings.Join(reasons, "; "))
}
