package ledger

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
)

func object(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

// apply does what an API server does with a merge patch.
func apply(t testing.TB, u *unstructured.Unstructured, change *Change) *unstructured.Unstructured {
	t.Helper()
	if change == nil {
		return u
	}
	before, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	after, err := jsonpatch.MergePatch(before, change.Patch)
	if err != nil {
		t.Fatal(err)
	}
	return object(t, string(after))
}

func read(t testing.TB, kind v1alpha1.TargetKind, u *unstructured.Unstructured) *State {
	t.Helper()
	state, err := Read(kind, u)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

var because = Because{Reason: "WindowOpen: a/b", Until: time.Date(2026, 3, 2, 18, 0, 0, 0, time.UTC)}

const workers = `
metadata: {name: a, namespace: b, uid: u-1, resourceVersion: "7", labels: {tier: batch}, annotations: {note: kept}}
spec: {replicas: 10}
`

func TestThereAndBack(t *testing.T) {
	for name, test := range map[string]struct {
		kind v1alpha1.TargetKind
		text string
		want policy.Values
		set  string // what the labels say
	}{
		"job":           {v1alpha1.Job, "metadata: {name: a}\nspec: {suspend: false}", policy.Values{Suspend: true}, "false > true"},
		"bare job":      {v1alpha1.Job, "metadata: {name: a}\nspec: {}", policy.Values{Suspend: true}, "absent > true"},
		"cron job":      {v1alpha1.CronJob, "metadata: {name: a}\nspec: {suspend: false}", policy.Values{Suspend: true}, "false > true"},
		"deployment":    {v1alpha1.Deployment, workers, policy.Values{Replicas: 5}, "10 > 5"},
		"to nothing":    {v1alpha1.StatefulSet, workers, policy.Values{}, "10 > 0"},
		"bare replicas": {v1alpha1.Deployment, "metadata: {name: a}\nspec: {}", policy.Values{Replicas: 3}, "absent > 3"},
		"autoscaler": {
			v1alpha1.HorizontalPodAutoscaler, "metadata: {name: a}\nspec: {minReplicas: 2, maxReplicas: 10}",
			policy.Values{MinReplicas: 2, MaxReplicas: 3}, "2.10 > 2.3",
		},
		"autoscaler without a minimum": {
			v1alpha1.HorizontalPodAutoscaler, "metadata: {name: a}\nspec: {maxReplicas: 10}",
			policy.Values{MinReplicas: 4, MaxReplicas: 10}, "absent.10 > 4.10",
		},
		"scaled object":             {v1alpha1.ScaledObject, "metadata: {name: a}\nspec: {}", policy.Values{Paused: true}, "absent > true"},
		"annotated scaled object":   {v1alpha1.ScaledObject, `metadata: {annotations: {autoscaling.keda.sh/paused: "false"}}`, policy.Values{Paused: true}, "false > true"},
		"queue":                     {v1alpha1.LocalQueue, "metadata: {name: a}\nspec: {clusterQueue: c}", policy.Values{StopPolicy: "Hold"}, "absent > Hold"},
		"queue that its owner held": {v1alpha1.ClusterQueue, "metadata: {name: a}\nspec: {stopPolicy: Hold}", policy.Values{StopPolicy: "HoldAndDrain"}, "Hold > HoldAndDrain"},
	} {
		t.Run(name, func(t *testing.T) {
			before := object(t, test.text)
			state := read(t, test.kind, before)
			if change := state.Change(state.Original, because); change != nil {
				t.Errorf("an object that is as it is to be would be written: %s", change.Patch)
			}
			change := state.Change(test.want, because)
			if change == nil || change.Manager != Manager || change.Restore {
				t.Fatalf("changed by %+v", change)
			}
			during := apply(t, before, change)
			labels := during.GetLabels()
			if got := labels[LabelOriginal] + " > " + labels[LabelSet]; got != test.set {
				t.Errorf("the record is %q, want %q", got, test.set)
			}
			held := read(t, test.kind, during)
			if !held.Held || held.Foreign || held.Original != state.Original || held.Current != test.want {
				t.Errorf("read %+v", held)
			}
			if again := held.Change(test.want, because); again != nil {
				t.Errorf("written again: %s", again.Patch)
			}
			back := held.Change(held.Original, Because{})
			if back == nil || back.Manager != RestoreManager || !back.Restore {
				t.Fatalf("restored by %+v", back)
			}
			after := apply(t, during, back)
			if diff := cmp.Diff(bare(before), bare(after)); diff != "" {
				t.Errorf("not restored (-owner's +restored):\n%s", diff)
			}
		})
	}
}

// bare leaves out maps that are empty, which an API server does not keep.
func bare(u *unstructured.Unstructured) map[string]any {
	u = u.DeepCopy()
	u.SetUID("")
	u.SetResourceVersion("")
	if len(u.GetLabels()) == 0 {
		u.SetLabels(nil)
	}
	if len(u.GetAnnotations()) == 0 {
		u.SetAnnotations(nil)
	}
	return u.Object
}

func TestChangeIsForWhatWasRead(t *testing.T) {
	change := read(t, v1alpha1.Deployment, object(t, workers)).Change(policy.Values{Replicas: 5}, because)
	var patch struct {
		Metadata struct {
			UID, ResourceVersion string
			Annotations          map[string]string
		}
	}
	if err := json.Unmarshal(change.Patch, &patch); err != nil {
		t.Fatal(err)
	}
	if patch.Metadata.UID != "u-1" || patch.Metadata.ResourceVersion != "7" {
		t.Errorf("the patch is for another object: %s", change.Patch)
	}
	want := map[string]string{AnnotationReason: because.Reason, AnnotationUntil: "2026-03-02T18:00:00Z"}
	if diff := cmp.Diff(want, patch.Metadata.Annotations); diff != "" {
		t.Error(diff)
	}
}

// TestNewRecord: a record that was made at admission is confirmed once, and the object is then as if it had been changed
// after its creation; whatever is wanted of it.
func TestNewRecord(t *testing.T) {
	plain := object(t, "metadata: {name: a}\nspec: {suspend: false}")
	changed := apply(t, plain, read(t, v1alpha1.Job, plain).Change(policy.Values{Suspend: true}, because))
	admitted := changed.DeepCopy()
	admitted.SetAnnotations(map[string]string{AnnotationReason: "WindowOpen: other", AnnotationAdmission: "suspended"})
	state := read(t, v1alpha1.Job, admitted)
	if !state.New || !state.Held || state.Original.Suspend || !state.Current.Suspend {
		t.Fatalf("read %+v", state)
	}
	confirmed := apply(t, admitted, state.Change(policy.Values{Suspend: true}, because))
	if diff := cmp.Diff(changed.Object, confirmed.Object); diff != "" {
		t.Errorf("-changed +confirmed:\n%s", diff)
	}
	if again := read(t, v1alpha1.Job, confirmed).Change(policy.Values{Suspend: true}, because); again != nil {
		t.Errorf("confirmed twice: %s", again.Patch)
	}
	restored := apply(t, admitted, state.Change(policy.Values{}, because))
	if diff := cmp.Diff(bare(plain), bare(restored)); diff != "" {
		t.Errorf("-created +restored:\n%s", diff)
	}
}

// TestAnotherReason: an object that is to be as it is for another reason says so.
func TestAnotherReason(t *testing.T) {
	before := object(t, "metadata: {name: a, labels: {}, annotations: {}}\nspec: {suspend: false}")
	during := apply(t, before, read(t, v1alpha1.Job, before).Change(policy.Values{Suspend: true}, because))
	waiting := Because{Reason: "WaitingForRoom: a/b"}
	after := apply(t, during, read(t, v1alpha1.Job, during).Change(policy.Values{Suspend: true}, waiting))
	want := map[string]string{AnnotationReason: waiting.Reason}
	if diff := cmp.Diff(want, after.GetAnnotations()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(during.GetLabels(), after.GetLabels()); diff != "" {
		t.Errorf("the record is another:\n%s", diff)
	}
	if again := read(t, v1alpha1.Job, after).Change(policy.Values{Suspend: true}, waiting); again != nil {
		t.Errorf("told twice: %s", again.Patch)
	}
	stripped := after.DeepCopy()
	stripped.SetAnnotations(nil)
	if again := read(t, v1alpha1.Job, stripped).Change(policy.Values{Suspend: true}, waiting); again != nil {
		t.Errorf("somebody takes the reason away, and it is fought for: %s", again.Patch)
	}
	back := apply(t, after, read(t, v1alpha1.Job, after).Change(policy.Values{}, waiting))
	if diff := cmp.Diff(bare(before), bare(back)); diff != "" {
		t.Errorf("-before +restored:\n%s", diff)
	}
}

func TestSomebodyElse(t *testing.T) {
	before := object(t, workers)
	during := apply(t, before, read(t, v1alpha1.Deployment, before).Change(policy.Values{Replicas: 5}, because))
	if err := unstructured.SetNestedField(during.Object, int64(8), "spec", "replicas"); err != nil {
		t.Fatal(err)
	}
	state := read(t, v1alpha1.Deployment, during)
	if !state.Foreign || state.Original.Replicas != 8 {
		t.Fatalf("read %+v", state)
	}
	t.Run("is kept at the end", func(t *testing.T) {
		after := apply(t, during, state.Change(state.Original, Because{}))
		if got := read(t, v1alpha1.Deployment, after); got.Held || got.Current.Replicas != 8 || after.GetAnnotations()[AnnotationReason] != "" {
			t.Errorf("read %+v of %v", got, after.Object)
		}
	})
	t.Run("is the owner where it is set again", func(t *testing.T) {
		again := read(t, v1alpha1.Deployment, apply(t, during, state.Change(policy.Values{Replicas: 4}, because)))
		if again.Foreign || again.Original.Replicas != 8 || again.Current.Replicas != 4 || again.Overruled != 1 {
			t.Errorf("read %+v", again)
		}
	})
	t.Run("is told even where the same is wanted", func(t *testing.T) {
		if state.Change(policy.Values{Replicas: 5}, because) == nil {
			t.Error("nothing would be written")
		}
	})
}

// TestBoundsStayInOrder: a new minimum beside an old maximum that lies below it is no state that anybody asked for.
func TestBoundsStayInOrder(t *testing.T) {
	before := object(t, "metadata: {name: a}\nspec: {minReplicas: 2, maxReplicas: 3}")
	during := apply(t, before, read(t, v1alpha1.HorizontalPodAutoscaler, before).Change(policy.Values{MinReplicas: 8, MaxReplicas: 8}, because))
	if err := unstructured.SetNestedField(during.Object, int64(5), "spec", "minReplicas"); err != nil {
		t.Fatal(err)
	}
	got := read(t, v1alpha1.HorizontalPodAutoscaler, during).Original
	if want := (policy.Values{MinReplicas: 5, MaxReplicas: 8}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRollingBackKeepsTheRecord(t *testing.T) {
	before := object(t, workers)
	during := apply(t, before, read(t, v1alpha1.Deployment, before).Change(policy.Values{Replicas: 5}, because))
	during.SetAnnotations(map[string]string{"of": "an old ReplicaSet"}) // as kubectl rollout undo does
	if state := read(t, v1alpha1.Deployment, during); !state.Held || state.Original.Replicas != 10 {
		t.Errorf("read %+v", state)
	}
}

func TestLost(t *testing.T) {
	owned := func(manager, fields string) string {
		return `{"metadata": {"managedFields": [{"manager": "` + manager + `", "operation": "Update", "fieldsV1": ` + fields + `}]}, "spec": {"replicas": 5}}`
	}
	for name, test := range map[string]struct {
		text string
		lost bool
	}{
		"the record was taken away":           {owned(Manager, `{"f:spec": {"f:replicas": {}}}`), true},
		"restored":                            {owned(RestoreManager, `{"f:spec": {"f:replicas": {}}}`), false},
		"somebody set it since":               {owned("kubectl", `{"f:spec": {"f:replicas": {}}}`), false},
		"the record was taken away, and also": {owned(Manager, `{"f:metadata": {"f:labels": {}}}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, v1alpha1.Deployment, object(t, test.text)).Lost; got != test.lost {
				t.Errorf("lost: %v, want %v", got, test.lost)
			}
		})
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		kind       v1alpha1.TargetKind
		text, want string
	}{
		"a kind that is not known": {"Pod", "metadata: {}", "Pod"},
		"replicas in words":        {v1alpha1.Deployment, "spec: {replicas: many}", "spec.replicas"},
		"replicas beyond 32 bits":  {v1alpha1.Deployment, "spec: {replicas: 99999999999}", "spec.replicas"},
		"a value that is no label": {v1alpha1.ScaledObject, `metadata: {annotations: {autoscaling.keda.sh/paused: "yes, please"}}`, "yes, please"},
		"a record of another kind": {v1alpha1.Deployment, `{"metadata": {"labels": {"` + LabelOriginal + `": "1.2", "` + LabelSet + `": "3.4"}}, "spec": {"replicas": 3}}`, LabelOriginal},
		"half a record":            {v1alpha1.HorizontalPodAutoscaler, `{"metadata": {"labels": {"` + LabelOriginal + `": "1.2"}}, "spec": {"maxReplicas": 3}}`, LabelSet},
		"a record of nonsense":     {v1alpha1.Deployment, `{"metadata": {"labels": {"` + LabelOriginal + `": "x", "` + LabelSet + `": "3"}}, "spec": {"replicas": 3}}`, "spec.replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(test.kind, object(t, test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

// TestAnyHistory plays owners and policies against each other: whatever they do, in whatever order, the owner's last word
// is what is left when policies have none.
func TestAnyHistory(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 8))
	for range 500 {
		owners := int32(random.IntN(20))
		u := object(t, "metadata: {name: a}\nspec: {replicas: "+strconv.Itoa(int(owners))+"}")
		for range random.IntN(12) {
			state := read(t, v1alpha1.Deployment, u)
			switch random.IntN(3) {
			case 0: // what was set cannot be told from an owner who says the same
				if said := int32(random.IntN(20)); strconv.Itoa(int(said)) != u.GetLabels()[LabelSet] {
					owners = said
					if err := unstructured.SetNestedField(u.Object, int64(said), "spec", "replicas"); err != nil {
						t.Fatal(err)
					}
				}
			case 1:
				u = apply(t, u, state.Change(policy.Values{Replicas: int32(random.IntN(20))}, because))
			default:
				u = apply(t, u, state.Change(state.Original, Because{}))
			}
			if got := read(t, v1alpha1.Deployment, u).Original.Replicas; got != owners {
				t.Fatalf("the owner's are %d, want %d: %v", got, owners, u.Object)
			}
		}
		state := read(t, v1alpha1.Deployment, u)
		u = apply(t, u, state.Change(state.Original, Because{}))
		if got, _, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "replicas"); got != float64(owners) && got != int64(owners) || u.GetLabels()[LabelSet] != "" {
			t.Fatalf("left %v of the owner's %d", u.Object, owners)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("Deployment", "10", "5", "5")
	f.Add("HorizontalPodAutoscaler", "2.10", "2.3", "3")
	f.Add("Job", "absent", "true", "true")
	f.Fuzz(func(t *testing.T, kind, original, set, current string) {
		u := &unstructured.Unstructured{Object: map[string]any{}}
		u.SetLabels(map[string]string{LabelOriginal: original, LabelSet: set})
		for _, name := range []string{"replicas", "minReplicas", "maxReplicas", "suspend", "stopPolicy"} {
			_ = unstructured.SetNestedField(u.Object, current, "spec", name)
		}
		state, err := Read(v1alpha1.TargetKind(kind), u)
		if err != nil {
			return
		}
		if change := state.Change(state.Original, Because{}); change == nil || !json.Valid(change.Patch) {
			t.Errorf("a record is not taken away: %+v", change)
		}
	})
}
