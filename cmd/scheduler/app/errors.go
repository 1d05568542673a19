package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
)

// checkFlags finds what is wrong with flags before anything is opened.
func (f *flags) checkFlags() error {
	if errs := f.Validate(); len(errs) > 0 {
		return fmt.Errorf("checking flags: %w", utilerrors.NewAggregate(errs))
	}
	// A flag goes before the file: upstream ignores --kubeconfig beside
	// --config, which surprises everyone once.
	file, from := f.ComponentConfig.ClientConnection.Kubeconfig, "clientConnection.kubeconfig of --config"
	if f.Flags.FlagSet("deprecated").Changed("kubeconfig") {
		file, from = f.Deprecated.Kubeconfig, "--kubeconfig"
	}
	if file != "" {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("reading %s: %w", from, err)
		}
		return nil
	}
	if _, err := rest.InClusterConfig(); f.Master == "" && errors.Is(err, rest.ErrNotInCluster) {
		return errors.New("no cluster to schedule for: name a kubeconfig with --kubeconfig, or with clientConnection.kubeconfig in --config; " +
			"neither is needed only inside a pod")
	}
	return nil
}

// cure adds to an error of upstream's, which tells what failed, what to do.
func (f *flags) cure(err error, port int) error {
	if text := err.Error(); strings.Contains(text, "address already in use") {
		return fmt.Errorf("opening --secure-port %d on --bind-address %s: %w: choose a free port, or 0 to serve no metrics and health checks",
			port, f.SecureServing.BindAddress, err)
	}
	return fmt.Errorf("preparing the scheduler: %w", err)
}
