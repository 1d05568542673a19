package window

import "time"

// Config says what a window does to the total demand of a scale target. Durations count in whole steps, rounded up.
// Parts that are nil are not asked for; at least one must be.
type Config struct {
	// Step is the distance of samples. Ticks are the multiples of it since 1970, the same for every replica. Default 15s.
	Step time.Duration
	// Target is the demand that one pod is there for, in thousandths: the HPA's averageValue as MilliValue gives it. It is
	// needed for SlowScaleDown.Pods, and lets an explanation speak of pods.
	Target int64
	// Max holds the largest demand of a stretch of time.
	Max *Max
	// SlowScaleDown lets what was asked for fall slowly.
	SlowScaleDown *SlowScaleDown
	// Percentile holds a percentile of a stretch of time, beside one of the two above.
	Percentile *Percentile
	// DeadBand keeps small changes from the size.
	DeadBand *DeadBand
	// Season takes what was asked for in earlier weeks for asked for now.
	Season *Season
	// Fresh is how old the newest sample may be to be served without further ado. Default four steps.
	Fresh time.Duration
	// Stale is how old the newest sample may be to be held; beyond, there is an error. Default 10m.
	Stale time.Duration
	// Outage is how much time without samples a sample outlives: time stands still for the parts while no sample comes, but
	// a sample is forgotten when it is older than its part's stretch and this. Default 1h.
	Outage time.Duration
	// Retention is how far back the source of samples goes; 0: not known. A replay must reach back as far as Horizon.
	Retention time.Duration
}

// Max is the part y = max S over (t−Window, t].
type Max struct {
	Window time.Duration
}

// SlowScaleDown is the part y = max over u of S(u) that falls once it is older than Hold: to half in each HalfLife, or in
// a line by what Pods pods are there for in each Period.
type SlowScaleDown struct {
	Hold time.Duration
	// HalfLife is the first form.
	HalfLife time.Duration
	// Range is by how much a sample falls by half-lives until it counts for nothing: what the largest demand may be in terms
	// of the smallest that is worth knowing. Default 1024.
	Range float64
	// Pods and Period are the second form: at most so many pods fewer in so much time.
	Pods   int32
	Period time.Duration
	// MaxPods is the HPA's maxReplicas, which bounds how long a line takes to come down.
	MaxPods int32
}

// Percentile is the part y = max(S(t), the Percent-th percentile of S over (t−Window, t]), by nearest rank.
type Percentile struct {
	Percent float64
	Window  time.Duration
}

// DeadBand comes last: the largest answer of the parts over (t−Dwell, t], rounded up to a power of 1+Band.
type DeadBand struct {
	Dwell time.Duration
	Band  float64
}

// Season is the floor max over k = 1..Weeks of S(t + Lead − k·7d) · Margin.
type Season struct {
	Weeks int
	Lead  time.Duration
	// Margin counts in thousandths, rounded up. Default 1.
	Margin float64
	// Bucket bounds what is remembered: of each stretch of this length, aligned to 1970, the largest demand. Default 5m, or
	// Step where that is more.
	Bucket time.Duration
}

// Default fills in what is left out.
func (c *Config) Default() {
	def(&c.Step, 15*time.Second)
	def(&c.Fresh, 4*c.Step)
	def(&c.Stale, max(10*time.Minute, c.Fresh))
	def(&c.Outage, time.Hour)
	if c.SlowScaleDown != nil {
		def(&c.SlowScaleDown.Range, 1024)
	}
	if c.Season != nil {
		def(&c.Season.Margin, 1)
		def(&c.Season.Bucket, max(5*time.Minute, c.Step))
	}
}

func def[T comparable](field *T, value T) {
	var none T
	if *field == none {
		*field = value
	}
}

// ticks is a duration in steps, rounded up.
func (c *Config) ticks(d time.Duration) int64 { return int64((d + c.Step - 1) / c.Step) }

func (c *Config) reach(span int64) reach { return reach{span: span, clock: span + c.ticks(c.Outage)} }
