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

// memoryLimit is what garbage may grow to; what is in use may be more.
const memoryLimit = 3 << 30

func main() {
	// Decisions make garbage by the megabyte and keep little of it: collect it rarely, while there is memory.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := app.NewCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}
