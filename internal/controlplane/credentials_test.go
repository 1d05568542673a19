package controlplane

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func TestWriteKubeconfig(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	want := &rest.Config{
		Host:        "https://127.0.0.1:6443",
		BearerToken: "token",
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: "kubernetes", CAData: []byte("ca"), CertData: []byte("cert"), KeyData: []byte("key"),
		},
	}
	for name, cfg := range map[string]*rest.Config{
		"inline": want,
		"by file": {
			Host:            want.Host,
			BearerTokenFile: file("token", "token"),
			TLSClientConfig: rest.TLSClientConfig{
				ServerName: "kubernetes", CAFile: file("ca", "ca"), CertFile: file("cert", "cert"), KeyFile: file("key", "key"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name+".kubeconfig")
			if err := WriteKubeconfig(path, cfg); err != nil {
				t.Fatal(err)
			}
			got, err := clientcmd.BuildConfigFromFlags("", path)
			if err != nil {
				t.Fatal(err)
			}
			read := []string{got.Host, got.BearerToken, got.ServerName, string(got.CAData), string(got.CertData), string(got.KeyData)}
			if diff := cmp.Diff([]string{want.Host, "token", "kubernetes", "ca", "cert", "key"}, read); diff != "" {
				t.Errorf("read back (-want +got)\n%s", diff)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode is %v (%v), want 0600", info.Mode(), err)
			}
		})
	}
}

func TestWriteKubeconfigNamesTheMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	err := WriteKubeconfig(path, &rest.Config{TLSClientConfig: rest.TLSClientConfig{CAFile: "/missing/ca.crt"}})
	if err == nil {
		t.Fatal("no error")
	}
	if _, statErr := os.Stat(path); !os.IsNotExist(statErr) {
		t.Error("a kubeconfig was written nevertheless")
	}
}

func TestServiceName(t *testing.T) {
	if got, want := serviceName("metrics.k8s.io", "v1beta1"), "v1beta1-metrics-k8s-io"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
