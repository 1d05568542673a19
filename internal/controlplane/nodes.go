package controlplane

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/evenkeel/evenkeel/internal/controlplane/kubelet"
)

const (
	// NodeLabel marks, with NodeLabelValue as its value, the nodes that StartNodes brings to life.
	NodeLabel = kubelet.NodeLabel
	// NodeLabelValue is the value of NodeLabel.
	NodeLabelValue = kubelet.NodeLabelValue
	// RunForAnnotation on a pod is how long its containers run before they succeed ("90s").
	RunForAnnotation = kubelet.RunForAnnotation
)

// NodeOptions say how nodes live: how long their leases last, and how long containers take to stop.
type NodeOptions = kubelet.Options

// NewNode returns a node for the API server to create and StartNodes to manage. All of its capacity
// is allocatable; a capacity that does not say how many pods fit is given the usual 110.
func NewNode(name string, labels map[string]string, capacity v1.ResourceList) *v1.Node {
	return kubelet.NewNode(name, labels, capacity)
}

// StartNodes brings all nodes labelled NodeLabel=NodeLabelValue to life, those that exist and those
// still to come: they report ready and renew their leases, and pods bound to them start, run and stop.
// It returns once existing nodes and pods are known. The nodes live until the context ends or Stop.
func (c *ControlPlane) StartNodes(ctx context.Context, o NodeOptions) error {
	cfg := c.ConfigFor("evenkeel-kubelets", mastersGroup)
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.UserAgent = "evenkeel-kubelets"
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("starting nodes: %w", err)
	}
	synced := make(chan struct{})
	p, err := c.run(ctx, "nodes", func(running context.Context) error {
		running, cancel := context.WithCancel(running)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		return kubelet.Run(running, client, c.clock, o, func() { close(synced) })
	})
	if err != nil {
		return fmt.Errorf("starting nodes: %w", err)
	}
	select {
	case <-synced:
		return nil
	case <-p.done:
		return errors.Join(errors.New("starting nodes: they ended early"), context.Cause(ctx), p.err)
	}
}
