package app

import (
	"context"
	"fmt"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hold"
)

const (
	// leaseName is what replicas compete for, and leaseNamespace where, unless they run in another.
	leaseName      = "evenkeel-metrics-adapter"
	leaseNamespace = "evenkeel-system"
)

// windows are the ScalingWindows of the cluster: what they hold, and who tells of it.
type windows struct {
	held    *hold.Windows
	objects *hold.Objects
	shared  informers.SharedInformerFactory
	writer  *hold.Writer
	lease   *hold.Lease
}

func newWindows(a *adapter, c *config.Config, rest *rest.Config, client kubernetes.Interface) (*windows, error) {
	w := &windows{shared: informers.NewSharedInformerFactory(client, 0)}
	untyped, err := dynamic.NewForConfig(rest)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	w.held, err = hold.New(hold.Config{
		Board: a.board, Catalogue: a.catalogue, Mapper: a.mapper, History: a.prometheus,
		Concurrency: c.Prometheus.Concurrency, Clock: clock.RealClock{}, Metrics: legacyregistry.Registerer(),
	})
	if err != nil {
		return nil, err
	}
	if w.objects, err = hold.NewObjects(w.held, untyped, w.shared); err != nil {
		return nil, err
	}
	events := record.NewBroadcaster()
	events.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	w.writer = &hold.Writer{
		Objects: w.objects, Client: untyped, Retention: hold.Retention(a.prometheus, clock.RealClock{}),
		Events: events.NewRecorder(scheme.Scheme, v1.EventSource{Component: hold.Manager}),
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("naming this replica: %w", err)
	}
	w.lease = &hold.Lease{Client: client, Namespace: namespace(), Name: leaseName, Identity: fmt.Sprintf("%s-%d", host, os.Getpid())}
	return w, nil
}

// namespace is that of the pod, where this is one.
func namespace() string {
	own, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return leaseNamespace
	}
	return string(own)
}

// start follows the board, which must not have been started.
func (w *windows) start(ctx context.Context) {
	go w.held.Run(ctx)
	w.shared.Start(ctx.Done())
	go w.objects.Run(ctx)
	go func() {
		if err := w.lease.Run(ctx, w.writer.Run); err != nil {
			klog.FromContext(ctx).Error(err, "Nobody writes the status of windows")
		}
	}()
}
