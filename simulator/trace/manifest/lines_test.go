package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// podsWithOneWrong makes a list in which one pod asks for less than nothing, and tells the line where it does.
func podsWithOneWrong(n, wrong int, document func(i int, cpu string) string, head, between string) (content string, line int) {
	var text strings.Builder
	text.WriteString(head)
	for i := range n {
		cpu := "250m"
		if i == wrong {
			cpu = "-1"
		}
		if i > 0 {
			text.WriteString(between)
		}
		text.WriteString(document(i, cpu))
	}
	before, _, _ := strings.Cut(text.String(), "-1")
	return text.String(), strings.Count(before, "\n") + 1
}

func TestErrorsTellTheLineWhereverItIs(t *testing.T) {
	tests := map[string]struct {
		document      func(i int, cpu string) string
		head, between string
	}{
		"documents": {func(i int, cpu string) string {
			return fmt.Sprintf("kind: Pod\nmetadata:\n  name: p%d\nspec:\n  containers:\n  - resources:\n      requests:\n        memory: 1Gi\n        cpu: %s\n", i, cpu)
		}, "", "---\n"},
		"documents and remarks": {func(i int, cpu string) string {
			return fmt.Sprintf("# pod %d\n\nkind: Pod\nmetadata: {name: p%d}\nspec:\n  containers:\n  - resources: {requests: {cpu: %s}}\n\n\n", i, i, cpu)
		}, "# all\n---\n", "--- # next\n"},
		"a list": {func(i int, cpu string) string {
			return fmt.Sprintf("- kind: Pod\n  metadata: {name: p%d}\n  spec:\n    containers:\n    - resources:\n        requests:\n          cpu: %s\n", i, cpu)
		}, "kind: List\nitems:\n", ""},
		"a list as JSON": {func(i int, cpu string) string {
			return fmt.Sprintf("{\"kind\": \"Pod\",\n \"metadata\": {\"name\": \"p%d\"},\n \"spec\": {\"containers\": [\n  {\"resources\": {\"requests\": {\n  \"cpu\": %q}}}]}}", i, cpu)
		}, "{\"kind\": \"List\",\n\"items\": [\n", ",\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for wrong := range 5 {
				content, line := podsWithOneWrong(5, wrong, test.document, test.head, test.between)
				if strings.HasPrefix(content, "{") {
					content += "]}"
				}
				_, err := Parse(strings.NewReader(content), "f")
				if want := fmt.Sprintf("reading f:%d: ", line); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("pod %d: got %v, want %s", wrong, err, want)
				}
			}
		})
	}
}

func TestCutDocument(t *testing.T) {
	tests := map[string][]string{
		"a":                   {"a"},
		"a\nb":                {"a\nb"},
		"a\n---\nb":           {"a", "---\nb"},
		"a\n---":              {"a", "---"},
		"a\n---\n---\nb":      {"a", "---", "---\nb"},
		"a\n----\nb":          {"a\n----\nb"},
		"a\n---b\n--- c\nd":   {"a\n---b", "--- c\nd"},
		"---\na":              {"---\na"},
		"a\r\n---\r\nb":       {"a\r", "---\r\nb"},
		"a\n ---\nb":          {"a\n ---\nb"},
		"a\n---\t# remark\nb": {"a", "---\t# remark\nb"},
	}
	for content, want := range tests {
		t.Run(content, func(t *testing.T) {
			var got []string
			for rest := []byte(content); rest != nil; {
				var document []byte
				document, rest = cutDocument(rest)
				got = append(got, string(document))
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if joined := strings.Join(got, "\n"); joined != content {
				t.Errorf("the parts make %q", joined)
			}
		})
	}
}
