package series

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// maxPoints bounds the steps of one range query, as a Prometheus server does.
const maxPoints = 11_000

// Catalog says what the metrics of /metrics are.
type Catalog map[string]Metric

// Metric describes the series of one name.
type Metric struct {
	Help    string
	Counter bool // otherwise a gauge
}

// Handler serves the part of Prometheus' HTTP API that a reader of metrics
// needs (query, query_range, series, values of a label) and the newest values at
// /metrics. now is the time of a query that names none.
func (db *DB) Handler(catalog Catalog, now func() time.Time) http.Handler {
	api := &api{db: db, now: now}
	mux := http.NewServeMux()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		mux.HandleFunc(method+" /api/v1/query", api.query)
		mux.HandleFunc(method+" /api/v1/query_range", api.queryRange)
		mux.HandleFunc(method+" /api/v1/series", api.series)
	}
	mux.HandleFunc("GET /api/v1/label/{name}/values", api.labelValues)
	mux.Handle("GET /metrics", exposition{db: db, catalog: catalog})
	for _, path := range []string{"GET /-/healthy", "GET /-/ready"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	}
	return mux
}

type api struct {
	db  *DB
	now func() time.Time
}

// answer is the envelope of Prometheus' HTTP API.
type answer struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
}

type queryData struct {
	ResultType parser.ValueType `json:"resultType"`
	Result     parser.Value     `json:"result"`
}

func (a *api) query(w http.ResponseWriter, r *http.Request) {
	at, err := parseTime(r, "time", a.now())
	if err != nil {
		badData(w, err)
		return
	}
	timeout, err := parseTimeout(r)
	if err != nil {
		badData(w, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	query, err := a.db.Query(ctx, r.FormValue("query"), at)
	if err != nil {
		badData(w, err)
		return
	}
	execute(ctx, w, query)
}

func (a *api) queryRange(w http.ResponseWriter, r *http.Request) {
	start, end, step, err := parseRange(r)
	if err != nil {
		badData(w, err)
		return
	}
	timeout, err := parseTimeout(r)
	if err != nil {
		badData(w, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	query, err := a.db.QueryRange(ctx, r.FormValue("query"), start, end, step)
	if err != nil {
		badData(w, err)
		return
	}
	execute(ctx, w, query)
}

func (a *api) labelValues(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !model.UTF8Validation.IsValidLabelName(name) {
		badData(w, fmt.Errorf("invalid label name %q", name))
		return
	}
	values, err := a.db.LabelValues(r.Context(), name)
	if err != nil {
		reply(w, http.StatusInternalServerError, answer{Status: "error", ErrorType: "internal", Error: err.Error()})
		return
	}
	if values == nil {
		values = []string{}
	}
	reply(w, http.StatusOK, answer{Status: "success", Data: values})
}

func (a *api) series(w http.ResponseWriter, r *http.Request) {
	start, err := parseTime(r, "start", time.UnixMilli(0))
	if err != nil {
		badData(w, err)
		return
	}
	end, err := parseTime(r, "end", a.now())
	if err != nil {
		badData(w, err)
		return
	}
	selectors, err := parser.NewParser(parser.Options{}).ParseMetricSelectors(r.Form["match[]"])
	if err != nil || len(selectors) == 0 {
		badData(w, fmt.Errorf("invalid parameter \"match[]\": %w", cmp.Or(err, errors.New("give at least one"))))
		return
	}
	found, err := a.db.Series(r.Context(), selectors, start, end)
	if err != nil {
		reply(w, http.StatusInternalServerError, answer{Status: "error", ErrorType: "internal", Error: err.Error()})
		return
	}
	if found == nil {
		found = []labels.Labels{}
	}
	reply(w, http.StatusOK, answer{Status: "success", Data: found})
}

func execute(ctx context.Context, w http.ResponseWriter, query promql.Query) {
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		code, kind := errorKind(result.Err)
		reply(w, code, answer{Status: "error", ErrorType: kind, Error: result.Err.Error()})
		return
	}
	var warnings []string
	for _, warning := range result.Warnings.AsErrors() {
		warnings = append(warnings, warning.Error())
	}
	data := queryData{ResultType: result.Value.Type(), Result: result.Value}
	switch v := result.Value.(type) { // JSON has [] for no series, not null
	case promql.Vector:
		if v == nil {
			data.Result = promql.Vector{}
		}
	case promql.Matrix:
		if v == nil {
			data.Result = promql.Matrix{}
		}
	}
	reply(w, http.StatusOK, answer{Status: "success", Data: data, Warnings: warnings})
}

func errorKind(err error) (code int, kind string) {
	var canceled promql.ErrQueryCanceled
	var timeout promql.ErrQueryTimeout
	var storage promql.ErrStorage
	switch {
	case errors.As(err, &canceled):
		return http.StatusServiceUnavailable, "canceled"
	case errors.As(err, &timeout):
		return http.StatusServiceUnavailable, "timeout"
	case errors.As(err, &storage):
		return http.StatusInternalServerError, "internal"
	}
	return http.StatusUnprocessableEntity, "execution"
}

func badData(w http.ResponseWriter, err error) {
	reply(w, http.StatusBadRequest, answer{Status: "error", ErrorType: "bad_data", Error: err.Error()})
}

// reply writes an answer. A client that went away is nobody's error.
func reply(w http.ResponseWriter, code int, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(a)
}

// parseTimeout reads how long a query may take; the database's own bound holds
// in any case.
func parseTimeout(r *http.Request) (time.Duration, error) {
	text := r.FormValue("timeout")
	if text == "" {
		return queryTimeout, nil
	}
	timeout, err := parseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("invalid parameter \"timeout\": %w", err)
	}
	return timeout, nil
}

func parseRange(r *http.Request) (start, end time.Time, step time.Duration, err error) {
	if start, err = parseTime(r, "start", time.Time{}); err != nil {
		return start, end, step, err
	}
	if end, err = parseTime(r, "end", time.Time{}); err != nil {
		return start, end, step, err
	}
	if step, err = parseDuration(r.FormValue("step")); err != nil {
		return start, end, step, fmt.Errorf("invalid parameter \"step\": %w", err)
	}
	switch {
	case end.Before(start):
		err = errors.New(`invalid parameter "end": end timestamp must not be before start time`)
	case step <= 0:
		err = errors.New(`invalid parameter "step": must be greater than zero`)
	case end.Sub(start)/step > maxPoints:
		err = fmt.Errorf("exceeded maximum resolution of %d points per series: make the step longer", maxPoints)
	}
	return start, end, step, err
}

// parseTime reads a time in Unix seconds or RFC 3339. Without a default the
// parameter must be there.
func parseTime(r *http.Request, parameter string, fallback time.Time) (time.Time, error) {
	text := r.FormValue(parameter)
	if text == "" && !fallback.IsZero() {
		return fallback, nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(seconds) < 1e12 {
		return time.UnixMilli(int64(math.Round(seconds * 1000))), nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("invalid parameter %q: cannot parse %q to a valid timestamp", parameter, text)
}

// parseDuration reads a duration in seconds or in Prometheus' own notation.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(seconds) < 1e9 {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	if d, err := model.ParseDuration(text); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
}

// name is the metric name of a series.
func name(l labels.Labels) string { return l.Get(model.MetricNameLabel) }
