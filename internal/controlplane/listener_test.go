package controlplane

import (
	"errors"
	"io"
	"net"
	"testing"
)

// connect returns both ends of a connection through the listener.
func connect(t *testing.T, l *listener) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func TestListenerClosesWhatIsOpen(t *testing.T) {
	l, err := listen(0)
	if err != nil {
		t.Fatal(err)
	}
	var clients []net.Conn
	for range 3 {
		client, _ := connect(t, l)
		clients = append(clients, client)
	}
	_, closed := connect(t, l)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if len(l.open) != 3 {
		t.Errorf("%d connections are open, want the 3 not closed", len(l.open))
	}

	l.closeAll()
	for _, client := range clients {
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("reading from a connection: %v, want its end", err)
		}
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting: %v, want closed", err)
	}
	l.closeAll()
}

// late is a listener that hands out a connection when it has been closed already, as a real one may do
// when both happen at once.
type late struct {
	net.Listener
	connection net.Conn
}

func (l late) Accept() (net.Conn, error) { return l.connection, nil }

func TestListenerClosesLateConnections(t *testing.T) {
	ours, theirs := net.Pipe()
	real, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Listener: late{real, ours}, open: map[*connection]struct{}{}}
	l.closeAll()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting: %v, want closed", err)
	}
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("reading from the connection: %v, want its end", err)
	}
}
