package scaledown

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/cmd/metrics-adapter/app"
)

const (
	metricsGroup   = "external.metrics.k8s.io"
	metricsVersion = "v1beta1"
)

const adapterRules = `externalRules:
- seriesQuery: '` + metricName + `{service!=""}'
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
`

// adapterConfig is the adapter's usual configuration with its times divided by the speed, as far as it knows such short
// ones: it asks each second at the most.
func (s *ScaleDown) adapterConfig(prometheus string) string {
	atLeast := func(trace, least time.Duration) time.Duration {
		return max(s.wall(trace), least).Round(time.Millisecond)
	}
	step := atLeast(15*time.Second, time.Second)
	fresh := atLeast(time.Minute, 4*step)
	return fmt.Sprintf(`apiVersion: adapter.evenkeel.dev/v1alpha1
kind: AdapterConfiguration
prometheus: {address: %q}
rulesFile: rules.yaml
step: %v
delay: %v
freshFor: %v
staleAfter: %v
discovery: {interval: 1s}
`, prometheus, step, atLeast(3*time.Second, 100*time.Millisecond), fresh, atLeast(10*time.Minute, 2*fresh))
}

// adapter is the command metrics-adapter, in this process.
type adapter struct {
	done chan struct{}
	err  error // once done
}

// startAdapter runs it and makes it part of the API.
func (s *stage) startAdapter(ctx context.Context) error {
	if err := s.createNamespace(ctx, adapterNamespace); err != nil {
		return err
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	arguments, bundle, err := s.adapterFiles()
	if err != nil {
		return fmt.Errorf("configuring the metrics adapter: %w", err)
	}
	command := app.NewCommand() //nolint:contextcheck // it is given its context below
	command.SetArgs(append(arguments, "--secure-port", strconv.Itoa(port), "--kubeconfig", s.plane.Kubeconfig()))
	a := &adapter{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.err = command.ExecuteContext(ctx)
	}()
	s.adapter = a
	return s.patiently(ctx, func(ctx context.Context) error {
		return s.plane.RegisterAPIService(ctx, metricsGroup, metricsVersion, port, bundle)
	})
}

// patiently does something that takes the adapter, and not long.
func (s *stage) patiently(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %v", patience))
	defer cancel()
	return s.whileServing(ctx, do)
}

// whileServing does something that has no chance without the adapter.
func (s *stage) whileServing(ctx context.Context, do func(context.Context) error) error {
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.adapter.done:
			cancel()
		case <-serving.Done():
		}
	}()
	err := do(serving)
	if ctx.Err() == nil && serving.Err() != nil {
		return fmt.Errorf("the metrics adapter ended early: %w", cmp.Or(s.adapter.err, err))
	}
	return err
}

// adapterFiles writes what the adapter reads.
func (s *stage) adapterFiles() (arguments []string, bundle []byte, err error) {
	serving, bundle, err := s.plane.ServerTLS(metricsGroup, metricsVersion)
	if err != nil {
		return nil, nil, err
	}
	cert, key, err := encode(&serving.Certificates[0])
	if err != nil {
		return nil, nil, err
	}
	for name, content := range map[string][]byte{
		"tls.crt": cert, "tls.key": key, "rules.yaml": []byte(adapterRules),
		"config.yaml": []byte(s.adapterConfig(s.replay.PrometheusURL())),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			return nil, nil, err
		}
	}
	return []string{
		"--config", filepath.Join(s.dir, "config.yaml"),
		"--tls-cert-file", filepath.Join(s.dir, "tls.crt"), "--tls-private-key-file", filepath.Join(s.dir, "tls.key"),
	}, bundle, nil
}

func encode(pair *tls.Certificate) (cert, key []byte, err error) {
	for _, der := range pair.Certificate {
		cert = append(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// freePort is one of loopback that nobody listens on now.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a port for the metrics adapter: %w", err)
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("finding a port for the metrics adapter: %v is none", listener.Addr())
	}
	return address.Port, nil
}
