package app

import (
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hold"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/router"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// described are the metrics that the command has of its own.
func described(t *testing.T) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	c := &config.Config{
		Prometheus: config.Prometheus{Address: "http://localhost:9090"}, RulesFile: "rules.yaml", Shadow: &router.ShadowConfig{},
		Elsewhere: router.Config{Upstreams: []router.Upstream{{Name: "other", URL: "https://other", BearerTokenFile: "-"}}},
	}
	c.Default()
	if errs := c.Validate(); len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	a := &adapter{}
	if err := a.addMetrics(c, registry); err != nil {
		t.Fatal(err)
	}
	if _, err := router.NewShadow(t.Context(), *c.Shadow, a.router, clock.RealClock{}, registry); err != nil {
		t.Fatal(err)
	}
	_, err := hold.New(hold.Config{
		Board: a.board, Catalogue: a.catalogue, Mapper: rules.BuiltIn(), History: a.prometheus, Concurrency: 1, Clock: clock.RealClock{}, Metrics: registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	descriptions := make(chan *prometheus.Desc, 100)
	registry.Describe(descriptions)
	close(descriptions)
	var all strings.Builder
	for d := range descriptions {
		all.WriteString(d.String())
	}
	return all.String()
}

// TestAlerts: what the alerts ask for is there, by the labels that they ask by.
func TestAlerts(t *testing.T) {
	raw, err := os.ReadFile("../../../manifests/rules/metrics-adapter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Spec struct {
			Groups []struct {
				Rules []struct{ Alert, Expr string }
			}
		}
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	known, own := described(t), 0
	for _, rule := range file.Spec.Groups[0].Rules {
		expression, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
		if err != nil {
			t.Errorf("%s: %v", rule.Alert, err)
			continue
		}
		for _, selector := range parser.ExtractSelectors(expression) {
			name := ""
			for _, matcher := range selector {
				if matcher.Name == "__name__" {
					name = strings.TrimSuffix(matcher.Value, "_bucket")
				}
			}
			if !strings.HasPrefix(name, "evenkeel_") {
				continue // the API server's
			}
			own++
			if !strings.Contains(known, `"`+name+`"`) {
				t.Errorf("%s: there is no metric %s", rule.Alert, name)
			}
			line := known[strings.Index(known, `"`+name+`"`):]
			line, _, _ = strings.Cut(line, "Desc{")
			for _, matcher := range selector {
				if matcher.Name != "__name__" && !strings.Contains(line, matcher.Name) {
					t.Errorf("%s: %s has no label %s: %s", rule.Alert, name, matcher.Name, line)
				}
			}
		}
	}
	if own < 10 {
		t.Errorf("the alerts ask for %d metrics of the adapter's own", own)
	}
}
