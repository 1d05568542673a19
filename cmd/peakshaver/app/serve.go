package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	genericfilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
)

// leaseGrace is how long a lease may be expired before the process is taken to hang.
const leaseGrace = 20 * time.Second

// health tells whether the process hangs: a leader that neither renews its lease nor ends.
type health struct {
	mu      sync.Mutex
	elector *leaderelection.LeaderElector
}

func (h *health) watch(elector *leaderelection.LeaderElector) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.elector = elector
}

func (h *health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	elector := h.elector
	h.mu.Unlock()
	if elector != nil {
		if err := elector.Check(leaseGrace); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// serve answers /livez, /readyz and /metrics until the context ends. All but health checks ask who is calling.
func (o *options) serve(ctx context.Context, state *health) error {
	o.authentication.RemoteKubeConfigFile, o.authorization.RemoteKubeConfigFile = o.kubeconfig, o.kubeconfig
	if err := o.serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.IPv4(127, 0, 0, 1)}); err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	var info *server.SecureServingInfo
	var loopback *rest.Config
	if err := o.serving.ApplyTo(&info, &loopback); err != nil {
		return fmt.Errorf("serving on %s:%d: %w", o.serving.BindAddress, o.serving.BindPort, err)
	}
	if info == nil { // --secure-port=0
		return nil
	}
	var authentication server.AuthenticationInfo
	if err := o.authentication.ApplyTo(&authentication, info, nil); err != nil {
		return fmt.Errorf("knowing callers: %w", err)
	}
	var authorization server.AuthorizationInfo
	if err := o.authorization.ApplyTo(&authorization); err != nil {
		return fmt.Errorf("knowing what callers may: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/livez", state)
	mux.Handle("/readyz", state)
	mux.Handle("/metrics", legacyregistry.Handler())
	codecs := serializer.NewCodecFactory(runtime.NewScheme())
	handler := genericfilters.WithAuthorization(mux, authorization.Authorizer, codecs)
	handler = genericfilters.WithAuthentication(handler, authentication.Authenticator, genericfilters.Unauthorized(codecs), nil, nil)
	handler = genericfilters.WithRequestInfo(handler, &request.RequestInfoFactory{APIPrefixes: sets.NewString(), GrouplessAPIPrefixes: sets.NewString()})
	handler = genericfilters.WithCacheControl(handler)
	if _, _, err := info.Serve(handler, 0, ctx.Done()); err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	klog.FromContext(ctx).Info("Serving", "address", info.Listener.Addr().String())
	return nil
}
