package scheduler

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/apimachinery/pkg/watch"
	perf "k8s.io/kubernetes/test/integration/scheduler_perf"
)

// asEtcd is the name under which this program is etcd: scheduler_perf starts the program of that name in
// PATH, a new one for each workload.
const asEtcd = "etcd"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == asEtcd {
		go endWithParent(os.Getppid())
		etcdmain.Main(os.Args)
		return
	}
	if err := run(m); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(m *testing.M) (err error) {
	bin, err := os.MkdirTemp("", "evenkeel-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Symlink(self, filepath.Join(bin, asEtcd)); err != nil {
		return err
	}
	if err := os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		return err
	}
	if err := perf.InitTests(); err != nil {
		return fmt.Errorf("initializing scheduler_perf: %w", err)
	}
	// A fake client panics when a watcher falls behind by more than this; a burst is the purpose here.
	watch.DefaultChanSize = 100_000
	if code := m.Run(); code != 0 {
		return fmt.Errorf("failed with exit code %d", code)
	}
	return nil
}

// endWithParent keeps etcd from outliving a benchmark that was killed.
func endWithParent(parent int) {
	for range time.Tick(time.Second) {
		if os.Getppid() != parent {
			os.Exit(1)
		}
	}
}
