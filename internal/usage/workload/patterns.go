package workload

import (
	"fmt"
	"regexp"
)

// Patterns are regular expressions (RE2, without anchors) that together match, from end to end, the name of every pod
// whose workload is name. For a source that selects by expressions, so that it need not send the pods of others. Where
// name itself looks like an index of another workload they match a few names more: OfName has the last word.
func Patterns(name string) []string {
	const (
		suffix  = "[" + safeAlphabet + "]"
		hash    = "[" + hashAlphabet + "]"
		ordinal = "(0|[1-9][0-9]*)"
	)
	quoted := regexp.QuoteMeta(name)
	random := fmt.Sprintf("%s{%d}", suffix, suffixLength)
	generation := fmt.Sprintf("(%s{%d,%d}|%s|[0-9]{%d})", hash, minHashLength, maxHashLength, ordinal, cronDigits)
	patterns := []string{quoted, quoted + "-" + ordinal, quoted + "-(" + generation + "-)?" + random}
	if len(name) > maxNameLength-suffixLength-maxHashLength-2 { // the dash before the suffix may have been cut off
		patterns = append(patterns, quoted+"(-"+generation+")?"+random)
	}
	return patterns
}
