package workload

import (
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

func TestOfName(t *testing.T) {
	for name, tc := range map[string]struct{ pod, want, reason string }{
		"deployment":            {"web-5d89bdcf78-x2vz9", "web", "hash and suffix go"},
		"deployment, nine":      {"web-5d89bdcf7-x2vz9", "web", "hashes have up to ten letters"},
		"deployment with dash":  {"web-front-5d89bdcf78-x2vz9", "web-front", "only the hash goes"},
		"deployment with digit": {"web-2-5d89bdcf78-x2vz9", "web-2", "what is before the hash is the name"},
		"short hash":            {"web-5d89b-x2vz9", "web-5d89b", "too short to tell from a name"},
		"replica set":           {"web-x2vz9", "web", "the suffix goes"},
		"daemon set of words":   {"node-db-x2vz9", "node-db", "db is no hash, though of its letters"},
		"job":                   {"import-x2vz9", "import", "the suffix goes"},
		"indexed job":           {"import-17-x2vz9", "import", "the index goes"},
		"cron job":              {"backup-29384756-x2vz9", "backup", "the time in minutes goes"},
		"stateful set":          {"db-0", "db", "the ordinal goes"},
		"stateful set, ten":     {"db-10", "db", "ordinals have several digits"},
		"leading zero":          {"db-007", "db-007", "no ordinal has a leading zero"},
		"seven digits":          {"db-1234567", "db-1234567", "no set is that large"},
		"bare":                  {"nginx", "nginx", "there is nothing to take off"},
		"bare with dash":        {"my-pod", "my-pod", "pod has letters and a length that no suffix has"},
		"static":                {"kube-apiserver-master", "kube-apiserver-master", "a vowel is in no suffix"},
		"vowels of length five": {"web-apple", "web-apple", "a vowel is in no suffix"},
		"empty":                 {"", "", "nothing breaks"},
		"only a suffix":         {"-x2vz9", "-x2vz9", "a workload has a name"},
		"only an ordinal":       {"-0", "-0", "a workload has a name"},
		"dash cut off": {strings.Repeat("a", 58) + "x2vz9", strings.Repeat("a", 58),
			"the API server cuts what is before the suffix at 58 letters"},
		"hash cut": {strings.Repeat("a", 50) + "-5d89bdc" + "x2vz9", strings.Repeat("a", 50), "half a hash is one"},
	} {
		t.Run(name, func(t *testing.T) {
			want := Name{Namespace: "ns", Name: tc.want}
			if got := OfName("ns", tc.pod); got != want {
				t.Errorf("OfName(%q) = %v, want %v: %s", tc.pod, got, want, tc.reason)
			}
		})
	}
}

func TestOfUnnamed(t *testing.T) {
	for name, tc := range map[string]struct{ generate, want string }{
		"deployment": {"web-5d89bdcf78-", "web"},
		"job":        {"import-", "import"},
		"too long":   {strings.Repeat("a", 70) + "-", strings.Repeat("a", 58)},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", GenerateName: tc.generate}}
			if got := Of(pod); got.Name != tc.want {
				t.Errorf("Of(%q) = %v, want %s", tc.generate, got, tc.want)
			}
		})
	}
}

// A hash in a name is what the Deployment controller makes of a 32-bit number.
func TestHashAlphabet(t *testing.T) {
	for _, digit := range "0123456789" {
		if encoded := rand.SafeEncodeString(string(digit)); !strings.Contains(hashAlphabet, encoded) {
			t.Errorf("%c becomes %s, which is not in %s", digit, encoded, hashAlphabet)
		}
	}
	for range 1000 {
		if s := rand.String(suffixLength); !consistsOf(s, safeAlphabet) {
			t.Fatalf("the suffix %q has other letters than %s", s, safeAlphabet)
		}
	}
}

// FuzzOf names pods as their controllers do, and expects the workload back.
func FuzzOf(f *testing.F) {
	f.Add("web", uint32(3816493541), uint64(1), 0)
	f.Add("a-b-c", uint32(123456), uint64(2), 9999)
	f.Add(strings.Repeat("long-", 10)+"name", uint32(4294967295), uint64(3), 7)
	f.Fuzz(func(t *testing.T, name string, hash uint32, seed uint64, index int) {
		if !isLabel(name) || hash < 100_000 || index < 0 || index > 9999 {
			t.Skip()
		}
		for kind, pod := range controllerPods(name, hash, seed, index) {
			pod.Namespace = "ns"
			of, ofName := Of(pod), OfName("ns", pod.Name)
			if of != ofName {
				t.Errorf("%s pod %s: by pod %v, by name %v", kind, pod.Name, of, ofName)
			}
			if len(pod.Name) < maxNameLength && !ambiguous(kind, name) && of.Name != name {
				t.Errorf("%s pod %s is of %s, want %s", kind, pod.Name, of.Name, name)
			}
			if kind == "StatefulSet" {
				continue
			}
			sibling := *pod
			sibling.Name = pod.Name[:len(pod.Name)-suffixLength] + "zzzzz"
			if Of(&sibling) != of {
				t.Errorf("%s pods %s and %s are of different workloads", kind, pod.Name, sibling.Name)
			}
		}
	})
}

// ambiguous are names of which the last part looks like what a controller adds.
func ambiguous(kind, name string) bool {
	if kind != "DaemonSet" && kind != "Job" {
		return false
	}
	return cutGeneration(name) != name
}

func controllerPods(name string, hash uint32, seed uint64, index int) map[string]*v1.Pod {
	random := suffixes(seed)
	generated := func(base string, owner, kind string, labels map[string]string) *v1.Pod {
		yes := true
		generate := base + "-"
		return &v1.Pod{ObjectMeta: metav1.ObjectMeta{
			GenerateName: generate, Labels: labels,
			Name:            generate[:min(len(generate), maxNameLength-suffixLength)] + random(),
			OwnerReferences: []metav1.OwnerReference{{Kind: kind, Name: owner, Controller: &yes}},
		}}
	}
	encoded := rand.SafeEncodeString(fmt.Sprint(hash))
	set := name + "-" + encoded
	stateful := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, index)}}
	cron := fmt.Sprintf("%s-%d", name, 29_000_000+index)
	return map[string]*v1.Pod{
		"Deployment":  generated(set, set, "ReplicaSet", map[string]string{"pod-template-hash": encoded}),
		"DaemonSet":   generated(name, name, "DaemonSet", nil),
		"Job":         generated(name, name, "Job", nil),
		"IndexedJob":  generated(fmt.Sprintf("%s-%d", name, index), name, "Job", nil),
		"CronJob":     generated(cron, cron, "Job", nil),
		"StatefulSet": stateful,
	}
}

func suffixes(seed uint64) func() string {
	source := mathrand.New(mathrand.NewPCG(seed, 0))
	return func() string {
		var b [suffixLength]byte
		for i := range b {
			b[i] = safeAlphabet[source.IntN(len(safeAlphabet))]
		}
		return string(b[:])
	}
}

func isLabel(s string) bool {
	if s == "" || len(s) > maxNameLength-1 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return consistsOf(s, "abcdefghijklmnopqrstuvwxyz0123456789-")
}
