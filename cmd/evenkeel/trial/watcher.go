package trial

import (
	"encoding/json"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
)

// watcherWindow is the stretch of trace over which load-watcher's answers are
// taken, as Trimaran asks for by default.
const watcherWindow = 15 * time.Minute

// The answer of load-watcher's GET /watcher, as far as Trimaran reads it.
type watcherAnswer struct {
	Timestamp int64         `json:"timestamp"`
	Window    watcherSpan   `json:"window"`
	Source    string        `json:"source"`
	Data      watcherMetric `json:"data"`
}

type watcherSpan struct {
	Duration string `json:"duration"`
	Start    int64  `json:"start"`
	End      int64  `json:"end"`
}

type watcherMetric struct {
	Nodes map[string]watcherNode `json:"NodeMetricsMap"`
}

type watcherNode struct {
	Metrics []watcherValue `json:"metrics"`
}

type watcherValue struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Operator string  `json:"operator"`
	Rollup   string  `json:"rollup"`
	Value    float64 `json:"value"` // percent
}

// watcher serves what load-watcher would say of all nodes: CPU mean and
// deviation over the last quarter of an hour, capped at what a node has.
func (s *stage) watcher(w http.ResponseWriter, _ *http.Request) {
	now := s.o.Setting.Clock.Now()
	answer := watcherAnswer{
		Timestamp: now.Unix(),
		Window:    watcherSpan{Duration: "15m", Start: now.Add(-watcherWindow).Unix(), End: now.Unix()},
		Source:    "evenkeel",
		Data:      watcherMetric{Nodes: map[string]watcherNode{}},
	}
	for pool, frames := range s.framesOf() {
		for i, node := range recentLoad(frames, watcherWindow) {
			answer.Data.Nodes[nodeName(pool, i)] = node
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that went away has no use for an error
}

// recentLoad is the mean and deviation of each node over the last frames.
func recentLoad(frames []verdict.Frame, window time.Duration) []watcherNode {
	if len(frames) == 0 {
		return nil
	}
	last := frames[len(frames)-1]
	nodes := make([]watcherNode, len(last.Nodes))
	for i := range nodes {
		var n, sum, squares float64
		for f := len(frames) - 1; f >= 0 && last.At-frames[f].At <= window; f-- {
			if i < len(frames[f].Nodes) {
				u := 100 * min(frames[f].Nodes[i], 1)
				n, sum, squares = n+1, sum+u, squares+u*u
			}
		}
		mean := sum / n
		deviation := math.Sqrt(max(squares/n-mean*mean, 0))
		nodes[i].Metrics = []watcherValue{
			{Name: "cpu", Type: "CPU", Operator: "AVG", Rollup: "15m", Value: mean},
			{Name: "cpu", Type: "CPU", Operator: "STD", Rollup: "15m", Value: deviation},
		}
	}
	return nodes
}

// serveWatcher answers as load-watcher on a free port of loopback until stop.
func (s *stage) serveWatcher() (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /watcher", s.watcher)
	mux.HandleFunc("GET /watcher/health", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return "http://" + listener.Addr().String(), func() { _ = server.Close(); <-done }, nil
}
