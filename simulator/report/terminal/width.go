// Package terminal writes for someone who watches a terminal: how many columns
// a text takes there, and how far long work has come.
package terminal

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Columns is how many columns of a terminal s takes.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// Printable keeps a name from a trace from breaking a line, steering the terminal or turning the text around.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
}

// cut shortens s to so many columns.
func cut(s string, most int) string {
	if Columns(s) <= most {
		return s
	}
	taken := 1 // by the ellipsis
	for i, r := range s {
		if taken += runeColumns(r); taken > most {
			return s[:i] + "…"
		}
	}
	return s
}
