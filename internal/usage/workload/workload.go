// Package workload tells from a pod's name what the pod is a replica of. Its
// functions go by the names of package usage.
package workload

import (
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Name names what a pod is a replica of: the name its pods share.
type Name struct {
	Namespace, Name string
}

const (
	// safeAlphabet is what Kubernetes makes random name suffixes of
	// (k8s.io/apimachinery/pkg/util/rand).
	safeAlphabet = "bcdfghjklmnpqrstvwxz2456789"
	// hashAlphabet is what the decimal digits of a pod template's 32-bit hash
	// become in that encoding: ten letters, and a hash has no others.
	hashAlphabet = "456789bcdf"

	suffixLength = 5
	// A hash has as many letters as a 32-bit number has digits. Fewer than six
	// happens once in forty thousand, and would take "-db" for a hash.
	minHashLength, maxHashLength = 6, 10
	// maxNameLength is where the API server cuts what it puts before a suffix,
	// so that the whole is a DNS label.
	maxNameLength = 63
	// cronDigits is how many digits a time in Unix minutes has until the year 2160.
	cronDigits = 8
	// maxOrdinalDigits bounds a StatefulSet's ordinal or an indexed Job's index.
	maxOrdinalDigits = 6
)

// Of returns the workload of a pod: OfName of its name, whatever
// its owner says, because sources know pods by name alone and a finer answer
// would find nothing learned. A pod not yet named is named by its GenerateName.
func Of(pod *v1.Pod) Name {
	name := pod.Name
	if name == "" && pod.GenerateName != "" {
		name = pod.GenerateName[:min(len(pod.GenerateName), maxNameLength-suffixLength)] + safeAlphabet[:suffixLength]
	}
	return OfName(pod.Namespace, name)
}

// OfName returns the workload of a pod of that name:
//
//	Deployment             web-5d89bdcf78-x2vz9    web
//	ReplicaSet, DaemonSet  agent-x2vz9             agent
//	Job                    import-x2vz9            import
//	indexed Job            import-17-x2vz9         import
//	CronJob                backup-29384756-x2vz9   backup
//	StatefulSet            db-0                    db
//	anything else          nginx                   nginx
//
// A name can mislead: a bare pod called job-7 counts as a replica of job, a
// DaemonSet called node-2 as an index of node, the 24567th pod of the StatefulSet
// db-2 as one of db, and a Deployment whose hash is shorter than six letters is
// learned anew with each revision. Then pods share
// what is learned, or fail to; nothing worse.
func OfName(namespace, podName string) Name {
	return Name{Namespace: namespace, Name: workloadName(podName)}
}

func workloadName(pod string) string {
	if base, ok := cutSuffix(pod); ok {
		return cutGeneration(base)
	}
	if base, ordinal, ok := cutLast(pod); ok && isOrdinal(ordinal) {
		return base
	}
	return pod
}

// cutSuffix takes off the random suffix. A name at its longest may have lost
// the dash before the suffix.
func cutSuffix(name string) (string, bool) {
	at := len(name) - suffixLength
	if at < 2 || !consistsOf(name[at:], safeAlphabet) {
		return name, false
	}
	if name[at-1] == '-' {
		return name[:at-1], true
	}
	if len(name) == maxNameLength {
		return name[:at], true
	}
	return name, false
}

// cutGeneration takes off what a controller put between the workload's name and
// the suffix: a template hash, a time or an index.
func cutGeneration(name string) string {
	base, last, ok := cutLast(name)
	switch {
	case !ok:
		return name
	case isHash(last), isOrdinal(last), len(last) == cronDigits && consistsOf(last, "0123456789"):
		return base
	default:
		return name
	}
}

func cutLast(name string) (base, last string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 1 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

func isHash(s string) bool {
	return len(s) >= minHashLength && len(s) <= maxHashLength && consistsOf(s, hashAlphabet)
}

func isOrdinal(s string) bool {
	if s == "" || len(s) > maxOrdinalDigits || len(s) > 1 && s[0] == '0' {
		return false
	}
	return consistsOf(s, "0123456789")
}

func consistsOf(s, alphabet string) bool {
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}
