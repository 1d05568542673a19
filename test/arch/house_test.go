package arch

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// root is the module's folder, seen from this package's.
const root = "../.."

type rule struct {
	name string
	find func(*tree) []finding
	cure string
	// breaks is a tree that the rule must find fault with exactly once, and keeps one it must accept.
	breaks, keeps fstest.MapFS
}

func TestHouse(t *testing.T) {
	tree, err := readTree(os.DirFS(root))
	if err != nil {
		t.Fatalf("reading the source: %v", err)
	}
	used := make([]bool, len(exceptions))
	for _, rule := range rules {
		found := rule.find(tree)
		found = slices.DeleteFunc(found, func(f finding) bool {
			i := excepting(rule.name, f.place)
			if i >= 0 {
				used[i] = true
			}
			return i >= 0
		})
		t.Run(strings.ReplaceAll(rule.name, " ", "-"), func(t *testing.T) {
			for _, f := range found {
				t.Errorf("%s: %s.\n\tcure: %s", f.place, f.what, rule.cure)
			}
		})
	}
	t.Run("exceptions", func(t *testing.T) {
		for i, e := range exceptions {
			if !used[i] {
				t.Errorf("nothing needs the exception of %s from %q any more: remove it", e.place, e.rule)
			}
		}
	})
	t.Run("budgets", func(t *testing.T) {
		for _, b := range budgetsOf(tree) {
			t.Log(b)
		}
	})
}

// excepting answers which exception covers a finding, -1 for none. A place ends in a line number or does not.
func excepting(rule, place string) int {
	file, _, _ := strings.Cut(place, ".go:")
	if file != place {
		file += ".go"
	}
	for i, e := range exceptions {
		if matched, err := path.Match(e.place, file); e.rule == rule && err == nil && matched {
			return i
		}
	}
	return -1
}

func TestRulesFindFault(t *testing.T) {
	for _, rule := range rules {
		t.Run(strings.ReplaceAll(rule.name, " ", "-"), func(t *testing.T) {
			broken, err := readTree(rule.breaks)
			if err != nil {
				t.Fatal(err)
			}
			if found := rule.find(broken); len(found) != 1 {
				t.Errorf("found %v, want one finding", found)
			}
			kept, err := readTree(rule.keeps)
			if err != nil {
				t.Fatal(err)
			}
			if found := rule.find(kept); len(found) != 0 {
				t.Errorf("found %v in a tree that keeps the rule", found)
			}
		})
	}
}

func TestExceptionsGiveReasons(t *testing.T) {
	known := map[string]bool{}
	for _, rule := range rules {
		known[rule.name] = true
	}
	for _, e := range exceptions {
		if !known[e.rule] {
			t.Errorf("the exception of %s is from %q, which is no rule", e.place, e.rule)
		}
		if _, err := path.Match(e.place, ""); err != nil || len(e.reason) < 20 {
			t.Errorf("the exception of %s from %q needs a valid pattern and a reason", e.place, e.rule)
		}
	}
}
