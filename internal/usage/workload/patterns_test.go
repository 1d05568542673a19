package workload

import (
	mathrand "math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func matcherOf(name string) *regexp.Regexp {
	return regexp.MustCompile("^(?:" + strings.Join(Patterns(name), "|") + ")$")
}

func TestPatternsMatchEveryPodOfAWorkload(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	pieces := []string{"web", "db", "a", "2", "0", "17", "24567", "29384756", "5d89bdcf78", "5d89bd", "x2vz9", "bcdfg", "kafka.broker", "node-2", ""}
	for range 3_000 {
		pod := "w"
		for range random.IntN(4) {
			pod += "-" + pieces[random.IntN(len(pieces))]
		}
		if random.IntN(4) == 0 { // as long as names get, with and without a dash where it is cut
			pod = strings.Repeat("l", max(0, 63-len(pod))) + pod
			if random.IntN(2) == 0 {
				pod = pod[:58] + "x2vz9"
			}
		}
		if name := workloadName(pod); !matcherOf(name).MatchString(pod) {
			t.Fatalf("%q is a pod of %q, whose patterns do not match it: %q", pod, name, Patterns(name))
		}
	}
}

func TestPatternsMatchNoOthers(t *testing.T) {
	for pod, reason := range map[string]string{
		"web-api-5d89bdcf78-x2vz9": "another name with the same beginning",
		"web-api":                  "likewise",
		"webx":                     "no dash",
		"web-07":                   "no ordinal",
		"web-5d89bdcf78-aeiou":     "no random suffix",
		"other-web-0":              "the end alone",
	} {
		if matcherOf("web").MatchString(pod) {
			t.Errorf("%q matches: %s", pod, reason)
		}
	}
	if matcherOf("a.b").MatchString("axb-0") {
		t.Error("a dot stands for any letter")
	}
	for i, pod := range []string{"web", "web-0", "web-x2vz9", "web-5d89bdcf78-x2vz9", "web-17-x2vz9", "web-29384756-x2vz9"} {
		if !matcherOf("web").MatchString(pod) || OfName("ns", pod).Name != "web" {
			t.Errorf("%d: %q is no pod of web", i, pod)
		}
	}
}
