package controlplane

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

const (
	etcdTick     = 50 * time.Millisecond
	etcdElection = 10 * etcdTick
	etcdQuota    = 8 << 30
)

// startEtcd runs etcd on the data in dir. It listens on the unix socket alone, in a directory that
// only the owner enters: no port, and nobody else can connect.
func startEtcd(ctx context.Context, dir, socket string, durable bool) (*embed.Etcd, error) {
	server, err := embed.StartEtcd(etcdConfig(dir, socket, durable))
	if err != nil {
		return nil, fmt.Errorf("starting etcd in %q: %w", dir, err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return server, nil
	case err := <-server.Err():
		server.Close()
		return nil, fmt.Errorf("starting etcd in %q: %w", dir, err)
	case <-ctx.Done():
		server.Close()
		return nil, fmt.Errorf("waiting for etcd in %q: %w", dir, context.Cause(ctx))
	}
}

func etcdConfig(dir, socket string, durable bool) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name = "evenkeel"
	cfg.Dir = filepath.Join(dir, "etcd")
	cfg.ListenClientUrls = []url.URL{{Scheme: "unix", Path: socket}}
	cfg.ListenPeerUrls = nil
	// Advertised addresses are for other members; there are none, but etcd insists on an address.
	nobody := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg.AdvertiseClientUrls, cfg.AdvertisePeerUrls = nobody, nobody
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.TickMs = uint(etcdTick.Milliseconds())
	cfg.ElectionMs = uint(etcdElection.Milliseconds())
	cfg.QuotaBackendBytes = etcdQuota
	cfg.UnsafeNoFsync = !durable
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	return cfg
}
