package usage

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel/internal/replay/bitbrains"
	"github.com/evenkeel/evenkeel/simulator/trace/source"
)

const (
	bitbrainsTrace = "trace.csv.gz"
	bitbrainsMeta  = "meta.csv"
	bitbrainsStep  = 5 * time.Minute
)

// readBitbrains reads a folder, or a trace with its meta.csv beside it.
func readBitbrains(path string) ([]Series, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, bitbrainsTrace)
	}
	trace, err := source.Open(path, source.MaxUnpacked)
	if err != nil {
		return nil, err
	}
	defer trace.Close()
	meta, err := source.Open(filepath.Join(filepath.Dir(path), bitbrainsMeta), source.MaxUnpacked)
	if err != nil {
		return nil, err
	}
	defer meta.Close()
	parsed, err := bitbrains.Parse(source.Rows(trace), source.Rows(meta))
	if err != nil {
		return nil, fmt.Errorf("in %s: %w", filepath.Dir(path), err)
	}
	all := make([]Series, 0, len(parsed.VMs))
	for i := range parsed.VMs {
		all = append(all, sample(&parsed.VMs[i]))
	}
	return all, nil
}

// sample brings a machine's rows, which slip and have holes, to even steps. A hole keeps the value before it.
func sample(vm *bitbrains.VM) Series {
	s := Series{Name: vm.ID, Step: bitbrainsStep}
	var share float32
	for at := vm.First(); at < vm.Last(); at += bitbrainsStep {
		middle := min(at+bitbrainsStep/2, vm.Last()-1)
		if cores, ok := vm.CPU(middle); ok {
			share = float32(cores / float64(vm.Cores))
		}
		s.Values = append(s.Values, share)
	}
	return s
}
