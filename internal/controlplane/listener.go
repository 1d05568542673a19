package controlplane

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// listener knows the connections it has accepted, so that they can be closed in the end. Upstream stops
// waiting for them after two seconds, and relies on the process's end to close them.
type listener struct {
	net.Listener

	mu sync.Mutex
	// open is nil once all have been closed.
	open map[*connection]struct{}
}

type connection struct {
	net.Conn
	listener *listener
}

// listen takes the port before anything else is started, so that a taken one is found out at once.
func listen(port int) (*listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopbackAddress, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listening on port %d: it is taken: stop the process that holds it, "+
			"or set SecurePort to another port, or to 0 for any free one: %w", port, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on port %d: %w", port, err)
	}
	return &listener{Listener: l, open: map[*connection]struct{}{}}, nil
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted, listener: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		_ = accepted.Close()
		return nil, net.ErrClosed
	}
	l.open[c] = struct{}{}
	return c, nil
}

// Close closes the connection.
func (c *connection) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// closeAll closes the listener and all connections still open. Errors would tell that they were closed
// already.
func (l *listener) closeAll() {
	_ = l.Close()
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close()
	}
}
