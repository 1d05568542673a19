package terminal

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "abc": 3, "é": 1, "e\u0301": 1, "節点": 4, "ｶ": 1, "ｗ": 2, "🙂": 2, "a\u200bb": 2, "–…−": 3, "\xff": 1,
	} {
		if got := Columns(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain, 節点 🙂": "plain, 節点 🙂", "a\nb\tc\rd": "a b c d", "\x1b[2J": " [2J", "\u009b2J": " 2J", "\x7f\x00": "  ",
		"\u202eabc\u202c": " abc ", "e\u0301": "e\u0301", "\xff": "\uFFFD",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		most int
		want string
	}{
		"short enough":               {"abc", 3, "abc"},
		"one too many":               {"abcd", 3, "ab…"},
		"wide":                       {"節点節点", 7, "節点節…"},
		"wide, with a column left":   {"節点節点", 6, "節点…"},
		"marks stay with their rune": {"e\u0301bcd", 3, "e\u0301b…"},
		"room for nothing else":      {"abc", 1, "…"},
		"empty":                      {"", 5, ""},
	} {
		if got := cut(test.text, test.most); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("節点 node", uint8(5))
	f.Add("e\u0301\u0301", uint8(1))
	f.Add("\x1b\xff\u202e", uint8(2))
	f.Fuzz(func(t *testing.T, text string, most uint8) {
		text = Printable(text)
		short := cut(text, int(most)+1)
		if Columns(short) > int(most)+1 {
			t.Errorf("%q takes more than %d columns", short, int(most)+1)
		}
		if !utf8.ValidString(short) || !strings.HasPrefix(text, strings.TrimSuffix(short, "…")) {
			t.Errorf("%q is no beginning of %q", short, text)
		}
	})
}
