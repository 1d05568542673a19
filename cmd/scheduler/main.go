// Command scheduler is kube-scheduler with evenkeel's plugins: it places pods
// by the load that was measured.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/component-base/cli"

	"github.com/evenkeel/evenkeel/cmd/scheduler/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := app.NewCommand()
	cmd.SetContext(ctx)
	// What is wrong with flags and configuration is for people to read, so it
	// is printed as it is rather than logged.
	if err := cli.RunNoErrOutput(cmd); err != nil {
		fmt.Fprintf(os.Stderr, "Error: %v\n", err)
		os.Exit(1)
	}
}
