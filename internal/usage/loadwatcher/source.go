// Package loadwatcher reads the CPU and memory of nodes from a load-watcher
// (github.com/paypal/load-watcher), the one that Trimaran's users have: means
// and, where its own source has them, deviations, over fifteen minutes. P95
// comes from what this process saw (see package history).
package loadwatcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/history"
	"github.com/evenkeel/evenkeel/internal/usage/limit"
)

// Capacity returns the cores and bytes of memory of a node, which a load-watcher
// gives percentages of; false where the node is not known.
type Capacity func(node string) (cores, bytes float64, ok bool)

// New returns the load-watcher of cfg.LoadWatcher. The client may be nil.
func New(cfg usage.Config, client *http.Client, capacity Capacity, clock clock.PassiveClock) (usage.Source, error) {
	cfg.Default()
	w := cfg.LoadWatcher
	if w == nil {
		return nil, errors.New("opening load-watcher: the usage configuration has no loadWatcher")
	}
	if client == nil {
		client = &http.Client{}
	}
	s := &source{
		address:  strings.TrimSuffix(w.Address, "/") + "/watcher",
		limit:    w.MaxResponseBytes,
		timeout:  cfg.Timeout.Duration,
		client:   client,
		capacity: capacity,
	}
	return history.New(s, cfg, w.Windows, clock), nil
}

type source struct {
	address  string
	limit    int64
	timeout  time.Duration
	client   *http.Client
	capacity Capacity
}

// answer is what load-watcher serves.
type answer struct {
	Timestamp int64 `json:"timestamp"`
	Window    struct {
		End int64 `json:"end"`
	} `json:"window"`
	Data struct {
		NodeMetricsMap map[string]struct {
			Metrics []metric `json:"metrics"`
		}
	} `json:"data"`
}

// metric is one value of a node, in percent of what the node has.
type metric struct {
	Type     string  `json:"type"`
	Operator string  `json:"operator"`
	Value    float64 `json:"value"`
}

// Read implements usage.Source. Both statistics come with each answer, which is
// asked for again for each: it is small, and never older than it needs be.
func (s *source) Read(ctx context.Context, statistic usage.Statistic, emit func(usage.Reading)) error {
	if statistic != usage.Mean && statistic != usage.Deviation {
		return usage.ErrUnsupported
	}
	a, err := s.ask(ctx)
	if err != nil {
		return err
	}
	readings := readingsOf(a, statistic, s.capacity)
	if statistic == usage.Deviation && len(readings) == 0 {
		return usage.ErrUnsupported // its own source has none
	}
	for _, r := range readings {
		emit(r)
	}
	return nil
}

func (s *source) ask(ctx context.Context) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address, nil)
	if err != nil {
		return nil, fmt.Errorf("asking load-watcher: %w", err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking load-watcher: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking load-watcher: %s: see loadWatcher.address, and whether it has metrics yet", response.Status)
	}
	var a answer
	if err := json.NewDecoder(limit.Reader(response.Body, s.limit, "loadWatcher.maxResponseBytes")).Decode(&a); err != nil {
		return nil, fmt.Errorf("decoding the answer of load-watcher: %w", err)
	}
	return &a, nil
}

// readingsOf makes readings of an answer: shares of the nodes' capacity.
func readingsOf(a *answer, statistic usage.Statistic, capacity Capacity) []usage.Reading {
	// It was true when the window ended; the answer may have waited since.
	at := a.Window.End
	if at == 0 {
		at = a.Timestamp
	}
	var out []usage.Reading
	for name, node := range a.Data.NodeMetricsMap {
		cores, bytes, ok := capacity(name)
		if !ok {
			continue
		}
		for d, whole := range [...]float64{usage.CPU: cores, usage.Memory: bytes} {
			if m, ok := pick(node.Metrics, types[d], operators[statistic]); ok {
				out = append(out, usage.Reading{
					Object:    usage.Object{Name: name},
					Dimension: usage.Dimension(d),
					Sample:    usage.Sample{Value: m.Value / 100 * whole, At: at * 1000},
				})
			}
		}
	}
	return out
}

var (
	types = [...]string{usage.CPU: "CPU", usage.Memory: "Memory"}
	// operators are, by statistic, the ones to take, the best first. A source
	// without a past, such as metrics-server, has but the latest value.
	operators = [...][]string{
		usage.Mean:      {"AVG", "Latest", ""},
		usage.Deviation: {"STD"},
	}
)

// pick returns the metric of a type with the best operator.
func pick(metrics []metric, kind string, operators []string) (metric, bool) {
	for _, operator := range operators {
		for _, m := range metrics {
			if m.Type == kind && strings.EqualFold(m.Operator, operator) {
				return m, true
			}
		}
	}
	return metric{}, false
}
