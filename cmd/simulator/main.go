// Command simulator plans capacity: it answers what would fit, how hot it would run and how many nodes it takes,
// by the scheduler that would decide it, on virtual time.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/evenkeel/evenkeel/cmd/simulator/app"
)

func main() {
	// Decisions make garbage by the megabyte and keep little of it.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := app.NewCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}
