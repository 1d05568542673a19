package app

import (
	"os"
	"regexp"
	"testing"
)

// TestReadmeExamples: every configuration in the README is one that runs.
func TestReadmeExamples(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(examples) != 2 {
		t.Errorf("the README has %d examples, want 2", len(examples))
	}
	for _, example := range examples {
		if _, err := parseConfiguration(example[1]); err != nil {
			t.Errorf("%v in\n%s", err, example[1])
		}
	}
}
