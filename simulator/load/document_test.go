package load

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDocument(t *testing.T) {
	results := []*Result{
		{Policy: "stock", Seed: 1, HotNodeMinutes: 100, NodeMinutes: 1000, P99NodeUtilisation: 0.9, PodsPending: 1},
		{Policy: "stock", Seed: 2, HotNodeMinutes: 300, NodeMinutes: 1000, P99NodeUtilisation: 1.1, PodsPending: 2},
		{Policy: "realload", Seed: 1, HotNodeMinutes: 10, NodeMinutes: 1000, PodsNeverFitting: 3, NeverFitting: []string{"default/huge"}},
	}
	results[2].Heat = newHeat([]*v1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "warm"}}}, 6*time.Hour, time.Minute)
	results[2].Heat.see(0, 0.5, 1000, 900)
	results[2].Heat.see(0, 0.5, 1000, 300) // the highest is kept
	var text, page bytes.Buffer
	d := Document(results, HotAbove)
	if err := errors.Join(d.WriteText(&text), d.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"stock", "200", "20.00", "100.0", "1.5", "realload", "3 pods fit no node", "default/huge", "warm", "90"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
	if strings.Index(text.String(), "stock") > strings.Index(text.String(), "realload") {
		t.Error("the order of policies is not kept")
	}
	if err := Document(nil, HotAbove).WriteText(&text); err != nil {
		t.Errorf("a report of nothing: %v", err)
	}
}
