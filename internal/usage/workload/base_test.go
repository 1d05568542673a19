package workload

import (
	"fmt"
	mathrand "math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func TestBases(t *testing.T) {
	for name, test := range map[string]struct{ pod, base, indexed string }{
		"a Job":              {"import-x2vz9", "import", ""},
		"an indexed Job":     {"import-17-x2vz9", "import-17", "import"},
		"of a CronJob":       {"backup-29384756-x2vz9", "backup-29384756", ""},
		"no suffix":          {"nginx", "", ""},
		"an ordinal":         {"db-0", "", ""},
		"a suffix of vowels": {"import-aeiou", "", ""},
		"as long as can be":  {strings.Repeat("l", 58) + "x2vz9", strings.Repeat("l", 58), ""},
		"cut at a dash":      {strings.Repeat("l", 57) + "-x2vz9", strings.Repeat("l", 57), ""},
	} {
		if base, indexed := Bases(test.pod); base != test.base || indexed != test.indexed {
			t.Errorf("%s: %q and %q, want %q and %q", name, base, indexed, test.base, test.indexed)
		}
	}
}

// TestBase: whatever a controller is called and however its pods are, Bases of their names have its Base, and the pattern
// matches them.
func TestBase(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	suffix := suffixes(3)
	for range 3_000 {
		name := strings.Repeat("a", 1+random.IntN(30)) + "-" + strings.Repeat("b", random.IntN(40))
		if name = strings.TrimSuffix(name[:min(len(name), 61)], "-"); random.IntN(3) == 0 {
			name = fmt.Sprintf("%s-%d", name[:min(len(name), 52)], 29_000_000+random.IntN(999_999))
		}
		pod := name + "-"
		if index := fmt.Sprintf("-%d-", random.IntN(200)); random.IntN(3) == 0 && len(name)+len(index) <= maxNameLength-suffixLength {
			pod = name + index
		}
		pod = pod[:min(len(pod), maxNameLength-suffixLength)] + suffix()
		base, indexed := Bases(pod)
		if want := Base(name); base != want && indexed != want {
			t.Fatalf("%q is a pod of %q, and Bases says %q and %q", pod, name, base, indexed)
		}
		pattern := PatternOf([]string{"other", Base(name)})
		if !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(pod) {
			t.Fatalf("%q is a pod of %q, and %s does not match it", pod, name, pattern)
		}
	}
	for _, pod := range []string{"imports-x2vz9", "import-x-x2vz9", "import", "an-import-x2vz9", "import-aeiou"} {
		if regexp.MustCompile("^(?:" + PatternOf([]string{"import"}) + ")$").MatchString(pod) {
			t.Errorf("%q is no pod of import", pod)
		}
	}
}
