// Command evenkeel is everything on one machine: an embedded control plane with
// evenkeel's parts running against it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := app.NewCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "evenkeel:", err)
		os.Exit(1)
	}
}
