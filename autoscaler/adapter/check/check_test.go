package check

import (
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// TestDescribe runs the scripts of testdata. The command rules has a rules file for its input; file reads one
// of those that package rules is tested with. With the argument series, such as series=(up:job:pod,down:job), the first rule is told
// these series and the names of their labels.
func TestDescribe(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			text := d.Input
			if d.Cmd == "file" {
				content, err := os.ReadFile("../rules/testdata/" + strings.TrimSpace(d.Input))
				if err != nil {
					t.Fatal(err)
				}
				text = string(content)
			}
			set := rules.Parse("rules.yaml", []byte(text))
			series := map[*rules.Rule][]rules.Series{}
			for _, argument := range d.CmdArgs {
				for _, value := range argument.Vals {
					parts := strings.Split(value, ":")
					for _, rule := range set.Custom {
						series[rule] = append(series[rule], rules.Series{Name: parts[0], Labels: parts[1:]})
					}
				}
			}
			if out := Describe(set, rules.BuiltIn(), series).String(); out != "" {
				return out
			}
			return "nothing\n"
		})
	})
}
