package app

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodRules = `
rules:
- seriesQuery: 'http_requests_total{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  name: {matches: "^(.*)_total$", as: "${1}_per_second"}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)
`

// execute runs the command.
func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := NewCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck(t *testing.T) {
	out, err := execute(t, "check", "--rules", write(t, "rules.yaml", goodRules))
	if err != nil {
		t.Errorf("sound rules have faults: %v", err)
	}
	for _, want := range []string{"pods/http_requests_per_second", `sum(rate(http_requests_total{`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	bad := write(t, "bad.yaml", goodRules+"- seriesQuery: 'up['\n  metricsQuery: up\n")
	out, err = execute(t, "check", "--rules", bad)
	if err == nil {
		t.Error("it ended well with a fault")
	}
	if want := bad + ":7: rules[1].seriesQuery"; !strings.Contains(out, want) {
		t.Errorf("%q is missing in:\n%s", want, out)
	}
}

func TestCheckAsksPrometheus(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.Form.Get("match[]") + " " + r.Header.Get("Authorization")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": []map[string]string{
			{"__name__": "http_requests_total", "namespace": "shop", "pod": "web-1"},
		}})
	}))
	defer server.Close()
	out, err := execute(t, "check", "--rules", write(t, "rules.yaml", goodRules), "--prometheus", server.URL,
		"--prometheus-token-file", write(t, "token", "mine"))
	if err != nil {
		t.Fatal(err)
	}
	if want := `http_requests_total{namespace!="",pod!=""} Bearer mine`; asked != want {
		t.Errorf("Prometheus was asked for %s, want %s", asked, want)
	}
	if !strings.Contains(out, "pods/http_requests_per_second") {
		t.Errorf("the metric is missing in:\n%s", out)
	}
}

func TestBadInput(t *testing.T) {
	rules := write(t, "rules.yaml", goodRules)
	tests := map[string]struct {
		args []string
		want string
	}{
		"nothing":            {nil, "prometheus.address: Required"},
		"no rules":           {[]string{"--prometheus", "http://localhost:9090"}, "rulesFile: Required"},
		"no such file":       {[]string{"--config", "/nowhere"}, "/nowhere"},
		"typo":               {[]string{"--config", write(t, "c.yaml", "prometeus: {}")}, `unknown field "prometeus"`},
		"argument":           {[]string{"--rules", rules, "x"}, "unknown command"},
		"no cluster":         {[]string{"--rules", rules, "--prometheus", "http://localhost:9090"}, "--kubeconfig"},
		"check, no rules":    {[]string{"check"}, `"rules" not set`},
		"explain, nothing":   {[]string{"explain"}, "accepts 1 arg(s)"},
		"explain, no name":   {[]string{"explain", "shop"}, "NAMESPACE/HPA"},
		"explain, two names": {[]string{"explain", "shop/web/x"}, "NAMESPACE/HPA"},
		"explain, output":    {[]string{"explain", "shop/web", "-o", "yaml"}, "--output"},
		"explain, no file":   {[]string{"explain", "shop/web", "--kubeconfig", "/nowhere"}, "--kubeconfig"},
		"check, no file":     {[]string{"check", "--rules", "/nowhere"}, "/nowhere"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := execute(t, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to have %q", err, test.want)
			}
		})
	}
}
