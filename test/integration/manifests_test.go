package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/component-helpers/auth/rbac/validation"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/cmd/scheduler/app"
)

const (
	manifests   = "../../manifests"
	systemSpace = "evenkeel-system"
	ourName     = "evenkeel-scheduler"
)

// readManifests returns the objects of a kustomization, in its order. Only
// resources and images are used there, so that this is all kustomize would do.
func readManifests(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	var kustomization struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Resources  []string `json:"resources"`
		Images     []any    `json:"images"`
	}
	readYAML(t, filepath.Join(folder, "kustomization.yaml"), &kustomization)
	var objects []*unstructured.Unstructured
	listed := map[string]bool{"kustomization.yaml": true}
	for _, name := range kustomization.Resources {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			objects = append(objects, readManifests(t, path)...)
			continue
		}
		listed[name] = true
		objects = append(objects, readObjects(t, path)...)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.IsDir() && filepath.Ext(entry.Name()) == ".yaml" && !listed[entry.Name()] {
			t.Errorf("%s is not listed in its kustomization", filepath.Join(folder, entry.Name()))
		}
	}
	return objects
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readObjects(t *testing.T, path string) []*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for _, document := range strings.Split(string(data), "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		objects = append(objects, object)
	}
	return objects
}

// apply applies objects as kubectl does, and refuses fields that are unknown.
func apply(t *testing.T, objects ...*unstructured.Unstructured) {
	t.Helper()
	config := cluster(t).RESTConfig()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := restmapper.GetAPIGroupResources(admin(t).Discovery())
	if err != nil {
		t.Fatal(err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	for _, object := range objects {
		kind := object.GroupVersionKind()
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			t.Fatalf("applying %s %s: %v", kind.Kind, object.GetName(), err)
		}
		var to dynamic.ResourceInterface = client.Resource(mapping.Resource)
		if object.GetNamespace() != "" {
			to = client.Resource(mapping.Resource).Namespace(object.GetNamespace())
		}
		data, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		options := metav1.PatchOptions{FieldManager: "test", FieldValidation: metav1.FieldValidationStrict}
		if _, err := to.Patch(t.Context(), object.GetName(), types.ApplyPatchType, data, options); err != nil {
			t.Fatalf("applying %s %s: %v", kind.Kind, object.GetName(), err)
		}
	}
}

// TestManifests applies the manifests and runs the scheduler as they do, with
// the configuration, flags and rights in them.
func TestManifests(t *testing.T) {
	client := admin(t)
	apply(t, readManifests(t, filepath.Join(manifests, "base"))...)
	newNodes(t, "manifests", "manifests-a", "manifests-b")
	newNamespace(t, "manifests")
	t.Run("pods are admitted", func(t *testing.T) { checkPodsAdmitted(t, client) })

	account := serviceAccount(t, client, systemSpace, ourName)
	kubeconfig := writeKubeconfig(t, account)
	port := freePort(t)
	socket := whySocket(t)
	scheduler := startScheduler(t, append(deployedFlags(t, client),
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--secure-port="+port, "--why-socket="+socket, "--v=2")...)

	createPod(t, newPod("manifests", "web", "evenkeel", "manifests", "100m"))
	node := nodeOf(t, "manifests", "web")
	awaitEvent(t, "manifests", "web", "Scheduled")
	t.Run("why", func(t *testing.T) {
		stdout, stderr, code := runCommand(t, "why", "manifests/web", "--why-socket", socket)
		if code != 0 {
			t.Fatalf("why ended with %d: %s", code, stderr)
		}
		for _, want := range []string{"Pod manifests/web was placed on " + node + ".", "Profile evenkeel, attempt 1", "RealLoad", "* " + node, "manifests-a", "manifests-b"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("why does not say %q:\n%s", want, stdout)
			}
		}
	})
	t.Run("waiting pod", func(t *testing.T) {
		createPod(t, newPod("manifests", "big", "evenkeel", "manifests", "9"))
		awaitEvent(t, "manifests", "big", "FailedScheduling")
	})
	t.Run("preemption", func(t *testing.T) { checkPreemption(t, client) })
	t.Run("volume", func(t *testing.T) { checkVolume(t, client) })
	t.Run("endpoints", func(t *testing.T) { checkEndpoints(t, client, "https://127.0.0.1:"+port) })
	t.Run("leads by its own lease", func(t *testing.T) {
		lease, err := client.CoordinationV1().Leases(systemSpace).Get(t.Context(), ourName, metav1.GetOptions{})
		if err != nil || lease.Spec.HolderIdentity == nil {
			t.Errorf("nobody holds the lease: %+v, %v", lease, err)
		}
	})
	for _, line := range strings.Split(scheduler.output.String(), "\n") {
		if strings.Contains(strings.ToLower(line), "forbidden") {
			t.Errorf("a right is missing: %s", line)
		}
	}
}

// checkPodsAdmitted: the pods pass the admission that their namespace asks for.
func checkPodsAdmitted(t *testing.T, client kubernetes.Interface) {
	eventually(t, "two pods of the deployment", func(ctx context.Context) (bool, error) {
		pods, err := client.CoreV1().Pods(systemSpace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + ourName})
		if err != nil {
			return false, err
		}
		return len(pods.Items) == 2, nil
	})
	pods, err := client.CoreV1().Pods(systemSpace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		container := pod.Spec.Containers[0].SecurityContext
		if !*pod.Spec.SecurityContext.RunAsNonRoot || !*container.ReadOnlyRootFilesystem || *container.AllowPrivilegeEscalation ||
			!slices.Contains(container.Capabilities.Drop, "ALL") || pod.Spec.SecurityContext.SeccompProfile.Type != v1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("pod %s may do more than it must: %+v, %+v", pod.Name, pod.Spec.SecurityContext, container)
		}
		if pod.Spec.SchedulerName == "evenkeel" {
			t.Errorf("pod %s waits for itself to be scheduled", pod.Name)
		}
	}
	budget, err := client.PolicyV1().PodDisruptionBudgets(systemSpace).Get(t.Context(), ourName, metav1.GetOptions{})
	if err != nil || *budget.Spec.MaxUnavailable != intstr.FromInt32(1) {
		t.Errorf("the budget is %+v, %v", budget, err)
	}
}

// deployedFlags are the flags of the deployment, with its configuration in a
// file here. What depends on the machine is left out.
func deployedFlags(t *testing.T, client kubernetes.Interface) []string {
	t.Helper()
	deployment, err := client.AppsV1().Deployments(systemSpace).Get(t.Context(), ourName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := client.CoreV1().ConfigMaps(systemSpace).Get(t.Context(), ourName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	for _, flag := range deployment.Spec.Template.Spec.Containers[0].Args {
		switch {
		case flag == "--config=/etc/evenkeel/config.yaml":
			flags = append(flags, "--config="+writeFile(t, "config.yaml", settings.Data["config.yaml"]))
		case flag == "--bind-address=0.0.0.0", strings.HasPrefix(flag, "--secure-port="):
		default:
			flags = append(flags, flag)
		}
	}
	if len(flags) != 1 {
		t.Errorf("the deployment's flags come to %q, want --config alone: test the new ones", flags)
	}
	return flags
}

// serviceAccount returns a client with the rights of a service account, by a
// token such as its pods get.
func serviceAccount(t *testing.T, client kubernetes.Interface, namespace, name string) *rest.Config {
	t.Helper()
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(cluster(t).RESTConfig())
	config.BearerToken = token.Status.Token
	return config
}

// checkPreemption: a pod of high priority has others make room.
func checkPreemption(t *testing.T, client kubernetes.Interface) {
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "manifests-high"}, Value: 1000}
	if _, err := client.SchedulingV1().PriorityClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"low-a", "low-b"} {
		createPod(t, newPod("manifests", name, "evenkeel", "manifests", "5"))
		nodeOf(t, "manifests", name)
	}
	high := newPod("manifests", "high", "evenkeel", "manifests", "5")
	high.Spec.PriorityClassName = class.Name
	createPod(t, high)
	nodeOf(t, "manifests", "high")
	awaitEventAny(t, client, "manifests", "Preempted")
}

func awaitEventAny(t *testing.T, client kubernetes.Interface, namespace, reason string) {
	t.Helper()
	eventually(t, "an event "+reason, func(ctx context.Context) (bool, error) {
		events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=" + reason})
		if err != nil {
			return false, err
		}
		return len(events.Items) > 0, nil
	})
}

// checkVolume: a claim that waits for its first consumer is bound with the pod.
func checkVolume(t *testing.T, client kubernetes.Interface) {
	waits := storagev1.VolumeBindingWaitForFirstConsumer
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "manifests-local"}, Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: &waits,
	}
	if _, err := client.StorageV1().StorageClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	size := v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "manifests-volume"},
		Spec: v1.PersistentVolumeSpec{
			Capacity: size, AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}, StorageClassName: class.Name,
			PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: "/data"}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{"manifests-b"}}},
			}}}},
		},
	}
	if _, err := client.CoreV1().PersistentVolumes().Create(t.Context(), volume, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	claim := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: v1.PersistentVolumeClaimSpec{
			AccessModes: volume.Spec.AccessModes, StorageClassName: &class.Name, Resources: v1.VolumeResourceRequirements{Requests: size},
		},
	}
	if _, err := client.CoreV1().PersistentVolumeClaims("manifests").Create(t.Context(), claim, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := newPod("manifests", "stateful", "evenkeel", "manifests", "10m")
	pod.Spec.Volumes = []v1.Volume{{Name: "data", VolumeSource: v1.VolumeSource{
		PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
	}}}
	createPod(t, pod)
	if node := nodeOf(t, "manifests", "stateful"); node != "manifests-b" {
		t.Errorf("the pod is on %s, its volume on manifests-b", node)
	}
}

// checkEndpoints: health is for everyone, metrics for those with the right.
func checkEndpoints(t *testing.T, client kubernetes.Interface, address string) {
	apply(t, readObjects(t, filepath.Join(manifests, "overlays/monitoring/rbac.yaml"))...)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "manifests-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "evenkeel-scheduler-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "manifests", Name: "default"}},
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	reader := serviceAccount(t, client, "manifests", "default").BearerToken
	stranger := serviceAccount(t, client, "kube-system", "default").BearerToken
	var metrics string
	eventually(t, "the reader's right to arrive", func(context.Context) (bool, error) {
		var code int
		code, metrics = get(t, address+"/metrics", reader)
		return code == http.StatusOK, nil
	})
	for _, want := range []string{"evenkeel_realload_", "evenkeel_usage_", "scheduler_schedule_attempts_total"} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("/metrics has no %s…", want)
		}
	}
	for _, tc := range []struct {
		path, token string
		want        int
	}{
		{"/healthz", "", http.StatusOK},
		{"/livez", "", http.StatusOK},
		{"/readyz", "", http.StatusOK},
		{"/metrics", "", http.StatusForbidden},
		{"/metrics", stranger, http.StatusForbidden},
		{"/metrics", "nonsense", http.StatusUnauthorized},
		{"/configz", reader, http.StatusForbidden},
	} {
		if code, body := get(t, address+tc.path, tc.token); code != tc.want {
			t.Errorf("%s answers %d, want %d: %s", tc.path, code, tc.want, body)
		}
	}
}

func get(t *testing.T, url, token string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	// The certificate is of the scheduler's own making.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

// TestRightsAreFew: our role has nothing that the built-in roles of
// kube-scheduler lack, but for reading usage.
func TestRightsAreFew(t *testing.T) {
	client := admin(t)
	var allowed []rbacv1.PolicyRule
	for _, name := range []string{"system:kube-scheduler", "system:volume-scheduler", "system:auth-delegator"} {
		role, err := client.RbacV1().ClusterRoles().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		allowed = append(allowed, role.Rules...)
	}
	allowed = append(allowed, rbacv1.PolicyRule{APIGroups: []string{"metrics.k8s.io"}, Resources: []string{"nodes", "pods"}, Verbs: []string{"list"}})
	for _, object := range readObjects(t, filepath.Join(manifests, "base/rbac.yaml")) {
		if object.GetKind() != "ClusterRole" {
			continue
		}
		role := &rbacv1.ClusterRole{}
		data, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(data, role); err != nil {
			t.Fatal(err)
		}
		if covered, extra := validation.Covers(allowed, role.Rules); !covered {
			t.Errorf("rights that kube-scheduler does not have: %+v", extra)
		}
		if covered, _ := validation.Covers(role.Rules, allowed); covered {
			t.Errorf("our role has every right of kube-scheduler's: it is not the least")
		}
	}
}

// TestManifestsConfiguration: the ConfigMap has the built-in configuration, but
// for the lease's namespace, so that there is one thing to learn.
func TestManifestsConfiguration(t *testing.T) {
	var builtIn, deployed map[string]any
	if err := yaml.UnmarshalStrict(app.DefaultConfiguration(), &builtIn); err != nil {
		t.Fatal(err)
	}
	settings := &v1.ConfigMap{}
	readYAML(t, filepath.Join(manifests, "base/config.yaml"), settings)
	if err := yaml.UnmarshalStrict([]byte(settings.Data["config.yaml"]), &deployed); err != nil {
		t.Fatal(err)
	}
	builtIn["leaderElection"].(map[string]any)["resourceNamespace"] = systemSpace
	want, err := yaml.Marshal(builtIn)
	if err != nil {
		t.Fatal(err)
	}
	got, err := yaml.Marshal(deployed)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the deployed configuration is\n%s\nthe built-in one\n%s", got, want)
	}
}

// serviceMonitorCRD is as much of the Prometheus operator's as our use needs.
const serviceMonitorCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor, listKind: ServiceMonitorList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [selector, endpoints]
            properties:
              selector:
                type: object
                properties: {matchLabels: {type: object, additionalProperties: {type: string}}}
              endpoints:
                type: array
                items:
                  type: object
                  properties:
                    port: {type: string}
                    scheme: {type: string, enum: [http, https]}
                    path: {type: string}
                    interval: {type: string}
                    bearerTokenFile: {type: string}
                    tlsConfig: {type: object, properties: {insecureSkipVerify: {type: boolean}}}
`

// TestMonitoringOverlay applies what the overlay adds, and holds the monitor
// against the service that it selects.
func TestMonitoringOverlay(t *testing.T) {
	apply(t, readObjects(t, filepath.Join(manifests, "base/namespace.yaml"))...)
	crd := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(serviceMonitorCRD), &crd.Object); err != nil {
		t.Fatal(err)
	}
	apply(t, crd)
	eventually(t, "the CRD to be served", func(context.Context) (bool, error) {
		_, err := admin(t).Discovery().ServerResourcesForGroupVersion("monitoring.coreos.com/v1")
		return err == nil, nil
	})
	var monitor, service *unstructured.Unstructured
	for _, object := range readManifests(t, filepath.Join(manifests, "overlays/monitoring")) {
		switch object.GetKind() {
		case "ServiceMonitor":
			monitor = object
		case "Service":
			service = object
		}
	}
	if monitor == nil || service == nil {
		t.Fatalf("the overlay has the monitor %v and the service %v", monitor, service)
	}
	apply(t, service, monitor)
	selected, _, _ := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
	for key, value := range selected {
		if service.GetLabels()[key] != value {
			t.Errorf("the monitor selects %s=%s, the service has %v", key, value, service.GetLabels())
		}
	}
	endpoints, _, _ := unstructured.NestedSlice(monitor.Object, "spec", "endpoints")
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	if len(endpoints) != 1 || endpoints[0].(map[string]any)["port"] != ports[0].(map[string]any)["name"] {
		t.Errorf("the monitor scrapes %v, the service has %v", endpoints, ports)
	}
}
