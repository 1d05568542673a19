// Package usage reads how much CPU machines and pods used, and plays it for other pods.
package usage

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/simulator/trace/source"
)

// Format is how a file of usage is written.
type Format string

// The formats of usage.
const (
	// PlanetLab has one machine a line: 288 percentages of its CPU, five minutes apart.
	PlanetLab Format = "planetlab"
	// Bitbrains has MHz used (trace.csv.gz) of MHz provisioned (meta.csv beside it).
	Bitbrains Format = "bitbrains"
	// CSV has rows series,time,value: seconds and cores.
	CSV Format = "csv"
)

// Series is the CPU that one machine or pod used.
type Series struct {
	// Name is the name in the file; a PlanetLab machine is called after its line.
	Name string
	// Step is how long each value holds; the first one does from 0 on.
	Step time.Duration
	// Values are shares of the series' own capacity (1: all of it), or cores.
	Values []float32
	// Cores says that the values are cores.
	Cores bool
}

// Read reads series of CPU use in the order in which they begin in the file. Bitbrains takes a folder or the path
// of its trace.csv.gz. An error names the file, the line and the field.
func Read(path string, format Format) ([]Series, error) {
	if format == Bitbrains {
		return readBitbrains(path)
	}
	parse := parsePlanetLab
	switch format {
	case PlanetLab:
	case CSV:
		parse = parseUsage
	default:
		return nil, fmt.Errorf("reading %s: %q is not a format of usage: planetlab, bitbrains or csv", path, format)
	}
	from, err := source.Open(path, source.MaxUnpacked)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	return parse(from, path)
}

const (
	maxValues       = 256 << 20 // of all series of a file
	planetLabValues = 288
	planetLabStep   = 5 * time.Minute
)

func parsePlanetLab(from io.Reader, file string) ([]Series, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, source.MaxRow)
	var all []Series
	line := 0
	for lines.Scan() {
		line++
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		values, err := parsePercentages(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("reading %s:%d: %w", file, line, err)
		}
		if len(all)*planetLabValues > maxValues {
			return nil, fmt.Errorf("reading %s:%d: more than %d values: split the file", file, line, maxValues)
		}
		all = append(all, Series{Name: fmt.Sprintf("line-%d", line), Step: planetLabStep, Values: values})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s:%d: %w", file, line+1, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("reading %s: no machine in it", file)
	}
	return all, nil
}

func parsePercentages(line string) ([]float32, error) {
	if found := strings.Count(line, ",") + 1; found != planetLabValues {
		return nil, fmt.Errorf("%d values, but a day has %d: one machine a line, every five minutes", found, planetLabValues)
	}
	values := make([]float32, 0, planetLabValues)
	for text := range strings.SplitSeq(line, ",") {
		percent, err := source.Number(strings.TrimSpace(text), 100)
		if err != nil {
			return nil, fmt.Errorf("field %d: %w, per cent of the machine's CPU", len(values)+1, err)
		}
		values = append(values, float32(percent/100))
	}
	return values, nil
}
