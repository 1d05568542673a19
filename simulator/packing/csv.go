package packing

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
)

// WriteCSV writes results with the columns of the published ones.
func WriteCSV(w io.Writer, results []*Result) error {
	out := csv.NewWriter(w)
	header := []string{"workload", "sc_policy", "tune", "seed", "total_gpus"}
	for percent := range Percents {
		header = append(header, strconv.Itoa(percent))
	}
	rows := [][]string{header}
	for _, r := range results {
		row := []string{
			r.Workload, r.Policy, strconv.FormatFloat(r.Tune, 'g', -1, 64),
			strconv.FormatInt(r.Seed, 10), strconv.FormatInt(r.GPUs, 10),
		}
		for _, percent := range r.Allocated {
			row = append(row, formatPercent(percent))
		}
		rows = append(rows, row)
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	return nil
}

// formatPercent leaves out what nobody measured.
func formatPercent(percent float64) string {
	if math.IsNaN(percent) {
		return ""
	}
	return strconv.FormatFloat(percent, 'f', -1, 64)
}
