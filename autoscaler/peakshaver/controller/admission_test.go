package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/ledger"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
)

// costBudget is what an API server lets an expression cost.
const costBudget = 10_000_000

// admitter judges Jobs as an API server does that has manifests/overlays/peakshaver/admission.yaml.
type admitter struct {
	compiler *plugincel.CompositedCompiler
	matcher  matchconditions.Matcher
	mutation plugincel.MutatingEvaluator
}

func newAdmitter(tb testing.TB) *admitter {
	tb.Helper()
	text, err := os.ReadFile("../../../manifests/overlays/peakshaver/admission.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	var manifest admissionregistrationv1.MutatingAdmissionPolicy
	if err := yaml.UnmarshalStrict([]byte(strings.Split(string(text), "\n---\n")[0]), &manifest); err != nil {
		tb.Fatal(err)
	}
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		tb.Fatal(err)
	}
	options := plugincel.OptionalVariableDeclarations{HasParams: true}
	var variables []plugincel.NamedExpressionAccessor
	for _, v := range manifest.Spec.Variables {
		variables = append(variables, &validating.Variable{Name: v.Name, Expression: v.Expression})
	}
	compiler.CompileAndStoreVariables(variables, options, environment.StoredExpressions)
	var conditions []plugincel.ExpressionAccessor
	for i := range manifest.Spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&manifest.Spec.MatchConditions[i]))
	}
	a := &admitter{compiler: compiler}
	a.matcher = matchconditions.NewMatcher(
		compiler.CompileCondition(conditions, options, environment.StoredExpressions), ptr.To(admissionregistrationv1.Fail), "policy", "", "")
	options.HasPatchTypes = true
	expression := manifest.Spec.Mutations[0].ApplyConfiguration.Expression
	a.mutation = compiler.CompileMutatingEvaluator(&patch.ApplyConfigurationCondition{Expression: expression}, options, environment.StoredExpressions)
	for _, err := range a.mutation.CompilationErrors() {
		tb.Fatal(err)
	}
	return a
}

// admit returns the Job as it is stored, by what the API server was told.
func (a *admitter) admit(t *testing.T, job *batchv1.Job, namespace *v1.Namespace, told *v1alpha1.PeakAdmissionSpec) *unstructured.Unstructured {
	t.Helper()
	params := &unstructured.Unstructured{Object: contentOf(t, &v1alpha1.PeakAdmission{Spec: *told})}
	stored := &unstructured.Unstructured{Object: contentOf(t, job)}
	attributes := &admission.VersionedAttributes{
		Attributes: admission.NewAttributesRecord(job, nil, batchv1.SchemeGroupVersion.WithKind("Job"), job.Namespace, job.Name,
			batchv1.SchemeGroupVersion.WithResource("jobs"), "", admission.Create, nil, false, nil),
		VersionedObject: admission.NewLazyObject(job), VersionedKind: batchv1.SchemeGroupVersion.WithKind("Job"),
	}
	ctx := a.compiler.CreateContext(context.Background())
	matches := a.matcher.Match(ctx, attributes, params, nil)
	if matches.Error != nil {
		t.Fatal(matches.Error)
	}
	if !matches.Matches {
		return stored
	}
	result, _, err := a.mutation.ForInput(ctx, attributes, &admissionv1.AdmissionRequest{}, plugincel.OptionalVariableBindings{VersionedParams: params}, namespace, costBudget)
	if err == nil {
		err = result.Error
	}
	if err != nil {
		t.Fatal(err)
	}
	change, err := json.Marshal(result.EvalResult.Value())
	if err != nil {
		t.Fatal(err)
	}
	return merged(t, stored, change)
}

func contentOf(t *testing.T, object any) map[string]any {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// merged is an object with a merge patch applied to it.
func merged(t *testing.T, u *unstructured.Unstructured, change []byte) *unstructured.Unstructured {
	t.Helper()
	var into map[string]any
	if err := json.Unmarshal(change, &into); err != nil {
		t.Fatal(err)
	}
	u = u.DeepCopy()
	mergeInto(u.Object, into)
	return u
}

func mergeInto(object, change map[string]any) {
	for key, value := range change {
		fields, isMap := value.(map[string]any)
		switch before, _ := object[key].(map[string]any); {
		case value == nil:
			delete(object, key)
		case isMap:
			if before == nil {
				before = map[string]any{}
				object[key] = before
			}
			mergeInto(before, fields)
		default:
			object[key] = value
		}
	}
}

// scene is a Job that is created while policies and a cluster are as drawn.
type scene struct {
	*rand.Rand
	cluster   target.Cluster
	policies  []*policy.Policy
	namespace *v1.Namespace
	job       *batchv1.Job
	now       time.Time
	ahead     time.Duration
}

func (s *scene) one(lines ...string) string { return lines[s.IntN(len(lines))] }

func (s *scene) policy(t *testing.T, name string) *policy.Policy {
	t.Helper()
	namespace, namespaces := "", ""
	switch s.IntN(4) {
	case 0:
		namespace = s.one("batch", "other")
	case 1:
		namespaces = s.one("namespaces: {names: [batch]}", "namespaces: {names: [x, y]}",
			"namespaces: {labels: {matchLabels: {team: a}}}", "namespaces: {labels: {matchExpressions: [{key: team, operator: NotIn, values: [a, b]}]}}")
	}
	selection := []string{"kinds: [Job, CronJob]", namespaces, s.one("", "", "maxPriority: 10", "maxPriority: 1000"), s.one("", "",
		"labels: {matchLabels: {tier: batch}}", "labels: {matchExpressions: [{key: tier, operator: In, values: [batch, free]}]}",
		"labels: {matchExpressions: [{key: tier, operator: Exists}]}", "labels: {matchExpressions: [{key: tier, operator: DoesNotExist}]}")}
	lines := []string{
		s.one(`windows: [{name: w, timeZone: UTC, from: "08:00", to: "18:00"}]`, `windows: [{name: w, timeZone: UTC, from: "20:00", to: "09:00", toDaysLater: 1}]`,
			`windows: [{name: w, timeZone: UTC, from: "00:00", to: "24:00"}]`, `windows: [{name: w, timeZone: Europe/Berlin, cron: "*/20 * * * *", duration: 10m}]`),
		"selection: {" + strings.Join(compact(selection), ", ") + "}", s.one("action: {suspend: true}", "action: {suspend: true}", "action: {suspend: false}"),
		fmt.Sprint("priority: ", s.IntN(3)-1), s.one("", "deadline: {after: 3h, expectedRunTime: 1h}", "deadline: {after: 1h, expectedRunTime: 1h}", "deadline: {expectedRunTime: 90m, margin: 50}"),
		s.one("", "begin: {stagger: 3h}"), s.one("", "grace: {running: Stop, minRunTime: 1h}"),
	}
	var spec v1alpha1.PeakPolicySpec
	if err := yaml.UnmarshalStrict([]byte(strings.Join(lines, "\n")), &spec); err != nil {
		t.Fatalf("%v in %q", err, lines)
	}
	if s.IntN(20) == 0 {
		spec.Windows[0].TimeZone = "Nowhere"
	}
	p, _ := policy.Compile(namespace, name, &spec, nil)
	return p
}

func compact(lines []string) []string {
	var all []string
	for _, line := range lines {
		if line != "" {
			all = append(all, line)
		}
	}
	return all
}

func drawScene(t *testing.T, seed uint64) *scene {
	t.Helper()
	s := &scene{Rand: rand.New(rand.NewPCG(seed, 7))}
	s.now = monday.Add(time.Duration(s.IntN(3*86400)) * time.Second)
	if s.IntN(3) == 0 {
		s.ahead = time.Duration(s.IntN(1e9)-5e8) * time.Second
	}
	for i := range 1 + s.IntN(3) {
		s.policies = append(s.policies, s.policy(t, fmt.Sprint("p", i)))
	}
	s.namespace = &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.one("batch", "other"), Labels: s.labels("team", "a", "b")}}
	s.cluster = target.Cluster{
		Targets:    map[v1alpha1.TargetKind]cache.Indexer{},
		Namespaces: cache.NewStore(cache.MetaNamespaceKeyFunc), Priorities: cache.NewStore(cache.MetaNamespaceKeyFunc),
	}
	if s.IntN(2) == 0 {
		s.cluster.Targets[v1alpha1.LocalQueue] = cache.NewIndexer(cache.MetaNamespaceKeyFunc, nil)
	}
	must(t, s.cluster.Namespaces.Add(&unstructured.Unstructured{Object: contentOf(t, s.namespace)}))
	for name, value := range map[string]int{"low": -10, "high": 500, "system": 2_000_000_000} {
		class := fmt.Sprintf(`{"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": %q}, "value": %d, "globalDefault": %t}`,
			name, value, name == "high" && s.IntN(3) == 0)
		must(t, s.cluster.Priorities.Add(parse(t, class)))
	}
	s.job = &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace.Name, Name: "it", Labels: s.labels("tier", "batch", "free", "paid")},
		Spec:       batchv1.JobSpec{Suspend: ptr.To(s.IntN(6) == 0)},
	}
	s.job.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "somebody", Time: ptr.To(metav1.NewTime(s.now.Add(-s.ahead)))}}
	if s.IntN(6) == 0 {
		metav1.SetMetaDataLabel(&s.job.ObjectMeta, "kueue.x-k8s.io/queue-name", "q")
	}
	if s.IntN(4) == 0 {
		at := s.now.Add(time.Duration(s.IntN(8*3600)) * time.Second)
		metav1.SetMetaDataAnnotation(&s.job.ObjectMeta, v1alpha1.AnnotationDeadline, at.Format(time.RFC3339))
	}
	switch s.IntN(4) {
	case 0:
		s.job.Spec.Template.Spec.PriorityClassName = s.one("low", "high", "system", "unknown")
	case 1:
		s.job.Spec.Template.Spec.Priority = ptr.To(int32(s.IntN(20)))
	}
	return s
}

func (s *scene) labels(key string, values ...string) map[string]string {
	if i := s.IntN(len(values) + 1); i > 0 {
		return map[string]string{key: values[i-1]}
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// controlled is the Job as the controller makes it when it sees it as it was sent.
func (s *scene) controlled(t *testing.T, sent *unstructured.Unstructured) (*unstructured.Unstructured, policy.Decision) {
	t.Helper()
	u := sent.DeepCopy()
	u.SetCreationTimestamp(metav1.NewTime(s.now))
	u.SetUID(types.UID(fmt.Sprint(s.Uint64())))
	state, err := ledger.Read(v1alpha1.Job, u)
	must(t, err)
	d := policy.At(s.now, s.policies).Decide(s.cluster.Object(v1alpha1.Job, u, state))
	change := state.Change(d.Want, ledger.Because{Reason: fmt.Sprintf("%s: %s", d.Reason, strings.Join(d.By, ", ")), Until: d.Until})
	if d.Hold || change == nil {
		return u, d
	}
	return merged(t, u, change.Patch), d
}

// told is what the controller tells the API server at some time before the Job is created.
func (s *scene) told() *v1alpha1.PeakAdmissionSpec {
	before := s.now.Add(-time.Duration(s.IntN(100)) * time.Second)
	server := before.Add(-s.ahead)
	spec := &v1alpha1.PeakAdmissionSpec{
		Rules: policy.At(before, s.policies).Admission(before.Add(defaultAdmission)), Queues: s.cluster.Queues(),
		Expires: ptr.To(metav1.NewTime(server.Add(defaultAdmission))), Ahead: &metav1.Duration{Duration: s.ahead},
	}
	spec.PriorityClasses, spec.DefaultPriority = s.cluster.PriorityClasses()
	return spec
}

// FuzzAdmission: a Job that the API server has suspended is as the controller would have made it a moment later, but for the
// mark that the controller has not seen it; and one that it has not suspended is as it was sent.
func FuzzAdmission(f *testing.F) {
	for seed := range uint64(500) {
		f.Add(seed)
	}
	a := newAdmitter(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		s := drawScene(t, seed)
		sent := &unstructured.Unstructured{Object: contentOf(t, s.job)}
		admitted := a.admit(t, s.job, s.namespace, s.told())
		controlled, decision := s.controlled(t, sent)
		until := admitted.GetAnnotations()[ledger.AnnotationUntil]
		if len(s.policies) > 1 { // an edge of a policy that has no say yet may come first
			if at, err := time.Parse(time.RFC3339, until); err == nil && at.Before(decision.Until) {
				t.Errorf("is told to wait until %s, but the decision holds until %s", at, decision.Until)
			}
			for _, u := range []*unstructured.Unstructured{admitted, controlled} {
				unstructured.RemoveNestedField(u.Object, "metadata", "annotations", ledger.AnnotationUntil)
			}
		}
		if suspended, _, _ := unstructured.NestedBool(admitted.Object, "spec", "suspend"); suspended && !*s.job.Spec.Suspend {
			if admitted.GetAnnotations()[ledger.AnnotationAdmission] == "" {
				t.Error("it is not marked")
			}
			unstructured.RemoveNestedField(admitted.Object, "metadata", "annotations", ledger.AnnotationAdmission)
		}
		for _, field := range []string{"uid", "resourceVersion", "creationTimestamp"} { // of what is stored alone
			unstructured.RemoveNestedField(admitted.Object, "metadata", field)
			unstructured.RemoveNestedField(controlled.Object, "metadata", field)
		}
		if diff := cmp.Diff(controlled.Object, admitted.Object); diff != "" {
			t.Errorf("at %s, %s by %v: -controlled +admitted:\n%s", s.now, decision.Reason, decision.By, diff)
		}
	})
}

// TestTellAdmission: the API server is told in time, no more often than needed, and told when there is nothing to do any more.
func TestTellAdmission(t *testing.T) {
	w := newWorld(t)
	c, err := New(Config{Client: w.client, Recorder: w, Clock: w.clock, Admission: true})
	must(t, err)
	var spec v1alpha1.PeakPolicySpec
	must(t, yaml.UnmarshalStrict([]byte(`{windows: [{name: w, timeZone: UTC, from: "08:00", to: "18:00"}], selection: {kinds: [Job]}, action: {suspend: true}}`), &spec))
	p, errs := policy.Compile("", "p", &spec, nil)
	must(t, errs.ToAggregate())
	load := func(all ...*loaded) { c.policies = policies{all: all} }
	load(&loaded{Policy: p})
	for i, step := range []struct {
		at      string
		do      func()
		writes  int
		rules   int
		expires string
	}{
		{at: "07:00:00", writes: 1}, // what another process may have said is taken back
		{at: "07:57:59"},
		{at: "07:58:00", writes: 2, rules: 1, expires: "08:00:00"}, // refused, and created
		{at: "07:59:00", rules: 1, expires: "08:00:00"},
		{at: "07:59:01", writes: 1, rules: 1, expires: "08:01:01"},
		{at: "08:00:00", rules: 1, expires: "08:01:01"},
		{at: "08:00:02", writes: 1, rules: 1, expires: "08:02:02"},
		{at: "08:00:03", do: func() { load() }, writes: 1},
		{at: "08:00:04"},
		{at: "08:00:05", do: func() { load(&loaded{Policy: p}) }, writes: 1, rules: 1, expires: "08:02:05"},
		{at: "12:00:00", writes: 1, rules: 1, expires: "12:02:00"},
		{at: "08:00:06", writes: 1, rules: 1, expires: "08:02:06"}, // the clock is set back, and nobody has the API server go on for hours
		{at: "08:00:07", do: func() { c.ServerClock = clocktesting.NewFakePassiveClock(monday.Add(-time.Hour)) }, writes: 1, rules: 1, expires: "05:02:00"},
		{at: "18:00:00", writes: 1},
		{at: "18:00:01"},
	} {
		at, err := time.Parse(time.TimeOnly, step.at)
		must(t, err)
		w.clock.SetTime(monday.Truncate(24 * time.Hour).Add(time.Duration(at.Hour()*3600+at.Minute()*60+at.Second()) * time.Second))
		if step.do != nil {
			step.do()
		}
		before := len(w.client.Actions())
		c.tellAdmission(t.Context())
		var told v1alpha1.PeakAdmission
		if u, err := w.client.Resource(peakAdmissions).Get(t.Context(), v1alpha1.PeakAdmissionName, metav1.GetOptions{}); err == nil {
			must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &told))
		}
		expires := ""
		if told.Spec.Expires != nil {
			expires = told.Spec.Expires.UTC().Format(time.TimeOnly)
		}
		if writes := len(w.client.Actions()) - before - 1; writes != step.writes || len(told.Spec.Rules) != step.rules || expires != step.expires {
			t.Errorf("%d: at %s: %d writes, then %+v; want %+v", i, step.at, writes, told.Spec, step)
		}
	}
}
