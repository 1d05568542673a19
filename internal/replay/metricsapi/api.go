package metricsapi

import (
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// core is the group version of Status and the discovery types.
func core() schema.GroupVersion { return schema.GroupVersion{Version: "v1"} }

func newCodecs() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	utilruntime.Must(metrics.AddToScheme(scheme))
	metav1.AddToGroupVersion(scheme, core())
	scheme.AddUnversionedTypes(core(), &metav1.Status{}, &metav1.APIVersions{},
		&metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	return serializer.NewCodecFactory(scheme)
}

// api answers requests that passed authentication and authorization.
type api struct {
	source Source
	codecs serializer.CodecFactory
}

func newAPI(source Source, codecs serializer.CodecFactory) http.Handler {
	a := &api{source: source, codecs: codecs}
	version := metrics.SchemeGroupVersion.String()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	mux.HandleFunc("GET /apis", a.fixed(groupList()))
	mux.HandleFunc("GET /apis/"+metrics.GroupName, a.fixed(group()))
	mux.HandleFunc("GET /apis/"+version, a.fixed(resources()))
	mux.HandleFunc("GET /apis/"+version+"/nodes", a.listNodes)
	mux.HandleFunc("GET /apis/"+version+"/nodes/{name}", a.getNode)
	mux.HandleFunc("GET /apis/"+version+"/pods", a.listPods)
	mux.HandleFunc("GET /apis/"+version+"/namespaces/{namespace}/pods", a.listPods)
	mux.HandleFunc("GET /apis/"+version+"/namespaces/{namespace}/pods/{name}", a.getPod)
	for _, path := range []string{"GET /healthz", "GET /livez", "GET /readyz"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "ok") })
	}
	return mux
}

func (a *api) listNodes(w http.ResponseWriter, r *http.Request) {
	match, err := parseSelectors(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := &metrics.NodeMetricsList{Items: []metrics.NodeMetrics{}}
	for _, node := range a.source.NodeMetrics() {
		if match(&node.ObjectMeta) {
			list.Items = append(list.Items, node)
		}
	}
	a.write(w, r, metrics.SchemeGroupVersion, list)
}

func (a *api) getNode(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	for _, node := range a.source.NodeMetrics() {
		if node.Name == name {
			a.write(w, r, metrics.SchemeGroupVersion, &node)
			return
		}
	}
	a.fail(w, r, apierrors.NewNotFound(metrics.Resource("nodes"), name))
}

func (a *api) listPods(w http.ResponseWriter, r *http.Request) {
	match, err := parseSelectors(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	namespace := r.PathValue("namespace") // empty: all
	list := &metrics.PodMetricsList{Items: []metrics.PodMetrics{}}
	for _, pod := range a.source.PodMetrics() {
		if (namespace == "" || pod.Namespace == namespace) && match(&pod.ObjectMeta) {
			list.Items = append(list.Items, pod)
		}
	}
	a.write(w, r, metrics.SchemeGroupVersion, list)
}

func (a *api) getPod(w http.ResponseWriter, r *http.Request) {
	namespace, name := r.PathValue("namespace"), r.PathValue("name")
	for _, pod := range a.source.PodMetrics() {
		if pod.Namespace == namespace && pod.Name == name {
			a.write(w, r, metrics.SchemeGroupVersion, &pod)
			return
		}
	}
	a.fail(w, r, apierrors.NewNotFound(metrics.Resource("pods"), namespace+"/"+name))
}

// parseSelectors reads the label and field selectors of a list.
func parseSelectors(r *http.Request) (func(*metav1.ObjectMeta) bool, error) {
	query := r.URL.Query()
	if watch := query.Get("watch"); watch == "true" || watch == "1" {
		return nil, apierrors.NewMethodNotSupported(metrics.Resource("metrics"), "watch")
	}
	byLabel, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("labelSelector: %v", err))
	}
	byField, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("fieldSelector: %v", err))
	}
	for _, requirement := range byField.Requirements() {
		if f := requirement.Field; f != "metadata.name" && f != "metadata.namespace" {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("fieldSelector: %q is not a field to select by", f))
		}
	}
	return func(object *metav1.ObjectMeta) bool {
		return byLabel.Matches(labels.Set(object.Labels)) &&
			byField.Matches(fields.Set{"metadata.name": object.Name, "metadata.namespace": object.Namespace})
	}, nil
}

func (a *api) fixed(object runtime.Object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.write(w, r, core(), object) }
}

func (a *api) write(w http.ResponseWriter, r *http.Request, version schema.GroupVersion, object runtime.Object) {
	responsewriters.WriteObjectNegotiated(a.codecs, negotiation.DefaultEndpointRestrictions, version, w, r, http.StatusOK, object, false)
}

func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	responsewriters.ErrorNegotiated(err, a.codecs, core(), w, r)
}

func group() *metav1.APIGroup {
	version := metav1.GroupVersionForDiscovery{
		GroupVersion: metrics.SchemeGroupVersion.String(),
		Version:      metrics.SchemeGroupVersion.Version,
	}
	return &metav1.APIGroup{
		Name:             metrics.GroupName,
		Versions:         []metav1.GroupVersionForDiscovery{version},
		PreferredVersion: version,
	}
}

func groupList() *metav1.APIGroupList {
	return &metav1.APIGroupList{Groups: []metav1.APIGroup{*group()}}
}

func resources() *metav1.APIResourceList {
	verbs := metav1.Verbs{"get", "list"}
	return &metav1.APIResourceList{
		GroupVersion: metrics.SchemeGroupVersion.String(),
		APIResources: []metav1.APIResource{
			{Name: "nodes", Kind: "NodeMetrics", Verbs: verbs},
			{Name: "pods", Kind: "PodMetrics", Verbs: verbs, Namespaced: true},
		},
	}
}
