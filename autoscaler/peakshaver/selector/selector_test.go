package selector

import (
	"math/rand/v2"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TestCompile: refused is exactly what none of all labels matches.
func TestCompile(t *testing.T) {
	var all []labels.Set // with two keys, each of which is absent, x, y, or something that no selector names
	for _, a := range []string{"", "x", "y", "other"} {
		for _, b := range []string{"", "x", "y", "other"} {
			set := labels.Set{"a": a, "b": b}
			for key, value := range set {
				if value == "" {
					delete(set, key)
				}
			}
			all = append(all, set)
		}
	}
	random := rand.New(rand.NewPCG(1, 9))
	refused := 0
	for range 5000 {
		spec := &metav1.LabelSelector{}
		for range random.IntN(5) {
			spec.MatchExpressions = append(spec.MatchExpressions, draw(random))
		}
		selector, errs := Compile(field.NewPath("labels"), spec)
		possible := false
		exact, err := metav1.LabelSelectorAsSelector(spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range all {
			possible = possible || exact.Matches(set)
		}
		if possible != (len(errs) == 0) {
			t.Fatalf("%s: something matches it: %t, and %v", exact, possible, errs)
		}
		if !possible {
			refused++
			if !selector.Empty() {
				t.Errorf("%s is at fault and selects %s, not everything", exact, selector)
			}
		}
	}
	if refused < 500 {
		t.Errorf("%d of 5000 were impossible, too few", refused)
	}
	if _, errs := Compile(field.NewPath("labels"), &metav1.LabelSelector{MatchLabels: map[string]string{"a": "no label!"}}); len(errs) != 1 || errs[0].Field != "labels" {
		t.Errorf("what is no label: %v", errs)
	}
}

func draw(random *rand.Rand) metav1.LabelSelectorRequirement {
	r := metav1.LabelSelectorRequirement{Key: []string{"a", "b"}[random.IntN(2)]}
	values := [][]string{{"x"}, {"y"}, {"x", "y"}}[random.IntN(3)]
	switch random.IntN(4) {
	case 0:
		r.Operator, r.Values = metav1.LabelSelectorOpIn, values
	case 1:
		r.Operator, r.Values = metav1.LabelSelectorOpNotIn, values
	case 2:
		r.Operator = metav1.LabelSelectorOpExists
	default:
		r.Operator = metav1.LabelSelectorOpDoesNotExist
	}
	return r
}
