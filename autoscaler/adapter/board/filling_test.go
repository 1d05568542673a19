package board

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	clocktesting "k8s.io/utils/clock/testing"
)

// scrapes are the samples of web-0, by how long after the beginning they are.
type scrapes map[time.Duration]float64

// each scrapes every 15 s in [from, until).
func (s scrapes) each(from, until time.Duration, v float64) scrapes {
	for at := from; at < until; at += 15 * time.Second {
		s[at] = v
	}
	return s
}

// newest is the newest sample up to a time that Prometheus still finds.
func (s scrapes) newest(at time.Duration) (of time.Duration, v float64, ok bool) {
	for ; at > -time.Hour; at -= time.Second {
		if v, ok := s[at]; ok {
			return at, v, true
		}
	}
	return 0, 0, false
}

// say answers the rate, of which the samples are what it says at each, and the times of the samples.
func (s scrapes) say(_ context.Context, query string, at time.Time) (model.Value, error) {
	vector := func(at time.Time) model.Vector {
		of, v, ok := s.newest(at.Sub(began))
		if !ok || at.Sub(began)-of > lookback {
			return nil
		}
		if strings.Contains(query, "times") {
			v = float64(began.Add(of).UnixMilli()) / 1000
		}
		return model.Vector{{Metric: model.Metric{"pod": "web-0"}, Value: model.SampleValue(v)}}
	}
	expr, span, history := strings.Cut(strings.TrimPrefix(query, "("), ")[")
	if !history || !strings.HasPrefix(query, "(") {
		return vector(at), nil
	}
	query = expr
	back, step, _ := strings.Cut(strings.TrimSuffix(span, "]"), ":")
	length, err := time.ParseDuration(back)
	if err != nil {
		return nil, err
	}
	distance, err := time.ParseDuration(step)
	if err != nil {
		return nil, err
	}
	stream := &model.SampleStream{Metric: model.Metric{"pod": "web-0"}}
	for then := at.Add(-length).Truncate(distance).Add(distance); !then.After(at); then = then.Add(distance) {
		for _, sample := range vector(then) {
			stream.Values = append(stream.Values, model.SamplePair{Timestamp: model.TimeFromUnixNano(then.UnixNano()), Value: sample.Value})
		}
	}
	return model.Matrix{stream}, nil
}

// TestFilling: of a rate over 2 minutes, of which web-0 has samples, Fresh is 1 minute and Stale 5.
func TestFilling(t *testing.T) {
	const filling = "its samples began anew, and until the range of its rate is full it says less than there is"
	steady := func() scrapes { return scrapes{}.each(-30*time.Minute, 0, 10) }
	for name, tc := range map[string]struct {
		samples scrapes
		expr    string // "": the rate
		from    time.Duration
		at      time.Duration
		say     func(context.Context, string, time.Time) (model.Value, error)
		want    string
		reason  string
	}{
		"no gap":         {steady().each(0, time.Hour, 4), "", -time.Minute, time.Minute, nil, "4 of 0s ago", "demand fell"},
		"a short gap":    {steady().each(45*time.Second, time.Hour, 4), "", -time.Minute, time.Minute, nil, "4 of 0s ago", "it is no longer than a row is fresh"},
		"a gap":          {steady().each(90*time.Second, time.Hour, 4), "", -time.Minute, 2 * time.Minute, nil, "10 of 2m15s ago, now Filling", "held"},
		"almost full":    {steady().each(90*time.Second, time.Hour, 4), "", -time.Minute, 195 * time.Second, nil, "10 of 3m30s ago, now Filling", "held"},
		"full":           {steady().each(90*time.Second, time.Hour, 4), "", -time.Minute, 210 * time.Second, nil, "4 of 0s ago", "the range has left the gap"},
		"a gap and more": {steady().each(90*time.Second, time.Hour, 12), "", -time.Minute, 2 * time.Minute, nil, "12 of 0s ago", "growing is never slowed"},
		"a gap, of a gauge": {
			steady().each(90*time.Second, time.Hour, 4), "avg_over_time(x[2m])", -time.Minute, 2 * time.Minute, nil, "4 of 0s ago", "it says what there is",
		},
		"a long gap": {
			steady().each(20*time.Minute, time.Hour, 4), "", -time.Minute, 21 * time.Minute, nil, filling, "what was before is too old, but known to have been",
		},
		"a long gap, full": {steady().each(20*time.Minute, time.Hour, 4), "", -time.Minute, 22 * time.Minute, nil, "4 of 0s ago", "it is full"},
		"a very long gap": {
			steady().each(2*time.Hour, 3*time.Hour, 4), "", -time.Minute, 121 * time.Minute, nil, "4 of 0s ago", "nobody remembers: it is new",
		},
		"started anew":           {steady().each(90*time.Second, time.Hour, 4), "", 2 * time.Minute, 2 * time.Minute, nil, "10 of 2m15s ago, now Filling", "Prometheus remembers what it was"},
		"started anew, full":     {steady().each(90*time.Second, time.Hour, 4), "", 210 * time.Second, 210 * time.Second, nil, "4 of 0s ago", "the range has left the gap"},
		"started anew, long ago": {steady().each(20*time.Minute, time.Hour, 4), "", 21 * time.Minute, 21 * time.Minute, nil, filling, "Prometheus remembers that it was"},
		"started anew in a gap":  {steady(), "", 30 * time.Second, 30 * time.Second, nil, "10 of 45s ago", "Prometheus remembers what it said while there were samples"},
		"started anew between two scrapes": {
			steady().each(0, 15*time.Second, 4), "", 15 * time.Second, 15 * time.Second, nil, "4 of 15s ago", "rate makes up for one that is late",
		},
		"a new pod": {scrapes{}.each(0, time.Hour, 4), "", -time.Minute, 15 * time.Second, nil, "4 of 0s ago", "it never had more"},
		"a new pod, started anew": {
			scrapes{}.each(0, time.Hour, 4), "", 15 * time.Second, 15 * time.Second, nil, "4 of 0s ago", "it never had more",
		},
		"started anew, and no history": {
			steady().each(90*time.Second, time.Hour, 4), "", 2 * time.Minute, 2 * time.Minute, noHistory(steady().each(90*time.Second, time.Hour, 4)),
			"4 of 0s ago", "not to know is no reason to serve nothing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			source := &fake{say: tc.say}
			if tc.say == nil {
				source.say = tc.samples.say
			}
			clk := clocktesting.NewFakeClock(began.Add(tc.from))
			b, _ := newBoard(t, Config{Step: 15 * time.Second, Fresh: time.Minute, Stale: 5 * time.Minute, Idle: 24 * time.Hour}, source, clk)
			expr := tc.expr
			if expr == "" {
				expr = "rate(x[2m])"
			}
			sheet := b.Sheet(Query{Expr: expr, Times: "times", Row: byPod})
			for b.tick(t.Context(), clk.Now()); clk.Now().Before(began.Add(tc.at)); b.tick(t.Context(), clk.Now()) {
				clk.Step(15 * time.Second)
			}
			row, err := sheet.Read(t.Context(), "web-0")
			if got := told(row, err, clk.Now()); got != tc.want {
				t.Errorf("%q, want %q: %s", got, tc.want, tc.reason)
			}
		})
	}
}

// noHistory answers about moments alone.
func noHistory(s scrapes) func(context.Context, string, time.Time) (model.Value, error) {
	return func(ctx context.Context, query string, at time.Time) (model.Value, error) {
		if strings.HasPrefix(query, "(") {
			return nil, errors.New("no subqueries here")
		}
		return s.say(ctx, query, at)
	}
}

func TestFillingOf(t *testing.T) {
	for query, want := range map[string]time.Duration{
		`sum(rate(x{pod="a"}[2m])) by (pod)`:                         2 * time.Minute,
		`sum(rate(x[2m])) / sum(increase(y[10m]))`:                   10 * time.Minute,
		`histogram_quantile(0.9, sum by (le) (rate(x_bucket[90s])))`: 90 * time.Second,
		`max_over_time(sum(rate(x[1m]))[30m:1m])`:                    time.Minute,
		`rate(sum(x)[5m:15s])`:                                       5 * time.Minute,
		`delta(x[3m])`:                                               3 * time.Minute,
		`irate(x[5m])`:                                               0, // of the last two samples
		`avg_over_time(x[5m])`:                                       0, // of what there is
		`sum(x) by (pod)`:                                            0,
		`sum(rate(`:                                                  0,
	} {
		if got := fillingOf(query); got != want {
			t.Errorf("%s fills in %s, want %s", query, got, want)
		}
	}
}
