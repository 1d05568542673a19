package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/evenkeel/evenkeel/internal/controlplane/pki"
)

const (
	// The priorities that metrics.k8s.io is usually given. They decide only between groups that serve
	// a resource of the same name.
	groupPriority   = 100
	versionPriority = 100
)

// ServerTLS returns the TLS configuration for a server on loopback that RegisterAPIService will make
// part of the API: a certificate under the name that the API server expects, and the demand that the
// client be the API server. The second result is the authority to pass on as its CA bundle.
func (c *ControlPlane) ServerTLS(group, version string) (*tls.Config, []byte, error) {
	name := serviceName(group, version)
	pair, err := c.credentials.ca.Issue(pki.Identity{
		Name:     name,
		DNSNames: []string{name + "." + metav1.NamespaceSystem + ".svc", "localhost"},
		IPs:      []net.IP{net.ParseIP(loopbackAddress)},
		Usage:    x509.ExtKeyUsageServerAuth,
	}, c.clock.Now())
	if err != nil {
		return nil, nil, err
	}
	certificate, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("reading certificate of %q: %w", name, err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    c.credentials.frontProxy.Pool(),
		MinVersion:   tls.VersionTLS12,
	}, c.credentials.ca.CertPEM(), nil
}

// RegisterAPIService makes the server on the port of loopback answer for the group and version, and
// returns once the API server can reach it. The server's certificate must be signed by one of caBundle
// for <version>-<group>.kube-system.svc, dots in version and group replaced by dashes: ServerTLS makes
// such a one. The caller's identity arrives in the X-Remote-User and X-Remote-Group headers, and RBAC
// has been applied. The server must answer for /apis/<group>/<version>. Registering again replaces the
// port and the bundle; for a moment, requests may still go to the old port.
func (c *ControlPlane) RegisterAPIService(ctx context.Context, group, version string, port int, caBundle []byte) error {
	name := version + "." + group
	core, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return fmt.Errorf("registering API service %q: %w", name, err)
	}
	registry, err := aggregator.NewForConfig(c.admin)
	if err != nil {
		return fmt.Errorf("registering API service %q: %w", name, err)
	}
	if err := ensureService(ctx, core, serviceName(group, version)); err != nil {
		return fmt.Errorf("registering API service %q: %w", name, err)
	}
	if err := ensureAPIService(ctx, registry, apiService(group, version, port, caBundle)); err != nil {
		return fmt.Errorf("registering API service %q: %w", name, err)
	}
	return waitForAPIService(ctx, name, func(ctx context.Context) error {
		service, err := registry.ApiregistrationV1().APIServices().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := unavailable(service); err != nil {
			return err
		}
		// The API server forwards requests only a moment after it has found the service available.
		return core.Discovery().RESTClient().Get().AbsPath("apis", group, version).Do(ctx).Error()
	})
}

func serviceName(group, version string) string {
	return strings.ReplaceAll(version+"-"+group, ".", "-")
}

// ensureService makes a Service that leads to loopback. Endpoints refuse loopback addresses, and a
// cluster address has nothing to route it; an external name the API server simply connects to.
func ensureService(ctx context.Context, client kubernetes.Interface, name string) error {
	service := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceSystem},
		Spec:       v1.ServiceSpec{Type: v1.ServiceTypeExternalName, ExternalName: loopbackAddress},
	}
	_, err := client.CoreV1().Services(service.Namespace).Create(ctx, service, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func apiService(group, version string, port int, caBundle []byte) *apiregistration.APIService {
	servicePort := int32(port)
	return &apiregistration.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: version + "." + group},
		Spec: apiregistration.APIServiceSpec{
			Group:                group,
			Version:              version,
			GroupPriorityMinimum: groupPriority,
			VersionPriority:      versionPriority,
			CABundle:             caBundle,
			Service: &apiregistration.ServiceReference{
				Namespace: metav1.NamespaceSystem,
				Name:      serviceName(group, version),
				Port:      &servicePort,
			},
		},
	}
}

func ensureAPIService(ctx context.Context, client aggregator.Interface, service *apiregistration.APIService) error {
	services := client.ApiregistrationV1().APIServices()
	_, err := services.Create(ctx, service, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	existing, err := services.Get(ctx, service.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	existing.Spec = service.Spec
	_, err = services.Update(ctx, existing, metav1.UpdateOptions{})
	return err
}

func waitForAPIService(ctx context.Context, name string, check func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextCancel(ctx, readyInterval, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for API service %q: %w", name, errors.Join(err, last))
	}
	return nil
}

// unavailable returns why the API server does not reach the service, or nil if it does.
func unavailable(service *apiregistration.APIService) error {
	for _, condition := range service.Status.Conditions {
		if condition.Type != apiregistration.Available {
			continue
		}
		if condition.Status == apiregistration.ConditionTrue {
			return nil
		}
		return fmt.Errorf("%s: %s", condition.Reason, condition.Message)
	}
	return errors.New("its availability has not been checked yet")
}
