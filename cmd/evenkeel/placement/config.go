package placement

import (
	"strings"
	"time"
)

// evenkeelConfig is the default configuration with usage from Prometheus and
// every stretch of time divided by the speed of the replay: what happens in an
// hour of trace happens in an hour divided by speed here.
func evenkeelConfig(prometheus string, speed float64) string {
	d := func(trace time.Duration) string {
		return max(time.Duration(float64(trace)/speed), 10*time.Millisecond).Round(time.Millisecond).String()
	}
	// A sample cannot be younger than the replay's step and the refresh make it.
	atLeast := func(trace, floor time.Duration) string {
		return max(time.Duration(float64(trace)/speed), floor).Round(time.Millisecond).String()
	}
	return strings.NewReplacer(
		"{{prometheus}}", prometheus,
		"{{refresh}}", atLeast(15*time.Second, time.Second),
		"{{p95}}", atLeast(time.Minute, 3*time.Second),
		"{{peak}}", d(30*time.Minute),
		"{{retention}}", d(time.Hour),
		"{{recent}}", d(5*time.Minute),
		"{{resolution}}", d(2*time.Minute),
		"{{deviation}}", d(15*time.Minute),
		"{{minute}}", d(time.Minute),
		"{{hour}}", d(time.Hour),
		"{{day}}", d(24*time.Hour),
		"{{season}}", d(4*time.Hour),
		"{{seasonStep}}", d(5*time.Minute),
		"{{warmup}}", atLeast(5*time.Minute, 2*time.Second),
		"{{fresh}}", atLeast(90*time.Second, 5*time.Second),
		"{{expire}}", atLeast(5*time.Minute, 15*time.Second),
	).Replace(evenkeelTemplate)
}

const evenkeelTemplate = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection:
  leaderElect: false
profiles:
- schedulerName: evenkeel
  plugins:
    multiPoint:
      enabled:
      - name: RealLoad
        weight: 5
  pluginConfig:
  - name: RealLoad
    args:
      warmup: {{warmup}}
      freshFor: {{fresh}}
      expireAfter: {{expire}}
      usage:
        refreshInterval: {{refresh}}
        p95Interval: {{p95}}
        peakInterval: {{peak}}
        retention: {{retention}}
        prometheus:
          address: {{prometheus}}
          windows:
            recent: {{recent}}
            resolution: {{resolution}}
            deviation: {window: {{deviation}}, step: {{minute}}}
            hour: {window: {{hour}}, step: {{minute}}}
            season: {period: {{day}}, width: {{season}}, days: 3, step: {{seasonStep}}}
`
