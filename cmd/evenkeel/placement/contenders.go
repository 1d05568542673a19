package placement

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/trial"
	"github.com/evenkeel/evenkeel/cmd/scheduler/app"
)

// contenders are the stock scheduler, the peers asked for, and evenkeel.
func (p *Placement) contenders() ([]trial.Contender, error) {
	all := []trial.Contender{{Name: "stock", SchedulerName: "default-scheduler", Run: runStock}}
	taken := map[string]bool{"stock": true, "evenkeel": true}
	for _, peer := range p.peers {
		name, command, ok := strings.Cut(peer, "=")
		if !ok || command == "" {
			return nil, fmt.Errorf("--peer %q: must be NAME=COMMAND", peer)
		}
		if wrong := validation.IsDNS1123Label(name); len(wrong) > 0 {
			return nil, fmt.Errorf("--peer %q: NAME: %s", peer, wrong[0])
		}
		if taken[name] {
			return nil, fmt.Errorf("--peer %q: there is a scheduler of that name already", peer)
		}
		taken[name] = true
		all = append(all, trial.Contender{Name: name, SchedulerName: name, Run: runPeer(name, command)})
	}
	return append(all, trial.Contender{Name: "evenkeel", SchedulerName: "evenkeel", Run: runEvenkeel}), nil
}

// runStock runs kube-scheduler as it comes: one default profile, no plugin of ours.
func runStock(ctx context.Context, env trial.Env) error {
	return runScheduler(ctx, env, app.StockConfiguration())
}

// runEvenkeel runs evenkeel's scheduler on the usage being replayed.
func runEvenkeel(ctx context.Context, env trial.Env) error {
	return runScheduler(ctx, env, []byte(evenkeelConfig(env.PrometheusURL, env.Speed)))
}

func runScheduler(ctx context.Context, env trial.Env, config []byte) error {
	return app.Run(ctx, app.Options{
		Configuration: config,
		RESTConfig:    env.RESTConfig,
		WhySocket:     filepath.Join(env.Dir, "why.sock"),
	})
}

// runPeer runs a scheduler of another build. It finds what it needs in its
// environment.
func runPeer(name, command string) func(context.Context, trial.Env) error {
	return func(ctx context.Context, env trial.Env) error {
		//nolint:gosec // the command is the user's own, from --peer
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "exec "+command)
		cmd.Dir = env.Dir
		cmd.Env = append(os.Environ(),
			"KUBECONFIG="+env.Kubeconfig,
			"SCHEDULER_NAME="+name,
			"WATCHER_ADDRESS="+env.WatcherURL,
			"PROMETHEUS_ADDRESS="+env.PrometheusURL,
		)
		log, err := os.Create(filepath.Join(env.Dir, "log"))
		if err != nil {
			return fmt.Errorf("opening the log of peer %q: %w", name, err)
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 5 * time.Second
		if err := cmd.Run(); err != nil && ctx.Err() == nil {
			tail, _ := os.ReadFile(log.Name())
			return errors.Join(fmt.Errorf("running peer %q: %w", name, err), errors.New(lastLines(string(tail), 5)))
		}
		return nil
	}
}

// lastLines are the last n lines of a text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
