// Package metricsapi serves the metrics.k8s.io API from values in memory, as an
// extension server that kube-apiserver's aggregator forwards requests to. It is
// what metrics-server is in a real cluster.
package metricsapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"
	"k8s.io/klog/v2"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// Source has the metrics to serve. It is asked at every request; what it
// returns is not changed.
type Source interface {
	NodeMetrics() []metrics.NodeMetrics
	PodMetrics() []metrics.PodMetrics
}

// Options says what to serve, and to whom.
type Options struct {
	Source Source
	// Client reads how the aggregator identifies itself (the ConfigMap
	// extension-apiserver-authentication in kube-system) and asks whether a user
	// may read metrics (SubjectAccessReview).
	Client kubernetes.Interface
	// Hosts are more names that the certificate holds for, besides localhost.
	// The aggregator calls the server by SERVICE.NAMESPACE.svc.
	Hosts []string
}

// Server is a running server on a port of the loopback interface.
type Server struct {
	http     *http.Server
	listener net.Listener
	port     int
	ca       []byte
	done     chan struct{}
}

// Start begins to serve. Stop must be called.
func Start(ctx context.Context, options Options) (*Server, error) {
	handler, err := secured(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("starting the metrics.k8s.io API: %w", err)
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, options.Hosts)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for the metrics.k8s.io API: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for the metrics.k8s.io API: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for metrics.k8s.io requests: %w", err)
	}
	var port int
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		port = address.Port
	}
	s := &Server{
		listener: listener,
		port:     port,
		ca:       certificate,
		done:     make(chan struct{}),
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 10 * time.Second,
			TLSConfig: &tls.Config{
				MinVersion:   tls.VersionTLS12,
				Certificates: []tls.Certificate{pair},
				ClientAuth:   tls.RequestClientCert, // the authenticator verifies it
			},
		},
	}
	go func() {
		defer close(s.done)
		if err := s.http.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			klog.FromContext(ctx).Error(err, "metrics.k8s.io API ended")
		}
	}()
	return s, nil
}

// Address is the server's host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Port is the server's port.
func (s *Server) Port() int { return s.port }

// CA is the PEM bundle that the server's certificate verifies against.
func (s *Server) CA() []byte { return s.ca }

// Stop ends the server and its connections.
func (s *Server) Stop() error {
	err := s.http.Close()
	<-s.done
	if err != nil {
		return fmt.Errorf("stopping the metrics.k8s.io API: %w", err)
	}
	return nil
}

// secured is the API for those whom the aggregator vouches for and RBAC allows.
func secured(ctx context.Context, options Options) (http.Handler, error) {
	front, err := frontProxy(ctx, options.Client)
	if err != nil {
		return nil, err
	}
	authenticator, _, err := authenticatorfactory.DelegatingAuthenticatorConfig{RequestHeaderConfig: front}.New()
	if err != nil {
		return nil, fmt.Errorf("setting up authentication: %w", err)
	}
	authorizer, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: options.Client.AuthorizationV1(),
		AllowCacheTTL:             10 * time.Second,
		DenyCacheTTL:              10 * time.Second,
		WebhookRetryBackoff:       &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 3},
	}.New()
	if err != nil {
		return nil, fmt.Errorf("setting up authorization: %w", err)
	}
	codecs := newCodecs()
	handler := newAPI(options.Source, codecs)
	handler = filters.WithAuthorization(handler, authorizer, codecs)
	handler = filters.WithAuthentication(handler, authenticator, filters.Unauthorized(codecs), nil, front)
	handler = filters.WithRequestInfo(handler, &request.RequestInfoFactory{
		APIPrefixes:          sets.NewString("api", "apis"),
		GrouplessAPIPrefixes: sets.NewString("api"),
	})
	return handler, nil
}

// frontProxy reads by which certificate and headers the aggregator is known.
func frontProxy(ctx context.Context, client kubernetes.Interface) (*authenticatorfactory.RequestHeaderConfig, error) {
	const namespace, name = metav1.NamespaceSystem, "extension-apiserver-authentication"
	config, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading how the aggregator identifies itself: %w", err)
	}
	bundle := config.Data["requestheader-client-ca-file"]
	if bundle == "" {
		return nil, fmt.Errorf("ConfigMap %s/%s has no requestheader-client-ca-file: "+
			"start kube-apiserver with --requestheader-client-ca-file", namespace, name)
	}
	ca, err := dynamiccertificates.NewStaticCAContent("requestheader-client-ca-file", []byte(bundle))
	if err != nil {
		return nil, fmt.Errorf("reading requestheader-client-ca-file of ConfigMap %s/%s: %w", namespace, name, err)
	}
	front := &authenticatorfactory.RequestHeaderConfig{CAContentProvider: ca}
	for key, into := range map[string]*headerrequest.StringSliceProvider{
		"requestheader-username-headers":     &front.UsernameHeaders,
		"requestheader-uid-headers":          &front.UIDHeaders,
		"requestheader-group-headers":        &front.GroupHeaders,
		"requestheader-extra-headers-prefix": &front.ExtraHeaderPrefixes,
		"requestheader-allowed-names":        &front.AllowedClientNames,
	} {
		var values []string
		if text := config.Data[key]; text != "" {
			if err := json.Unmarshal([]byte(text), &values); err != nil {
				return nil, fmt.Errorf("reading %s of ConfigMap %s/%s: %w", key, namespace, name, err)
			}
		}
		*into = headerrequest.StaticStringSlice(values)
	}
	return front, nil
}
