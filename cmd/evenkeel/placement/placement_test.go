package placement

import (
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// TestEvenkeelConfig: the configuration is YAML whose stretches of time follow
// the speed, but never fall below what the replay's steps allow.
func TestEvenkeelConfig(t *testing.T) {
	for _, tc := range []struct {
		speed                    float64
		recent, hour, day, fresh time.Duration
	}{
		{1, 5 * time.Minute, time.Hour, 24 * time.Hour, 90 * time.Second},
		{60, 5 * time.Second, time.Minute, 24 * time.Minute, 5 * time.Second},
	} {
		text := evenkeelConfig("http://127.0.0.1:9090", tc.speed)
		if strings.Contains(text, "{{") {
			t.Fatalf("a placeholder was left:\n%s", text)
		}
		var config struct {
			Profiles []struct {
				PluginConfig []struct {
					Args struct {
						FreshFor string
						Usage    struct {
							Prometheus struct {
								Address string
								Windows struct {
									Recent string
									Hour   struct{ Window string }
									Season struct{ Period string }
								}
							}
						}
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(text), &config); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		args := config.Profiles[0].PluginConfig[0].Args
		windows := args.Usage.Prometheus.Windows
		for name, have := range map[string]struct {
			got  string
			want time.Duration
		}{
			"recent": {windows.Recent, tc.recent}, "hour": {windows.Hour.Window, tc.hour},
			"period": {windows.Season.Period, tc.day}, "freshFor": {args.FreshFor, tc.fresh},
		} {
			if got, err := time.ParseDuration(have.got); err != nil || got != have.want {
				t.Errorf("at speed %v %s is %q (%v), want %v", tc.speed, name, have.got, err, have.want)
			}
		}
		if args.Usage.Prometheus.Address != "http://127.0.0.1:9090" {
			t.Errorf("address %q", args.Usage.Prometheus.Address)
		}
	}
}

func TestLastLines(t *testing.T) {
	if got := lastLines("a\nb\nc\n", 2); got != "b\nc" {
		t.Errorf("got %q", got)
	}
	if got := lastLines("a", 5); got != "a" {
		t.Errorf("got %q", got)
	}
}
