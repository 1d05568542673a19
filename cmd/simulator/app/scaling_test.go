package app

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScaling(t *testing.T) {
	out, page := filepath.Join(t.TempDir(), "r.json"), filepath.Join(t.TempDir(), "r.html")
	text, err := run(context.Background(), "scaling", "--duration", "12h", "--policies", "hpa,max-30m", "--out", out, "--html", page)
	if err != nil || !strings.Contains(text, "Bitbrains, machine 626") {
		t.Fatalf("%v\n%s", err, text)
	}
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var results []map[string]any
	if err := json.Unmarshal(content, &results); err != nil || len(results) != 2 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for _, name := range []string{"policy", "target", "replicaChanges", "reversals", "podHours", "unservedPodHours", "servedShare", "shortMinutes"} {
		if _, ok := results[1][name]; !ok {
			t.Errorf("a result has no %s", name)
		}
	}
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "max-30m") {
		t.Errorf("the page: %v", err)
	}
}

func TestScalingOfFiles(t *testing.T) {
	rows := write(t, "rows.csv", "timestamp,value", "2014-02-14 14:30:00,1.5", "2014-02-14 14:35:00,4", "2014-02-14 14:40:00,1")
	if text, err := run(context.Background(), "scaling", "--usage", rows, "--usage-format", "CSV", "--served", "0"); err != nil || !strings.Contains(text, "rows.csv") {
		t.Errorf("csv: %v\n%s", err, text)
	}
	if text, err := run(context.Background(), "scaling", "--usage", usageFile(t), "--usage-format", "planetlab", "--series", "line-3"); err != nil {
		t.Errorf("planetlab: %v\n%s", err, text)
	}
	for flags, want := range map[string]string{
		"--usage nowhere.csv --usage-format csv":  "--usage: reading nowhere.csv",
		"--usage " + rows + " --usage-format tsv": "--usage-format: there is no",
		"--series nobody":                         "--series: there is no machine",
		"--policies stock":                        `--policies: reading policy "stock": there are hpa`,
		"--policies max-1s":                       `reading policy "max-1s": maxWindow`,
		"--from 9000h":                            "--from: Bitbrains, machine 626 has",
		"--peak 0":                                "--peak 0: give a number above 0",
		"--target 2":                              "a target of 2",
		"--served -1":                             "served: give a part",
		"--loop 0s":                               "a loop takes a second",
		"--max-replicas 0":                        "at most 0 pods",
	} {
		if _, err := run(context.Background(), append([]string{"scaling"}, strings.Fields(flags)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", flags, err, want)
		}
	}
}
