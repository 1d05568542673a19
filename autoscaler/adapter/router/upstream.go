package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	custominstall "k8s.io/metrics/pkg/apis/custom_metrics/install"
	"k8s.io/metrics/pkg/apis/external_metrics"
	externalinstall "k8s.io/metrics/pkg/apis/external_metrics/install"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// scheme and codecs read the answers, of any version.
var (
	scheme = newScheme()
	codecs = serializer.NewCodecFactory(scheme)
	// latest reads any version into the one that providers use.
	latest = codecs.UniversalDecoder(custom_metrics.SchemeGroupVersion, external_metrics.SchemeGroupVersion)
)

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	custominstall.Install(s)
	externalinstall.Install(s)
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	return s
}

// api is a group of an upstream, and its version once that is agreed on.
type api struct {
	group    string
	versions []string // that can be read here, the better first
	agreed   atomic.Pointer[string]
}

// upstream is one server.
type upstream struct {
	name             string
	client           rest.Interface
	custom, external api
	// lists are what it has, when it was last asked.
	lists atomic.Pointer[lists]
}

type lists struct {
	custom   []provider.CustomMetricInfo
	external []provider.ExternalMetricInfo
}

func newUpstream(u *Upstream, c *Config) (*upstream, error) {
	client, err := rest.UnversionedRESTClientFor(u.rest(c.timeout()))
	if err != nil {
		return nil, fmt.Errorf("connecting to %q: %w", u.Name, err)
	}
	out := &upstream{
		name: u.Name, client: client,
		custom:   api{group: custom_metrics.GroupName, versions: []string{"v1beta2", "v1beta1"}},
		external: api{group: external_metrics.GroupName, versions: []string{"v1beta1"}},
	}
	out.lists.Store(&lists{})
	return out, nil
}

// byName returns the value of one object.
func (u *upstream) byName(
	ctx context.Context, namespace, name string, info provider.CustomMetricInfo, objects, metric labels.Selector,
) (*custom_metrics.MetricValueList, error) {
	path := []string{info.GroupResource.String(), name, info.Metric}
	if info.GroupResource == (schema.GroupResource{Resource: "namespaces"}) {
		path = []string{"namespaces", name, "metrics", info.Metric}
	} else if info.Namespaced {
		path = append([]string{"namespaces", namespace}, path...)
	}
	list := &custom_metrics.MetricValueList{}
	return list, u.get(ctx, &u.custom, path, map[string]labels.Selector{"labelSelector": objects, "metricLabelSelector": metric}, list)
}

func (u *upstream) ofExternal(
	ctx context.Context, namespace, metric string, selector labels.Selector,
) (*external_metrics.ExternalMetricValueList, error) {
	list := &external_metrics.ExternalMetricValueList{}
	return list, u.get(ctx, &u.external, []string{"namespaces", namespace, metric}, map[string]labels.Selector{"labelSelector": selector}, list)
}

// refresh asks which metrics there are. A group that the server does not have has none.
func (u *upstream) refresh(ctx context.Context) error {
	custom, err := u.discover(ctx, &u.custom)
	if err != nil {
		return err
	}
	external, err := u.discover(ctx, &u.external)
	if err != nil {
		return err
	}
	next := &lists{}
	for _, r := range custom {
		if resource, metric, ok := strings.Cut(r.Name, "/"); ok {
			next.custom = append(next.custom, provider.CustomMetricInfo{
				GroupResource: schema.ParseGroupResource(resource), Namespaced: r.Namespaced, Metric: metric,
			})
		}
	}
	for _, r := range external {
		next.external = append(next.external, provider.ExternalMetricInfo{Metric: r.Name})
	}
	u.lists.Store(next)
	return nil
}

func (u *upstream) discover(ctx context.Context, a *api) ([]metav1.APIResource, error) {
	list := &metav1.APIResourceList{}
	if err := u.get(ctx, a, nil, nil, list); err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	return list.APIResources, nil
}

// get reads what is below a group's version.
func (u *upstream) get(ctx context.Context, a *api, path []string, selectors map[string]labels.Selector, into runtime.Object) error {
	version, err := u.version(ctx, a)
	if err != nil {
		return err
	}
	request := u.client.Get().AbsPath(append([]string{"/apis", a.group, version}, path...)...).MaxRetries(0)
	for name, selector := range selectors {
		if selector != nil && !selector.Empty() {
			request.Param(name, selector.String())
		}
	}
	return u.answer(request.Do(ctx), into)
}

// version agrees on one, and remembers it.
func (u *upstream) version(ctx context.Context, a *api) (string, error) {
	if agreed := a.agreed.Load(); agreed != nil {
		return *agreed, nil
	}
	group := &metav1.APIGroup{}
	if err := u.answer(u.client.Get().AbsPath("/apis", a.group).MaxRetries(0).Do(ctx), group); err != nil {
		return "", err
	}
	for _, version := range a.versions {
		if slices.ContainsFunc(group.Versions, func(v metav1.GroupVersionForDiscovery) bool { return v.Version == version }) {
			a.agreed.Store(&version)
			return version, nil
		}
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("%s serves %s in no version of %v", u.name, a.group, a.versions))
}

// answer reads an answer. The status that a server gave is passed on; where there is none, the server is unavailable.
func (u *upstream) answer(result rest.Result, into runtime.Object) error {
	raw, err := result.Raw()
	if err == nil {
		err = runtime.DecodeInto(latest, raw, into)
	}
	if status := apierrors.APIStatus(nil); err == nil || errors.As(err, &status) && status.Status().Code != 0 {
		return err
	}
	return apierrors.NewServiceUnavailable(fmt.Sprintf("asking %s: %v", u.name, err))
}
