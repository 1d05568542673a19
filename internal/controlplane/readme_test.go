package controlplane

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestREADMEShowsTheExample holds the README's first block of code against the one that is compiled.
func TestREADMEShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README shows no code")
	}
	fields := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	if !strings.Contains(fields(string(example)), fields(string(block[1]))) {
		t.Errorf("example_test.go does not have the README's\n%s", block[1])
	}
}

func TestREADMENamesAllOptions(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"Options.DataDir", "Options.SecurePort", "Options.NodeGracePeriod", "NodeOptions.LeaseSeconds", "NodeOptions.StopAfter",
		RunForAnnotation, NodeLabel + ": " + NodeLabelValue,
	} {
		if !strings.Contains(string(readme), name) {
			t.Errorf("the README does not mention %s", name)
		}
	}
}
