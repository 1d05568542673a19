package report_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/simulator/report"
)

// browsers are the names under which Chromium is installed.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

func browser(t *testing.T) string {
	t.Helper()
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("needs a browser to read the page with: none of %s is installed", strings.Join(browsers, ", "))
	return ""
}

// TestABrowserReadsThePage compares what Chromium makes of the page with what the strict reading does: nothing
// may be repaired, moved, refused or run.
func TestABrowserReadsThePage(t *testing.T) {
	if testing.Short() {
		t.Skip("starting a browser takes seconds: left out of short runs")
	}
	path := browser(t)
	d := everything(`<script>document.title = "owned"</script>`)
	file := filepath.Join(t.TempDir(), "page.html")
	if err := report.WriteFile(file, d.WriteHTML); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var dom, log bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--enable-logging=stderr", "--dump-dom", "file://"+file)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &dom, &log, time.Second
	if err := cmd.Run(); err != nil || dom.Len() == 0 {
		t.Skipf("the browser does not run here: %v", err)
	}
	want := map[string]int{}
	for _, e := range elements(t, pageOf(t, d)) {
		want[strings.ToLower(e.name)]++
	}
	tag := regexp.MustCompile(`<([a-zA-Z0-9]+)[\s>/]`)
	got := map[string]int{}
	for _, match := range tag.FindAllStringSubmatch(dom.String(), -1) {
		got[strings.ToLower(match[1])]++
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%d elements %s, want %d", got[name], name, want[name])
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("elements that the page does not have: %v", got)
	}
	if strings.Contains(dom.String(), "<title>owned") {
		t.Error("a name was run")
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the browser complains: %s", line)
		}
	}
}
