package workload

import (
	"fmt"
	"regexp"
	"strings"
)

// Base is how the names of pods begin that a controller of that name has, without the dash: the API server cuts what is
// too long.
func Base(controller string) string {
	return strings.TrimSuffix(controller[:min(len(controller), maxNameLength-suffixLength)], "-")
}

// Bases are what the controller of a pod may be called, as Base has it: what is before the pod's random suffix, and what is
// before an index in front of that, as indexed Jobs give. Each is empty where the name has no such part.
func Bases(pod string) (base, indexed string) {
	base, ok := cutSuffix(pod)
	if !ok {
		return "", ""
	}
	if before, last, ok := cutLast(base); ok && isOrdinal(last) {
		indexed = before
	}
	return base, indexed
}

// PatternOf is a regular expression (RE2, without anchors) that matches, from end to end, the names of which either of
// Bases is among these, and a few more.
func PatternOf(bases []string) string {
	quoted := make([]string, len(bases))
	for i := range bases {
		quoted[i] = regexp.QuoteMeta(bases[i])
	}
	return fmt.Sprintf("(%s)(-[0-9]+)?-?[%s]{%d}", strings.Join(quoted, "|"), safeAlphabet, suffixLength)
}
