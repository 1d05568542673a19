// Package scenario is what the scenarios of `evenkeel up` have in common: where they play, what they show meanwhile, and
// whom they tell the verdict.
package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/pflag"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/controlplane"
)

// Scenario is something that `evenkeel up` plays.
type Scenario interface {
	// Bind adds the scenario's own flags.
	Bind(flags *pflag.FlagSet)
	// Play plays it to its end. What the flags ask for is checked before anything starts, the control plane is had from
	// the setting by Start, the verdict is handed to it by Conclude, and nothing is left running.
	Play(ctx context.Context, s *Setting) error
}

// Verdict is what a scenario comes to.
type Verdict interface {
	json.Marshaler
	// Table writes it for a person.
	Table(w io.Writer) error
	// Picture draws it, as "png" or "svg".
	Picture(w io.Writer, format string) error
}

// Setting is where a scenario plays.
type Setting struct {
	DataDir string // of the control plane; empty: temporary
	View    View
	Clock   clock.WithTicker
	// Keep has everything stay up after the verdict until the context ends.
	Keep bool
	// Report writes the verdict; may be nil.
	Report func(Verdict) error
}

// Start starts a control plane for the caller to stop.
func (s *Setting) Start(ctx context.Context, o controlplane.Options) (*controlplane.ControlPlane, error) {
	s.View.Phase("starting etcd, kube-apiserver and kube-controller-manager")
	o.DataDir = s.DataDir
	plane, err := controlplane.Start(ctx, o)
	if err == nil && s.Keep {
		s.View.Phase("export KUBECONFIG=" + plane.Kubeconfig())
	}
	return plane, err
}

// Connect returns clients of a control plane.
func Connect(plane *controlplane.ControlPlane) (kubernetes.Interface, dynamic.Interface, error) {
	typed, err := kubernetes.NewForConfig(plane.RESTConfig())
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to the control plane: %w", err)
	}
	untyped, err := dynamic.NewForConfig(plane.RESTConfig())
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to the control plane: %w", err)
	}
	return typed, untyped, nil
}

// Conclude reports the verdict, and keeps everything up for as long as was asked.
func (s *Setting) Conclude(ctx context.Context, v Verdict) error {
	if s.Report != nil {
		if err := s.Report(v); err != nil {
			return err
		}
	}
	if s.Keep {
		<-ctx.Done()
	}
	return nil
}
