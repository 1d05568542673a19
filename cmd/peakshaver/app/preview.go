package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/calendar"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/meter"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/policy"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/preview"
	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/target"
	"github.com/evenkeel/evenkeel/simulator/report"
)

const hoursADay = 24

// forecast is what a preview is made of.
type forecast struct {
	files      []string
	kubeconfig string
	days       int
	from, zone string
	page       string

	prometheus, query, usage string
	capacity                 int64 // cores

	clock clock.PassiveClock
	ran   *meter.Ran // nil: nobody knows what Jobs used

	cluster    *target.Cluster
	policies   []*unstructured.Unstructured
	configMaps map[string]*unstructured.Unstructured
}

func newPreviewCommand() *cobra.Command {
	f := &forecast{clock: clock.RealClock{}}
	cmd := &cobra.Command{
		Use:   "preview",
		Short: "Tell what policies will do to which objects when",
		Long: `preview prints what the policies in files will do to the objects in these files
and, with --kubeconfig, to those of a cluster, which it only reads. The policies
of the cluster are not looked at.`,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.print(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.files, "filename", "f", nil, "A file with policies and, if you like, objects and holidays; - for the standard input.")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "The cluster whose objects are looked at; none if empty.")
	flags.IntVar(&f.days, "days", 14, "How many days to look ahead.")
	flags.StringVar(&f.from, "from", "", "When to begin (RFC 3339); now if empty.")
	flags.StringVar(&f.page, "html", "", "A file to write a page with pictures to.")
	flags.StringVar(&f.prometheus, "prometheus", "", "The URL of a Prometheus whose last week is replayed.")
	flags.StringVar(&f.query, "query", meter.Query, "What it is asked for: the CPU that all nodes use, in cores.")
	flags.StringVar(&f.usage, "usage-csv", "", "A file (time,cores) whose last week is replayed.")
	flags.Int64Var(&f.capacity, "capacity", 0, "The CPUs that ceilings are shares of in the replay; 0: the highest load.")
	flags.StringVar(&f.zone, "time-zone", "UTC", "The time zone that times are printed in.")
	return cmd
}

func (f *forecast) print(ctx context.Context, in io.Reader, out io.Writer) error {
	from, location, err := f.times()
	if err != nil {
		return err
	}
	f.cluster = &target.Cluster{
		Targets:    map[v1alpha1.TargetKind]cache.Indexer{},
		Namespaces: cache.NewStore(cache.MetaNamespaceKeyFunc), Priorities: cache.NewStore(cache.MetaNamespaceKeyFunc),
	}
	for _, kind := range target.Kinds() {
		f.cluster.Targets[kind] = cache.NewIndexer(cache.MetaNamespaceKeyFunc, target.Indexers(kind))
	}
	f.configMaps = map[string]*unstructured.Unstructured{}
	if f.kubeconfig != "" {
		if err := f.readCluster(ctx); err != nil {
			return err
		}
	}
	for _, name := range f.files {
		if err := f.readFile(name, in); err != nil {
			return err
		}
	}
	policies, err := f.compile()
	if err != nil {
		return err
	}
	to := from.Add(time.Duration(f.days) * hoursADay * time.Hour)
	changes, errs := preview.Of(f.cluster, policies, from, to)
	played, err := f.lastWeek(ctx, out, from, policies)
	if err != nil {
		return err
	}
	if f.page != "" {
		err = report.WriteFile(f.page, document(changes, played, from, to, location).WriteHTML)
	}
	return errors.Join(preview.Print(out, changes, location), err, errors.Join(errs...))
}

// lastWeek plays the week before a time, if its usage is given, and says what came of it; nil if not.
func (f *forecast) lastWeek(ctx context.Context, out io.Writer, until time.Time, policies []*policy.Policy) (*week, error) {
	past, ok, err := f.past(ctx, until)
	if err != nil || !ok {
		return nil, err
	}
	played, err := f.replay(ctx, past, policies)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(out, "%s\n\n", played.summary())
	return played, err
}

func (f *forecast) times() (from time.Time, location *time.Location, err error) {
	if f.days < 1 || f.days > 366 {
		return from, nil, fmt.Errorf("--days is %d: it must be from 1 to 366", f.days)
	}
	if location, err = time.LoadLocation(f.zone); err != nil {
		return from, nil, fmt.Errorf("reading --time-zone: %w", err)
	}
	if from = f.clock.Now().Truncate(time.Second); f.from != "" {
		if from, err = time.Parse(time.RFC3339, f.from); err != nil {
			return from, nil, fmt.Errorf("reading --from: %w", err)
		}
	}
	return from, location, nil
}

func (f *forecast) readFile(name string, in io.Reader) error {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("reading -f: %w", err)
		}
		defer file.Close()
		in = file
	}
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for i := 1; ; i++ {
		var document runtime.RawExtension
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if text := string(document.Raw); err == nil && text != "" && text != "null" {
			u := &unstructured.Unstructured{}
			if err = u.UnmarshalJSON(document.Raw); err == nil {
				err = f.add(u)
			}
		}
		if err != nil {
			return fmt.Errorf("reading document %d of %s: %w", i, name, err)
		}
	}
}

// add takes an object where it belongs; one that policies have nothing to do with is passed over.
func (f *forecast) add(u *unstructured.Unstructured) error {
	kind := u.GetKind()
	objects := f.cluster.Targets[v1alpha1.TargetKind(kind)]
	if u.GetNamespace() == "" && (kind == "PeakPolicy" || objects != nil && kind != string(v1alpha1.ClusterQueue)) {
		u.SetNamespace(metav1.NamespaceDefault)
	}
	switch kind {
	case "PeakPolicy", "ClusterPeakPolicy":
		f.policies = append(f.policies, u)
	case "ConfigMap":
		f.configMaps[target.NameOf(u)] = u
	case "Namespace":
		return f.cluster.Namespaces.Add(u)
	case "PriorityClass":
		return f.cluster.Priorities.Add(u)
	}
	if objects == nil {
		return nil
	}
	return objects.Add(u)
}

func (f *forecast) readCluster(ctx context.Context) error {
	config, err := restConfig(f.kubeconfig)
	if err != nil {
		return err
	}
	client, objects, err := connect(config)
	if err != nil {
		return err
	}
	resources := []schema.GroupVersionResource{
		{Version: "v1", Resource: "namespaces"}, {Version: "v1", Resource: "configmaps"},
		{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"},
	}
	kinds, err := presentKinds(client)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		resources = append(resources, target.ResourceOf(kind))
	}
	for _, resource := range resources {
		list, err := objects.Resource(resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("reading %s: %w", resource.Resource, err)
		}
		for i := range list.Items {
			if err := f.add(&list.Items[i]); err != nil {
				return fmt.Errorf("reading %s: %w", resource.Resource, err)
			}
		}
	}
	return nil
}

func (f *forecast) compile() ([]*policy.Policy, error) {
	if len(f.policies) == 0 {
		return nil, errors.New("no policy is given: name a file that has one with -f")
	}
	var policies []*policy.Policy
	var errs []error
	for _, u := range f.policies {
		var typed v1alpha1.ClusterPeakPolicy // a PeakPolicy has the same fields
		err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, &typed, true)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", u.GetKind(), target.NameOf(u), err))
			continue
		}
		lookup := func(of v1alpha1.CalendarReference) (*calendar.Holidays, error) {
			return f.calendar(u.GetNamespace(), of)
		}
		compiled, wrong := policy.Compile(u.GetNamespace(), u.GetName(), &typed.Spec, lookup)
		if err := wrong.ToAggregate(); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", u.GetKind(), target.NameOf(u), err))
		}
		policies = append(policies, compiled)
	}
	return policies, errors.Join(errs...)
}

func (f *forecast) calendar(namespace string, of v1alpha1.CalendarReference) (*calendar.Holidays, error) {
	return target.Calendar(namespace, of, func(namespace string) (*unstructured.Unstructured, error) {
		u := f.configMaps[namespace+"/"+of.Name]
		if u == nil {
			return nil, fmt.Errorf("there is no ConfigMap %s/%s in the files or the cluster", namespace, of.Name)
		}
		return u, nil
	})
}
