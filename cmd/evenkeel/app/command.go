// Package app is the evenkeel command: everything on one machine.
package app

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

// NewCommand returns the evenkeel command with its subcommands.
func NewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "evenkeel",
		Short:         "Keep a private cloud on an even keel",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(newUpCommand())
	return cmd
}

// logTo sends what the control plane's parts log to a file, so that the terminal
// stays readable. The returned function ends it.
func logTo(file string) (func(), error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"logtostderr": "false", "alsologtostderr": "false", "stderrthreshold": "FATAL"} {
		if err := flags.Set(name, value); err != nil {
			return nil, fmt.Errorf("setting up logging: %w", err)
		}
	}
	klog.SetOutput(f)
	return func() {
		klog.Flush()
		f.Close()
	}, nil
}

// defaultLogFile is in the user's cache, or in the temporary directory.
func defaultLogFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	dir = filepath.Join(dir, "evenkeel")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "up.log")
}
