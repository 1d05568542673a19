package board

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// fake is a Prometheus that answers with what a function says.
type fake struct {
	mu    sync.Mutex
	asked []string
	ticks []time.Time
	say   func(ctx context.Context, query string, at time.Time) (model.Value, error)
}

func (f *fake) Query(ctx context.Context, query string, at time.Time, _ ...promv1.Option) (model.Value, promv1.Warnings, error) {
	f.mu.Lock()
	f.asked, f.ticks = append(f.asked, query), append(f.ticks, at)
	f.mu.Unlock()
	value, err := f.say(ctx, query, at)
	return value, nil, err
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

func says(text string) func(context.Context, string, time.Time) (model.Value, error) {
	return func(context.Context, string, time.Time) (model.Value, error) { return answered(text) }
}

// answered reads "web-0=5 web-1=NaN"; "!" is a failure, and an empty text an empty answer.
func answered(text string) (model.Value, error) {
	vector := model.Vector{}
	for _, word := range strings.Fields(text) {
		if word == "!" {
			return nil, errors.New("down")
		}
		name, number, _ := strings.Cut(word, "=")
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, err
		}
		metric := model.Metric{model.MetricNameLabel: "x"}
		if name != "" {
			metric["pod"] = model.LabelValue(name)
		}
		vector = append(vector, &model.Sample{Metric: metric, Value: model.SampleValue(value)})
	}
	return vector, nil
}

func byPod(value func(string) string) string { return value("pod") }

var began = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func newBoard(t *testing.T, c Config, source Prometheus, clk clock.Clock) (*Board, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	b, err := New(c, source, clk, r)
	if err != nil {
		t.Fatal(err)
	}
	return b, r
}

// told is a row, or why there is none, in one line.
func told(row Row, err error, now time.Time) string {
	if err != nil {
		return err.Error()
	}
	var values []string
	for _, sample := range row.Samples {
		values = append(values, strconv.FormatFloat(sample.Value, 'g', -1, 64))
	}
	text := strings.Join(values, "+") + " of " + now.Sub(row.At).String() + " ago"
	if row.Fault != "" {
		text += ", now " + string(row.Fault)
	}
	return text
}

// TestRead plays an answer a tick of 15 s, and reads web-0 right after the last. Fresh is 30 s, Stale 60 s.
func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		ticks  []string
		want   string
		reason string
	}{
		"measured":              {[]string{"web-0=5"}, "5 of 0s ago", "the newest is served"},
		"measured anew":         {[]string{"web-0=5", "web-0=7"}, "7 of 0s ago", "the newest is served"},
		"zero is a measurement": {[]string{"web-0=5", "web-0=0"}, "0 of 0s ago", "0 was measured, not missing"},
		"never":                 {[]string{"web-1=5"}, "Prometheus has no sample of it", "it is not known"},
		"nothing at all":        {[]string{""}, "Prometheus has no sample of it", "nothing is known"},
		"down once":             {[]string{"web-0=5", "!"}, "5 of 15s ago", "held, with its true time"},
		"down up to Stale":      {[]string{"web-0=5", "!", "!", "!", "!"}, "5 of 1m0s ago", "60 s are not more than Stale"},
		"down for longer": {
			[]string{"web-0=5", "!", "!", "!", "!", "!"},
			"Prometheus does not answer, and the newest sample is 1m15s old: asking x: down", "beyond Stale nobody knows",
		},
		"down from the start": {[]string{"!"}, "Prometheus does not answer: asking x: down", "no answer is not absence"},
		"down, and not known": {[]string{"web-1=5", "!"}, "Prometheus does not answer: asking x: down", "it may be there by now"},
		"back":                {[]string{"web-0=5", "!", "!", "!", "!", "!", "web-0=4"}, "4 of 0s ago", "an outage leaves no trace"},
		"partly missing":      {[]string{"web-0=5 web-1=1", "web-1=1"}, "5 of 15s ago", "one scrape was missed; never 0"},
		"missing up to Fresh": {[]string{"web-0=5 web-1=1", "web-1=1", "web-1=1"}, "5 of 30s ago", "30 s are not more than Fresh"},
		"missing for longer": {
			[]string{"web-0=5 web-1=1", "web-1=1", "web-1=1", "web-1=1"}, "Prometheus has no sample of it", "the others show that it is gone",
		},
		"empty up to Stale": {[]string{"web-0=5", "", "", "", ""}, "5 of 1m0s ago", "all gone at once is a fault of the way"},
		"empty for longer":  {[]string{"web-0=5", "", "", "", "", ""}, "Prometheus has no sample of it", "then it is believed"},
		"empty, then others": {
			[]string{"web-0=5", "", "", "web-1=1"}, "Prometheus has no sample of it", "the others came back, and it did not within Fresh",
		},
		"empty between": {[]string{"web-0=5", "", "web-1=1"}, "5 of 30s ago", "it has the time of any row that is missing"},
		"NaN":           {[]string{"web-0=5", "web-0=NaN"}, "5 of 15s ago, now NotANumber", "held"},
		"infinite":      {[]string{"web-0=5", "web-0=+Inf"}, "5 of 15s ago, now Infinite", "held"},
		"minus infinite": {
			[]string{"web-0=5", "web-0=-Inf"}, "5 of 15s ago, now Infinite", "held",
		},
		"negative":  {[]string{"web-0=5", "web-0=-1"}, "5 of 15s ago, now Negative", "an HPA would read it as the most there is"},
		"too large": {[]string{"web-0=5", "web-0=1e300"}, "5 of 15s ago, now TooLarge", "it does not fit a quantity"},
		"NaN for longer": {
			[]string{"web-0=5", "web-0=NaN", "web-0=NaN", "web-0=NaN", "web-0=NaN", "web-0=NaN"},
			"its value is NotANumber, and the last that was a measurement is 1m15s old", "the reason is what comes now",
		},
		"NaN from the start": {[]string{"web-0=NaN"}, "its value is NotANumber", "it is known, and no number"},
		"NaN, then a number": {[]string{"web-0=5", "web-0=NaN", "web-0=3"}, "3 of 0s ago", "the fault is over"},
		"NaN, then missing":  {[]string{"web-0=5", "web-0=NaN web-1=1", "web-1=1"}, "5 of 30s ago, now NotANumber", "held as any row"},
		"twice":              {[]string{"web-0=5 web-0=6"}, "5+6 of 0s ago", "duplicates are for the reader to join"},
		"twice, one is NaN": {
			[]string{"web-0=5 web-0=6", "web-0=5 web-0=NaN"}, "5+6 of 15s ago, now NotANumber", "half of a row is no measurement",
		},
	} {
		t.Run(name, func(t *testing.T) {
			clk := clocktesting.NewFakeClock(began)
			source := &fake{}
			b, _ := newBoard(t, Config{Fresh: 30 * time.Second, Stale: time.Minute}, source, clk)
			sheet := b.Sheet(Query{Expr: "x", Row: byPod})
			for i, text := range test.ticks {
				if i > 0 {
					clk.Step(15 * time.Second)
				}
				source.say = says(text)
				b.tick(t.Context(), b.config.Tick(clk.Now()))
			}
			row, err := sheet.Read(t.Context(), "web-0")
			if got := told(row, err, clk.Now()); got != test.want {
				t.Errorf("got %q, want %q: %s", got, test.want, test.reason)
			}
			if source.count() != len(test.ticks) {
				t.Errorf("asked %d times in %d ticks", source.count(), len(test.ticks))
			}
		})
	}
}

func TestAbsent(t *testing.T) {
	for name, test := range map[string]struct {
		missing Missing
		want    bool
	}{
		"nothing known":       {Missing{}, true},
		"it was there":        {Missing{Last: began}, false},
		"it is no number":     {Missing{Fault: "NotANumber"}, false},
		"nobody answered":     {Missing{Unanswered: errors.New("down")}, false},
		"there, and no more ": {Missing{Last: began, Age: time.Hour, Unanswered: errors.New("down")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.missing.Absent(); got != test.want {
				t.Errorf("got %v, want %v: %v", got, test.want, &test.missing)
			}
		})
	}
}

func TestMissingNamesTheAge(t *testing.T) {
	if got := (&Missing{Last: began, Age: 90 * time.Second}).Error(); got != "its newest sample is 1m30s old" {
		t.Error(got)
	}
}

// TestElse is of queries such as sum(x) or vector(0).
func TestElse(t *testing.T) {
	for name, test := range map[string]struct {
		expr, other []string
		want        string
		reason      string
	}{
		"there":         {[]string{"web-0=5"}, []string{"=0"}, "5 of 0s ago", "the row itself goes first"},
		"never there":   {[]string{"web-1=5"}, []string{"=0"}, "0 of 0s ago", "the rule says what to answer"},
		"all are gone":  {[]string{"web-0=5", ""}, []string{"=0", "=0"}, "5 of 15s ago", "held before the rule's word is taken"},
		"gone for long": {[]string{"web-0=5", "", "", "", "", ""}, []string{"=0", "=0", "=0", "=0", "=0", "=0"}, "0 of 0s ago", "the rule says so"},
		"no number":     {[]string{""}, []string{"=NaN"}, "its value is NotANumber", "it is judged as any other"},
		"nothing":       {[]string{""}, []string{""}, "Prometheus has no sample of it", "nothing answers"},
		"it fails":      {[]string{"web-0=5", "web-0=6"}, []string{"=0", "!"}, "5 of 15s ago", "half an answer is none"},
	} {
		t.Run(name, func(t *testing.T) {
			clk := clocktesting.NewFakeClock(began)
			source := &fake{}
			b, _ := newBoard(t, Config{Fresh: 30 * time.Second, Stale: time.Minute}, source, clk)
			sheet := b.Sheet(Query{Expr: "x", Else: "vector(0)", Row: byPod})
			for i := range test.expr {
				if i > 0 {
					clk.Step(15 * time.Second)
				}
				source.say = func(_ context.Context, query string, _ time.Time) (model.Value, error) {
					return answered(map[string]string{"x": test.expr[i], "vector(0)": test.other[i]}[query])
				}
				b.tick(t.Context(), b.config.Tick(clk.Now()))
			}
			asked := source.count()
			row, err := sheet.Read(t.Context(), "web-0")
			if got := told(row, err, clk.Now()); got != test.want {
				t.Errorf("got %q, want %q: %s", got, test.want, test.reason)
			}
			for i := range 100 {
				sheet.Read(t.Context(), fmt.Sprint(i))
			}
			if most := 2 * len(test.expr); source.count() != asked || asked > most {
				t.Errorf("asked %d times, then %d: at most two a tick, none a read", asked, source.count())
			}
		})
	}
}

// TestTimes asks when samples were: seconds before a tick, by tick.
func TestTimes(t *testing.T) {
	unix := func(ago float64) string { return fmt.Sprintf("web-0=%f", float64(began.Unix())-ago) }
	for name, test := range map[string]struct {
		times []string
		want  string
	}{
		"a while ago":         {[]string{unix(12.5)}, "5 of 12.5s ago"},
		"two samples":         {[]string{unix(40) + " " + unix(10)}, "5 of 10s ago"},
		"too long ago":        {[]string{unix(301)}, "its newest sample is 5m1s old"},
		"to come":             {[]string{unix(-3600)}, "5 of 0s ago"},
		"no number":           {[]string{"web-0=NaN"}, "5 of 0s ago"},
		"not found":           {[]string{""}, "5 of 5m0s ago"},
		"no longer found":     {[]string{unix(10), ""}, "5 of 25s ago"},
		"not found for long ": {[]string{unix(299), ""}, "5 of 5m0s ago"},
		"not told":            {[]string{"!"}, "Prometheus does not answer: asking timestamp(x): down"},
	} {
		t.Run(name, func(t *testing.T) {
			clk := clocktesting.NewFakeClock(began)
			source := &fake{}
			b, _ := newBoard(t, Config{Stale: 5 * time.Minute}, source, clk)
			sheet := b.Sheet(Query{Expr: "x", Times: "timestamp(x)", Row: byPod})
			for i, text := range test.times {
				if i > 0 {
					clk.Step(15 * time.Second)
				}
				source.say = func(_ context.Context, query string, _ time.Time) (model.Value, error) {
					return answered(map[string]string{"x": "web-0=5", "timestamp(x)": text}[query])
				}
				b.tick(t.Context(), b.config.Tick(clk.Now()))
			}
			row, err := sheet.Read(t.Context(), "web-0")
			if got := told(row, err, clk.Now()); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestClockSetBack(t *testing.T) {
	clk := clocktesting.NewFakeClock(began)
	source := &fake{say: says("web-0=5")}
	b, _ := newBoard(t, Config{}, source, clk)
	sheet := b.Sheet(Query{Expr: "x", Row: byPod})
	sheet.Read(t.Context(), "web-0")
	clk.SetTime(began.Add(-time.Hour))
	if row, err := sheet.Read(t.Context(), "web-0"); err == nil {
		t.Errorf("a sample of an hour to come was believed: %v", row)
	}
	source.say = says("web-0=6")
	b.tick(t.Context(), b.config.Tick(clk.Now()))
	if row, err := sheet.Read(t.Context(), "web-0"); told(row, err, clk.Now()) != "6 of 0s ago" {
		t.Errorf("got %v, %v: the tick was not asked about", row, err)
	}
	source.say = says("web-1=6")
	clk.SetTime(began.Add(-2 * time.Hour))
	b.tick(t.Context(), b.config.Tick(clk.Now()))
	if row, err := sheet.Read(t.Context(), "web-0"); err == nil {
		t.Errorf("a row that is gone is held for an hour: %v", row)
	}
}

func TestEach(t *testing.T) {
	clk := clocktesting.NewFakeClock(began)
	source := &fake{say: says("a=1 b=2 c=3")}
	b, _ := newBoard(t, Config{}, source, clk)
	sheet := b.Sheet(Query{Expr: "x", Row: byPod})
	sum := func(tick time.Time) (sum float64, answered bool) {
		answered = sheet.Each(tick, func(samples []Sample) { sum += samples[0].Value })
		return sum, answered
	}
	if _, ok := sum(began); ok {
		t.Error("a tick that nobody asked about was answered")
	}
	b.tick(t.Context(), began)
	if got, ok := sum(began); !ok || got != 6 {
		t.Errorf("got %v, %v, want 6", got, ok)
	}
	clk.Step(15 * time.Second)
	source.say = says("a=1 b=NaN")
	b.tick(t.Context(), clk.Now())
	if got, ok := sum(clk.Now()); !ok || got != 1 {
		t.Errorf("got %v, %v, want 1: neither what is held nor what is no number is of this tick", got, ok)
	}
	if _, ok := sum(began); ok {
		t.Error("the tick before is still answered")
	}
	clk.Step(15 * time.Second)
	source.say = says("!")
	b.tick(t.Context(), clk.Now())
	if _, ok := sum(clk.Now()); ok {
		t.Error("a tick that failed was answered")
	}
}

func TestFirstReadsAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		source := &fake{say: func(context.Context, string, time.Time) (model.Value, error) {
			<-answer
			return answered("web-0=5")
		}}
		b, _ := newBoard(t, Config{}, source, clock.RealClock{})
		leaving, leave := context.WithCancel(t.Context())
		var group sync.WaitGroup
		read := func(ctx context.Context, want error) {
			group.Go(func() {
				row, err := b.Sheet(Query{Expr: "x", Row: byPod}).Read(ctx, "web-0")
				if !errors.Is(err, want) || err == nil && row.Samples[0].Value != 5 {
					t.Errorf("got %v, %v", row, err)
				}
			})
		}
		read(leaving, context.Canceled)
		synctest.Wait() // it is the one that asks
		for range 99 {
			read(t.Context(), nil)
		}
		synctest.Wait()
		leave()
		synctest.Wait() // it leaves; its question stays
		close(answer)
		group.Wait()
		if source.count() != 1 {
			t.Errorf("asked %d times", source.count())
		}
	})
}

func TestFirstReadsOfAFailureAskOnce(t *testing.T) {
	clk := clocktesting.NewFakeClock(began)
	source := &fake{say: says("!")}
	b, _ := newBoard(t, Config{}, source, clk)
	sheet := b.Sheet(Query{Expr: "x", Row: byPod})
	for range 100 {
		if _, err := sheet.Read(t.Context(), "web-0"); err == nil {
			t.Error("got a row")
		}
	}
	if source.count() != 1 {
		t.Errorf("asked %d times: a Prometheus that is down is not to be pressed", source.count())
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{say: says("web-0=5")}
		b, r := newBoard(t, Config{Delay: 2 * time.Second, Idle: time.Minute}, source, clock.RealClock{})
		var told []time.Time
		b.Subscribe(func(tick time.Time) { told = append(told, tick) })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.Run(ctx) }()
		for range 4 * 15 {
			for range 10 {
				b.Sheet(Query{Expr: "x", Row: byPod}).Read(ctx, "web-0")
				b.Sheet(Query{Expr: "y", Row: byPod}).Read(ctx, "web-0")
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if got := source.count(); got != 2*5 {
			t.Errorf("asked %d times in four steps, want 2 at first and 2 a tick", got)
		}
		for _, tick := range source.ticks {
			if tick.UnixMilli()%15_000 != 0 {
				t.Errorf("asked about %v, which is off the grid", tick)
			}
		}
		if len(told) != 4 || told[3].Sub(told[0]) != 45*time.Second {
			t.Errorf("told of %v", told)
		}
		time.Sleep(2 * time.Minute) // nobody reads
		synctest.Wait()
		idle := source.count()
		time.Sleep(time.Minute)
		synctest.Wait()
		if source.count() != idle || idle > 2*5+2*5 {
			t.Errorf("asked %d and then %d times, though nobody reads", idle, source.count())
		}
		stop()
		<-done
		if err := testutil.GatherAndCompare(r, strings.NewReader(`
# HELP evenkeel_adapter_queries Queries asked of Prometheus at each tick.
# TYPE evenkeel_adapter_queries gauge
evenkeel_adapter_queries 0
`), "evenkeel_adapter_queries"); err != nil {
			t.Error(err)
		}
	})
}

// TestSlow has a Prometheus that never answers: each query fails by itself, so many at a time, and what is known is held.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		under, most := 0, 0
		source := &fake{say: says("web-0=5")}
		b, r := newBoard(t, Config{Concurrency: 3, Timeout: 2 * time.Second}, source, clock.RealClock{})
		for i := range 7 {
			b.Sheet(Query{Expr: fmt.Sprint("x", i), Row: byPod}).Read(t.Context(), "web-0")
		}
		source.say = func(ctx context.Context, _ string, _ time.Time) (model.Value, error) {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			under--
			mu.Unlock()
			return nil, ctx.Err()
		}
		time.Sleep(15 * time.Second)
		begun := time.Now()
		b.tick(t.Context(), b.config.Tick(begun))
		if took := time.Since(begun); took != 6*time.Second || most != 3 {
			t.Errorf("%v for 7 queries, %d at once: want 3 rounds of 2s, 3 at once", took, most)
		}
		row, err := b.Sheet(Query{Expr: "x1", Row: byPod}).Read(t.Context(), "web-0")
		if err != nil || row.Samples[0].Value != 5 {
			t.Errorf("got %v, %v", row, err)
		}
		if got, err := testutil.GatherAndCount(r, "evenkeel_adapter_query_failures_total"); err != nil || got != 1 {
			t.Errorf("failures are not counted: %v", err)
		}
	})
}

func TestStopLeavesWhatIsKnown(t *testing.T) {
	clk := clocktesting.NewFakeClock(began)
	source := &fake{say: says("web-0=5")}
	b, _ := newBoard(t, Config{}, source, clk)
	sheet := b.Sheet(Query{Expr: "x", Row: byPod})
	sheet.Read(t.Context(), "web-0")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	clk.Step(15 * time.Second)
	source.say = func(ctx context.Context, _ string, _ time.Time) (model.Value, error) { return nil, ctx.Err() }
	b.tick(ctx, clk.Now())
	if state := sheet.state.Load(); state.err != nil {
		t.Errorf("the end of the process counts as Prometheus' fault: %v", state.err)
	}
}

func TestTooManyRows(t *testing.T) {
	source := &fake{say: says("a=1 b=2 c=3")}
	b, _ := newBoard(t, Config{MaxRows: 2}, source, clocktesting.NewFakeClock(began))
	_, err := b.Sheet(Query{Expr: "x", Row: byPod}).Read(t.Context(), "a")
	if err == nil || !strings.Contains(err.Error(), "more than 2 rows") || !strings.Contains(err.Error(), "maxRows") {
		t.Errorf("got %v, want the limit and the cure", err)
	}
}

func TestOtherAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		value model.Value
		want  string
	}{
		"a scalar": {&model.Scalar{Value: 3}, "3 of 0s ago"},
		"a matrix": {model.Matrix{}, "Prometheus does not answer: asking x: the answer is a model.Matrix, want a vector"},
		"nothing":  {nil, "Prometheus does not answer: asking x: the answer is a <nil>, want a vector"},
	} {
		t.Run(name, func(t *testing.T) {
			source := &fake{say: func(context.Context, string, time.Time) (model.Value, error) { return test.value, nil }}
			b, _ := newBoard(t, Config{}, source, clocktesting.NewFakeClock(began))
			row, err := b.Sheet(Query{Expr: "x", Row: byPod}).Read(t.Context(), "")
			if got := told(row, err, began); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSheetsAreSharedByWhatTheyHold(t *testing.T) {
	b, _ := newBoard(t, Config{}, &fake{}, clocktesting.NewFakeClock(began))
	one := b.Sheet(Query{Expr: "x", Row: byPod})
	twisted := func(value func(string) string) string { return value("verb") + value("pod") }
	for name, test := range map[string]struct {
		query Query
		same  bool
	}{
		"the same":         {Query{Expr: "x", Row: func(value func(string) string) string { return value("pod") }}, true},
		"another query":    {Query{Expr: "y", Row: byPod}, false},
		"other rows":       {Query{Expr: "x", Row: twisted}, false},
		"another fallback": {Query{Expr: "x", Else: "vector(0)", Row: byPod}, false},
		"with times":       {Query{Expr: "x", Times: "timestamp(x)", Row: byPod}, false},
		"hiding a label":   {Query{Expr: "x", Row: byPod, Hidden: []string{"pod"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := b.Sheet(test.query) == one; got != test.same {
				t.Errorf("got %v, want %v", got, test.same)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	b, _ := newBoard(t, Config{}, &fake{say: says("web-0=5")}, clocktesting.NewFakeClock(began))
	for name, test := range map[string]struct {
		hidden []string
		want   map[string]string
	}{
		"all but the name": {nil, map[string]string{"pod": "web-0"}},
		"hidden":           {[]string{"pod", "verb"}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			sheet := b.Sheet(Query{Expr: "x", Row: byPod, Hidden: test.hidden})
			row, err := sheet.Read(t.Context(), "web-0")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, sheet.Labels(&row.Samples[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRejectedSamplesAreCounted(t *testing.T) {
	b, r := newBoard(t, Config{}, &fake{say: says("a=NaN b=-1 c=-2 d=+Inf e=1")}, clocktesting.NewFakeClock(began))
	b.Sheet(Query{Expr: "x", Row: byPod}).Read(t.Context(), "a")
	if err := testutil.GatherAndCompare(r, strings.NewReader(`
# HELP evenkeel_adapter_rejected_samples_total Samples that are no measurement, by what they were.
# TYPE evenkeel_adapter_rejected_samples_total counter
evenkeel_adapter_rejected_samples_total{reason="Infinite"} 1
evenkeel_adapter_rejected_samples_total{reason="Negative"} 2
evenkeel_adapter_rejected_samples_total{reason="NotANumber"} 1
`), "evenkeel_adapter_rejected_samples_total"); err != nil {
		t.Error(err)
	}
}

// TestNoNewSample has a rate that sinks because its range reaches beyond the last sample.
func TestNoNewSample(t *testing.T) {
	clk := clocktesting.NewFakeClock(began)
	source := &fake{}
	b, _ := newBoard(t, Config{}, source, clk)
	sheet := b.Sheet(Query{Expr: "x", Times: "timestamp(x)", Row: byPod})
	for i, tick := range []struct{ value, times, want, reason string }{
		{"web-0=8", "0", "8 of 0s ago", "measured"},
		{"web-0=6", "0", "8 of 15s ago", "nothing new was scraped"},
		{"web-0=4", "", "8 of 30s ago", "the series ended, and the range still reaches back to it"},
		{"web-0=9", "45", "9 of 0s ago", "scraped again"},
		{"web-0=2", "60", "2 of 0s ago", "scraped again, and less"},
	} {
		clk.SetTime(began.Add(time.Duration(i) * 15 * time.Second))
		source.say = func(_ context.Context, query string, _ time.Time) (model.Value, error) {
			if query == "x" {
				return answered(tick.value)
			}
			if tick.times == "" {
				return answered("")
			}
			after, err := strconv.Atoi(tick.times)
			if err != nil {
				return nil, err
			}
			return answered(fmt.Sprintf("web-0=%d", began.Unix()+int64(after)))
		}
		b.Ask(t.Context())
		row, err := sheet.Read(t.Context(), "web-0")
		if got := told(row, err, clk.Now()); got != tick.want {
			t.Errorf("got %q, want %q: %s", got, tick.want, tick.reason)
		}
	}
}
