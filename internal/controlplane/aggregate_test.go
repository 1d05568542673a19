package controlplane

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// serveGroup runs a server for the group on loopback that answers every object request with the
// identity it was told, and returns its port and CA bundle.
func serveGroup(t *testing.T, group, version string) (int, []byte) {
	t.Helper()
	config, bundle, err := shared.ServerTLS(group, version)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	root := "/apis/" + group + "/" + version
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var answer any = metav1.APIResourceList{
			TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
			GroupVersion: group + "/" + version,
			APIResources: []metav1.APIResource{{Name: "things", Kind: "Thing", Namespaced: true, Verbs: metav1.Verbs{"get"}}},
		}
		if strings.HasPrefix(r.URL.Path, root+"/") {
			answer = map[string]any{
				"kind": "Thing", "apiVersion": group + "/" + version,
				"user": r.Header.Get("X-Remote-User"), "groups": r.Header.Values("X-Remote-Group"),
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	server := &http.Server{
		TLSConfig: config, Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ServeTLS(listener, "", "")
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return portOf(t, listener), bundle
}

func TestRegisterAPIService(t *testing.T) {
	const group, version = "demo.evenkeel.dev", "v1beta1"
	path := "/apis/" + group + "/" + version + "/namespaces/default/things/one"
	port, bundle := serveGroup(t, group, version)
	if err := shared.RegisterAPIService(t.Context(), group, version, port, bundle); err != nil {
		t.Fatal(err)
	}

	t.Run("requests arrive with the caller's identity", func(t *testing.T) {
		client := clientFor(t, shared.RESTConfig())
		body, err := client.CoreV1().RESTClient().Get().AbsPath(path).DoRaw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var thing struct {
			User   string
			Groups []string
		}
		if err := json.Unmarshal(body, &thing); err != nil {
			t.Fatal(err)
		}
		if thing.User != adminUser || len(thing.Groups) == 0 || thing.Groups[0] != mastersGroup {
			t.Errorf("server saw user %q in groups %q, want %q in %q first", thing.User, thing.Groups, adminUser, mastersGroup)
		}
	})
	t.Run("RBAC applies", func(t *testing.T) {
		client := clientFor(t, shared.ConfigFor("nobody-in-particular"))
		_, err := client.CoreV1().RESTClient().Get().AbsPath(path).DoRaw(t.Context())
		if !apierrors.IsForbidden(err) {
			t.Errorf("got %v, want forbidden", err)
		}
	})
	t.Run("nobody but the API server may call the server", func(t *testing.T) {
		_, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: insecure()}}).Get("https://127.0.0.1:" + itoa(port) + path)
		if err == nil || !strings.Contains(err.Error(), "certificate required") {
			t.Errorf("got %v, want a demand for a certificate", err)
		}
	})
	t.Run("registering again moves to the new port", func(t *testing.T) {
		moved, bundle := serveGroup(t, group, version)
		if err := shared.RegisterAPIService(t.Context(), group, version, moved, bundle); err != nil {
			t.Fatal(err)
		}
		client := clientFor(t, shared.RESTConfig())
		eventually(t, "the new port answers", func() (bool, error) {
			_, err := client.CoreV1().RESTClient().Get().AbsPath(path).DoRaw(t.Context())
			return err == nil, err
		})
	})
}

func TestRegisterAPIServiceUnreachable(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, bundle, err := shared.ServerTLS("gone.evenkeel.dev", "v1")
	if err != nil {
		t.Fatal(err)
	}
	err = shared.RegisterAPIService(ctx, "gone.evenkeel.dev", "v1", freePort(t), bundle)
	if err == nil || !strings.Contains(err.Error(), `"v1.gone.evenkeel.dev"`) {
		t.Errorf("got %v, want an error that names the API service", err)
	}
}
