package app

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
)

func TestUpRefusesNonsenseAtOnce(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"output":          {[]string{"--output", "yaml"}, `--output "yaml": must be table or json`},
		"picture":         {[]string{"--picture", "x.gif"}, `--picture "x.gif": must end in .png or .svg`},
		"peer":            {[]string{"--peer", "trimaran"}, `--peer "trimaran": must be NAME=COMMAND`},
		"peer's name":     {[]string{"--peer", "Not_A_Name=true"}, `--peer "Not_A_Name=true": NAME`},
		"peer twice":      {[]string{"--peer", "evenkeel=true"}, `--peer "evenkeel=true": there is a scheduler of that name already`},
		"unknown flag":    {[]string{"--nodez", "3"}, "unknown flag: --nodez"},
		"argument":        {[]string{"now"}, `unknown command "now"`},
		"nodes":           {[]string{"--nodes", "0"}, "--nodes must be at least 1"},
		"hour":            {[]string{"--hour", "30h"}, "--hour must be from 0h to below 24h"},
		"log file":        {[]string{"--log-file", "/dev/null/up.log"}, "--log-file: open /dev/null/up.log"},
		"scenario":        {[]string{"--scenario", "placment"}, `--scenario "placment": must be placement`},
		"no such day":     {[]string{"--length", "9000h"}, "no machine of the trace has"},
		"wrong duration":  {[]string{"--length", "3"}, `invalid argument "3" for "--length"`},
		"negative length": {[]string{"--length", "-1h"}, "--length must be above 0"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := NewCommand()
			cmd.SetOut(&stdout)
			cmd.SetErr(&stderr)
			cmd.SetArgs(append([]string{"up", "--log-file", filepath.Join(t.TempDir(), "up.log")}, tc.args...))
			err := cmd.ExecuteContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if stdout.Len() > 0 {
				t.Errorf("standard output has %q", stdout.String())
			}
		})
	}
}

// TestReport: JSON goes to standard output alone and the picture into its file,
// whole or not at all.
func TestReport(t *testing.T) {
	r := &verdict.Result{
		Names:    []string{"stock", "evenkeel"},
		Verdicts: map[string]verdict.Verdict{"stock": {HotNodeMinutes: 5}, "evenkeel": {PodsBound: 3}},
		Frames: map[string][]verdict.Frame{
			"stock":    {{Nodes: []float64{0.1}}, {At: time.Minute, Nodes: []float64{0.9}}},
			"evenkeel": {{Nodes: []float64{0.1}}, {At: time.Minute, Nodes: []float64{0.2}}},
		},
	}
	dir := t.TempDir()
	o := upOptions{output: "json", picture: filepath.Join(dir, "verdict.svg")}
	var stdout bytes.Buffer
	if err := o.report(r, &stdout); err != nil {
		t.Fatal(err)
	}
	var verdict map[string]verdict.Verdict
	if err := json.Unmarshal(stdout.Bytes(), &verdict); err != nil {
		t.Fatalf("standard output is not JSON alone: %v: %s", err, stdout.String())
	}
	if verdict["stock"].HotNodeMinutes != 5 || verdict["evenkeel"].PodsBound != 3 {
		t.Errorf("verdict %+v", verdict)
	}
	if svg, err := os.ReadFile(o.picture); err != nil || !bytes.Contains(svg, []byte("</svg>")) {
		t.Errorf("picture of %d bytes, %v", len(svg), err)
	}
	o.picture = filepath.Join(dir, "missing", "verdict.svg")
	if err := o.report(r, &stdout); err == nil || !strings.Contains(err.Error(), "--picture") {
		t.Errorf("error %v, want one about --picture", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%d files left, %v; want the picture alone", len(left), err)
	}
}
