package adapter

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1 "k8s.io/client-go/listers/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/catalogue"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
)

// asAdapter is the name under which this program is the adapter: a process of its own, so that its memory is its own.
const asAdapter = "evenkeel-adapter"

func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard()) // the control plane says much
	if filepath.Base(os.Args[0]) == asAdapter {
		if err := adapt(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// adapt serves the provider, with the flags of prometheus-adapter.
func adapt() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	base := &cmd.AdapterBase{Name: asAdapter, FlagSet: pflag.NewFlagSet(asAdapter, pflag.ContinueOnError)}
	address := base.Flags().String("prometheus-url", "", "")
	config := base.Flags().String("config", "", "")
	if err := base.Flags().Parse(os.Args[1:]); err != nil {
		return err
	}
	provider, err := newProvider(ctx, base, *address, *config)
	if err != nil {
		return err
	}
	base.WithCustomMetrics(provider)
	base.WithExternalMetrics(provider)
	return base.Run(ctx)
}

func newProvider(ctx context.Context, base *cmd.AdapterBase, address, config string) (*serve.Provider, error) {
	client, err := api.NewClient(api.Config{Address: address})
	if err != nil {
		return nil, err
	}
	mapper, err := base.RESTMapper()
	if err != nil {
		return nil, err
	}
	informers, err := base.Informers()
	if err != nil {
		return nil, err
	}
	pods := informers.Core().V1().Pods()
	synced := pods.Informer().HasSynced
	informers.Start(ctx.Done())
	for !synced() {
		<-time.After(10 * time.Millisecond)
	}
	b, err := board.New(board.Config{}, promv1.NewAPI(client), clock.RealClock{}, nil)
	if err != nil {
		return nil, err
	}
	cat, err := catalogue.New(catalogue.Config{}, promv1.NewAPI(client), mapper, clock.RealClock{}, nil)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	cat.Use(rules.Parse(config, text))
	cat.Refresh(ctx)
	go cat.Run(ctx)
	go b.Run(ctx)
	return serve.New(serve.Config{Catalogue: cat, Board: b, Mapper: mapper, Objects: objects{pods.Lister()}}), nil
}

// objects are pods, from an informer.
type objects struct{ pods corev1.PodLister }

// Select implements serve.Objects.
func (o objects) Select(_ context.Context, _ schema.GroupVersionResource, namespace string, by labels.Selector) ([]serve.Object, error) {
	pods, err := o.pods.Pods(namespace).List(by)
	list := make([]serve.Object, len(pods))
	for i, pod := range pods {
		list[i] = serve.Object{Name: pod.Name, Idle: pod.DeletionTimestamp != nil || pod.Status.Phase != v1.PodRunning}
	}
	return list, err
}
