package prometheus

import (
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// kind is what a series is about.
type kind int

const (
	node kind = iota
	pod
	kinds
)

func (k kind) String() string {
	if k == node {
		return "nodes"
	}
	return "pods"
}

// plan is what to ask for one dimension of nodes or of pods.
type plan struct {
	kind      kind
	dimension usage.Dimension
	// labels are those that name the object: a node's, or namespace and pod.
	labels []string
	// values is the query of each statistic, "" where there is nothing to ask.
	values [usage.Statistics + 1]string
	// times is the query for the Unix time, in seconds, of the newest sample of
	// each object, among those that the statistic is made of.
	times [usage.Statistics + 1]string
	// days is, for Peak, when the objects were seen that times does not know.
	days string
}

// planner makes PromQL.
type planner struct {
	cfg *usage.PrometheusConfig
}

// plans returns what to ask, nodes first.
func plans(cfg *usage.PrometheusConfig) []plan {
	p := planner{cfg: cfg}
	var out []plan
	for k := range kinds {
		for d := range usage.Dimension(usage.Dimensions) {
			if made, ok := p.plan(k, d); ok {
				out = append(out, made)
			}
		}
	}
	return out
}

func (p planner) plan(k kind, d usage.Dimension) (plan, bool) {
	out := plan{kind: k, dimension: d, labels: p.labels(k)}
	queries, preset := &p.cfg.Queries.Nodes, &nodePreset
	if k == pod {
		queries, preset = &p.cfg.Queries.Pods, &podPreset
	}
	w := &p.cfg.Windows
	rate, samples := p.measure(k, queries.List()[d], preset[d])
	if rate != "" {
		out.values[usage.Mean] = p.mean(k, rate, samples)
		out.values[usage.Deviation] = p.deviation(k, rate, samples)
		out.values[usage.P95] = "quantile_over_time(0.95, " + points(rate, w) + subquery(w.Hour.Window.Duration, w.Hour.Step.Duration) + ")"
		out.times[usage.Mean] = p.times(k, samples, w.Recent.Duration)
		out.times[usage.Deviation] = p.times(k, samples, w.Deviation.Window.Duration)
		out.times[usage.P95] = p.times(k, samples, w.Hour.Window.Duration)
		if *w.Season.Days > 0 {
			out.values[usage.Peak] = p.peak(k, rate)
			out.times[usage.Peak] = out.times[usage.P95]
			out.days = p.days(k, samples)
		}
	}
	if k == node {
		rate, samples := p.measure(k, p.cfg.Queries.Capacity.List()[d], capacityPreset[d])
		if rate != "" {
			out.values[usage.Capacity] = expand(rate, w.Recent.Duration)
			out.times[usage.Capacity] = p.times(k, samples, w.Recent.Duration)
		}
	}
	return out, out.values != [usage.Statistics + 1]string{}
}

// measure returns the rate and the samples of a dimension, "" if it is disabled.
func (p planner) measure(k kind, query *usage.Query, preset measure) (rate, samples string) {
	switch {
	case query != nil && query.Disabled:
		return "", ""
	case query != nil:
		return query.Rate, query.Selector()
	case p.cfg.Preset == usage.PresetNone, preset.rate == nil:
		return "", ""
	default:
		return p.byObject(k, preset.sum, preset.rate), preset.samples
	}
}

func (p planner) labels(k kind) []string {
	if k == pod {
		return []string{p.cfg.NamespaceLabel, p.cfg.PodLabel}
	}
	if p.cfg.NodeLabel == "" {
		return []string{"node"}
	}
	return []string{p.cfg.NodeLabel}
}

// byObject makes one series of each object's. A node-exporter's series often
// name no node: those get the name that the same instance says its host has. The
// names are the "many" side, so that an address that changed hands gives two
// nodes, not an error.
func (p planner) byObject(k kind, sum string, series func(match string) string) string {
	by := sum + " by (" + strings.Join(p.labels(k), ", ") + ") ("
	if k == pod || p.cfg.NodeLabel != "" {
		return by + series("") + ")"
	}
	named := by + series(`node!=""`) + ")"
	unnamed := sum + " by (instance) (" + series(`node=""`) + ")" +
		` * on (instance) group_right () max by (instance, nodename) (last_over_time(node_uname_info{node=""}[$window]))`
	return named + " or " + by + `label_replace(` + unnamed + `, "node", "$1", "nodename", "(.+)"))`
}

// mean averages the rate over the recent window. It leaves out pods that were
// not there when the window began: PromQL's rate() would spread what they did
// since over the whole of it. A new node's is kept, diluted as it is: so are the
// pods in it.
func (p planner) mean(k kind, rate, samples string) string {
	recent := p.cfg.Windows.Recent.Duration
	expression := "avg_over_time((" + rate + ")" + subquery(recent, fraction(recent, 20)) + ")"
	if strings.Contains(rate, "$window") {
		expression = expand(rate, recent)
	}
	if k == node {
		return expression
	}
	return p.since(k, expression, samples, recent)
}

// deviation leaves out objects that are too new for two points: of one it would
// be zero.
func (p planner) deviation(k kind, rate, samples string) string {
	w := &p.cfg.Windows
	expression := "stddev_over_time(" + points(rate, w) + subquery(w.Deviation.Window.Duration, w.Deviation.Step.Duration) + ")"
	return p.since(k, expression, samples, max(2*w.Deviation.Step.Duration, w.Resolution.Duration))
}

// since keeps the objects of an expression that had a sample so long ago.
func (p planner) since(k kind, expression, samples string, ago time.Duration) string {
	there := p.byObject(k, "group", func(match string) string {
		return with(samples, match) + " offset " + span(ago)
	})
	return "(" + expression + ") and on (" + strings.Join(p.labels(k), ", ") + ") (" + expand(there, max(ago, p.cfg.Windows.Recent.Duration)) + ")"
}

// peak is the highest point in the stretch around this time of earlier days.
func (p planner) peak(k kind, rate string) string {
	s := &p.cfg.Windows.Season
	return p.overDays(k, func(offset time.Duration) string {
		return "max_over_time(" + points(rate, &p.cfg.Windows) + subquery(s.Width.Duration, s.Step.Duration) + " offset " + span(offset) + ")"
	})
}

// days gives the beginning of the newest such stretch that has a sample, so
// never a time later than the sample's.
func (p planner) days(k kind, samples string) string {
	s := &p.cfg.Windows.Season
	return p.overDays(k, func(offset time.Duration) string {
		seen := p.byObject(k, "group", func(match string) string {
			return "present_over_time(" + with(samples, match) + "[" + span(s.Width.Duration) + "] offset " + span(offset) + ")"
		})
		start := strconv.FormatFloat((offset + s.Width.Duration).Seconds(), 'f', -1, 64)
		return "(" + expand(seen, p.cfg.Windows.Recent.Duration) + ") * 0 + (time() - " + start + ")"
	})
}

// overDays takes the highest over the days; expression is given how long ago
// the stretch of each ended.
func (p planner) overDays(k kind, expression func(offset time.Duration) string) string {
	s := &p.cfg.Windows.Season
	var days []string
	for day := 1; day <= *s.Days; day++ {
		offset := time.Duration(day)*s.Period.Duration - s.Width.Duration/2
		days = append(days, `label_replace(`+expression(offset)+`, "evenkeel_day", "`+strconv.Itoa(day)+`", "", "")`)
	}
	return "max by (" + strings.Join(p.labels(k), ", ") + ") (" + strings.Join(days, " or ") + ")"
}

// times asks for the time of each object's newest sample. Where an exporter
// went away its series end at once, though rates still cover them: there the
// second half finds the last sample within the window.
func (p planner) times(k kind, samples string, window time.Duration) string {
	now := p.byObject(k, "max", func(match string) string { return "timestamp(" + with(samples, match) + ")" })
	before := p.byObject(k, "max", func(match string) string {
		return "max_over_time(timestamp(" + with(samples, match) + ")" + subquery(window, fraction(window, 20)) + ")"
	})
	return expand(now+" or "+before, max(window, p.cfg.Windows.Recent.Duration))
}

// points is the rate at each step of a subquery.
func points(rate string, w *usage.WindowsConfig) string {
	return "(" + expand(rate, w.Resolution.Duration) + ")"
}

func expand(expression string, window time.Duration) string {
	return strings.ReplaceAll(expression, "$window", span(window))
}

func subquery(window, step time.Duration) string { return "[" + span(window) + ":" + span(step) + "]" }

// span prints a duration in milliseconds, the one unit that is exact for all.
func span(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

func fraction(d time.Duration, n int64) time.Duration {
	return max(d/time.Duration(n), time.Millisecond).Truncate(time.Millisecond)
}
