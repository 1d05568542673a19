package rules

import (
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestDescribe runs the scripts of testdata/describe. The command rules has a rules file for its input; file
// reads one of testdata. With the argument series, such as series=(up:job:pod,down:job), the first rule is told
// these series and the names of their labels.
func TestDescribe(t *testing.T) {
	datadriven.Walk(t, "testdata/describe", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			text := d.Input
			if d.Cmd == "file" {
				content, err := os.ReadFile(strings.TrimSpace(d.Input))
				if err != nil {
					t.Fatal(err)
				}
				text = string(content)
			}
			set := Parse("rules.yaml", []byte(text))
			series := map[*Rule][]Series{}
			for _, argument := range d.CmdArgs {
				for _, value := range argument.Vals {
					parts := strings.Split(value, ":")
					for _, rule := range set.Custom {
						series[rule] = append(series[rule], Series{Name: parts[0], Labels: parts[1:]})
					}
				}
			}
			if out := Describe(set, cluster(), series).String(); out != "" {
				return out
			}
			return "nothing\n"
		})
	})
}
