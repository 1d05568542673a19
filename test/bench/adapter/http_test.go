package adapter

import (
	"io"
	"net"
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
)

func readAll(response *http.Response) (string, error) {
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func freePort(b *testing.B) int {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func quantity(n int64) *resource.Quantity { return resource.NewQuantity(n, resource.DecimalSI) }
