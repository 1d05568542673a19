package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel/evenkeel/simulator/report"
	"github.com/evenkeel/evenkeel/simulator/scaling"
	"github.com/evenkeel/evenkeel/simulator/trace/source"
)

type scalingFlags struct {
	usage, format, series string
	policies              []string
	from, duration        time.Duration
	peak, target, served  float64
	loop, delay, startUp  time.Duration
	restart               time.Duration
	most                  int32
	out, page             string
}

func newScalingCommand() *cobra.Command {
	f := &scalingFlags{}
	cmd := &cobra.Command{
		Use:   "scaling [--usage FILE --usage-format FORMAT [--series NAME]]",
		Short: "Play a demand under HPAs with and without a window, and compare them",
		Long: `scaling plays a demand over time under the arithmetic of kube-controller-manager's
HPA, with and without a window before it, and compares them at the same served
demand: changes of size, reversals, pod-hours. Without --usage it plays a spiky
machine of the Bitbrains trace.

Policies are ` + scaling.Grammar + ".",
		Example: `  simulator scaling --html scaling.html
  simulator scaling --usage requests.csv --usage-format csv --policies hpa,max-1h,pods-30m-1-30m --served 0.9995`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.usage, "usage", "", "`file` of demand; absent: a machine of the embedded Bitbrains trace")
	flags.StringVar(&f.format, "usage-format", "", "planetlab, bitbrains, or csv (timestamp,value)")
	flags.StringVar(&f.series, "series", "", "which series of the file, or which machine of the trace; default the first, or "+scaling.Recorded)
	flags.StringSliceVar(&f.policies, "policies", scaling.Policies(), "policies to compare")
	flags.DurationVar(&f.from, "from", 0, "where in the series to begin")
	flags.DurationVar(&f.duration, "duration", 7*24*time.Hour, "how much of it to play; 0: all")
	flags.Float64Var(&f.peak, "peak", 40, "how many pods the highest demand takes, all of each")
	flags.Float64Var(&f.target, "target", 1, "the part of a pod that is aimed at, at most")
	flags.Float64Var(&f.served, "served", 0.99, "the part of the demand to be served, for which the target is lowered; 0: whatever comes of it")
	flags.DurationVar(&f.loop, "loop", 15*time.Second, "how often the HPA looks")
	flags.DurationVar(&f.delay, "delay", 30*time.Second, "how old a metric is when the HPA sees it")
	flags.DurationVar(&f.startUp, "start-up", time.Minute, "how long a pod takes to serve")
	flags.DurationVar(&f.restart, "restart", 0, "how often the controller restarts, and holds the size that it finds; 0: never")
	flags.Int32Var(&f.most, "max-replicas", 100, "the HPA's maxReplicas")
	flags.StringVar(&f.out, "out", "", "`file` to write results to, as JSON")
	flags.StringVar(&f.page, "html", "", "`file` to write a page with plots to")
	return cmd
}

func (f *scalingFlags) run(cmd *cobra.Command) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	bar := progress(cmd, len(options.Policies))
	options.Done = func(r *scaling.Result) {
		bar.Note(r.Policy)
		bar.Add(1)
	}
	results, err := scaling.Run(cmd.Context(), options)
	bar.Done()
	if err != nil {
		return err
	}
	if err := save(f.out, func(w io.Writer) error { return json.NewEncoder(w).Encode(results) }); err != nil {
		return err
	}
	document := scaling.Document(options, results)
	if f.usage != "" {
		document.Facts = append(document.Facts, report.Fact{Label: "Usage", Value: f.usage})
	}
	return show(cmd, document, f.page)
}

func (f *scalingFlags) options() (*scaling.Options, error) {
	o := &scaling.Options{
		Loop: f.loop, Delay: f.delay, StartUp: f.startUp, Restart: f.restart, Max: f.most, Target: f.target, Served: f.served, Curves: f.page != "",
	}
	for _, name := range f.policies {
		policy, err := scaling.ParsePolicy(name)
		if err != nil {
			return nil, fmt.Errorf("--policies: %w", err)
		}
		o.Policies = append(o.Policies, policy)
	}
	if f.peak <= 0 {
		return nil, fmt.Errorf("--peak %v: give a number above 0", f.peak)
	}
	demand, err := f.demand()
	if err != nil {
		return nil, err
	}
	if o.Demand, err = demand.Scaled(f.from, f.duration, f.peak); err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	return o, nil
}

func (f *scalingFlags) demand() (*scaling.Demand, error) {
	if f.usage == "" {
		if f.series == "" {
			f.series = scaling.Recorded
		}
		demand, err := scaling.OfRecorded(f.series)
		if err != nil {
			return nil, fmt.Errorf("--series: %w", err)
		}
		return demand, nil
	}
	if strings.EqualFold(f.format, "csv") {
		return f.readCSV()
	}
	series, err := readUsage(f.usage, f.format)
	if err != nil {
		return nil, err
	}
	demand, err := scaling.OfUsage(series, f.series)
	if err != nil {
		return nil, fmt.Errorf("--series: %w", err)
	}
	return demand, nil
}

// readCSV reads one series, as monitoring exports it.
func (f *scalingFlags) readCSV() (*scaling.Demand, error) {
	file, err := source.Open(f.usage, source.MaxUnpacked)
	if err != nil {
		return nil, fmt.Errorf("--usage: %w", err)
	}
	defer file.Close()
	demand, err := scaling.ReadCSV(file, f.usage)
	if err != nil {
		return nil, fmt.Errorf("--usage: %w", err)
	}
	return demand, nil
}
