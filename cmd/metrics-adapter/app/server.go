package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/component-base/logs"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/utils/clock"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/dynamicmapper"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/catalogue"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/objects"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/router"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
)

// server is the adapter as the flags have it.
type server struct {
	sources
	base       cmd.AdapterBase
	kubeconfig string
}

func (s *server) addTo(flags *pflag.FlagSet) {
	s.sources.addTo(flags)
	s.base.InstallFlags()
	own := s.base.Flags()
	// Reachable from elsewhere only where someone asked for it.
	bind := own.Lookup("bind-address")
	bind.DefValue = net.IPv4(127, 0, 0, 1).String()
	if err := bind.Value.Set(bind.DefValue); err != nil {
		panic(err) // a constant
	}
	for _, name := range []string{"client-qps", "client-burst", "lister-kubeconfig"} {
		_ = own.MarkHidden(name) // watches need no limits
	}
	flags.AddFlagSet(own)
	flags.StringVar(&s.kubeconfig, "kubeconfig", "", "`file` with the way to the API server; without it, the one of the pod's service account")
	logs.AddFlags(flags)
}

// adapter is what the server is made of.
type adapter struct {
	mapper     *dynamicmapper.RegeneratingDiscoveryRESTMapper
	objects    *objects.Objects
	board      *board.Board
	catalogue  *catalogue.Catalogue
	rules      *ruleBook
	prometheus promv1.API
	router     *router.Router // nil without other servers
	windows    *windows
}

// run serves until the context ends. Requests under way are answered first.
func (s *server) run(ctx context.Context) error {
	c, err := s.read()
	if err != nil {
		return err
	}
	s.base.RemoteKubeConfigFile = s.kubeconfig
	for _, flag := range []*string{
		&s.base.Authentication.RemoteKubeConfigFile, &s.base.Authorization.RemoteKubeConfigFile,
	} {
		if *flag == "" {
			*flag = s.kubeconfig
		}
	}
	a, err := s.build(c)
	if err != nil {
		return err
	}
	if err := a.rules.open(ctx); err != nil {
		return err
	}
	p, err := a.provider(ctx, c)
	if err != nil {
		return err
	}
	s.base.WithCustomMetrics(p)
	s.base.WithExternalMetrics(p)
	if err := s.gate(a); err != nil {
		return err
	}
	a.start(ctx)
	if err := s.base.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// build makes the parts.
func (s *server) build(c *config.Config) (*adapter, error) {
	s.base.ClientQPS = -1
	if s.base.DiscoveryInterval == 0 {
		s.base.DiscoveryInterval = time.Minute
	}
	rest, err := s.base.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the API server: %w: see --kubeconfig", err)
	}
	rest.QPS = -1
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	other, err := metadata.NewForConfig(rest)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	mapper, err := dynamicmapper.NewRESTMapper(client.Discovery(), s.base.DiscoveryInterval)
	if err != nil {
		return nil, fmt.Errorf("asking the API server for its resources: %w", err)
	}
	a := &adapter{mapper: mapper, objects: objects.New(client, other)}
	if err := a.addMetrics(c, legacyregistry.Registerer()); err != nil {
		return nil, err
	}
	a.windows, err = newWindows(a, c, rest, client)
	return a, err
}

// provider answers reads from the parts.
func (a *adapter) provider(ctx context.Context, c *config.Config) (*serve.Provider, error) {
	parts := serve.Config{Catalogue: a.catalogue, Board: a.board, Mapper: a.mapper, Objects: a.objects, Windows: a.windows.held}
	if a.router != nil {
		parts.Elsewhere = a.router
	}
	if c.Shadow != nil {
		shadow, err := router.NewShadow(ctx, *c.Shadow, a.router, clock.RealClock{}, legacyregistry.Registerer())
		if err != nil {
			return nil, err
		}
		parts.Shadow = shadow
	}
	return serve.New(parts), nil
}

// addMetrics makes the parts that ask Prometheus.
func (a *adapter) addMetrics(c *config.Config, r prometheus.Registerer) error {
	prom, err := newPrometheus(&c.Prometheus)
	if err != nil {
		return err
	}
	clk := clock.RealClock{}
	a.prometheus = prom
	a.board, err = board.New(c.Board(), prom, clk, r)
	if err != nil {
		return err
	}
	a.catalogue, err = catalogue.New(catalogue.Config{
		Interval: c.Discovery.Interval.Duration, Age: c.Discovery.MaxAge.Duration, Timeout: c.Prometheus.Timeout.Duration,
	}, prom, a.mapper, clk, r)
	if err != nil {
		return err
	}
	if len(c.Elsewhere.Upstreams) > 0 {
		if a.router, err = router.New(c.Elsewhere, clk, r); err != nil {
			return err
		}
	}
	a.rules, err = newRuleBook(c, a.catalogue.Use, clk, r)
	return err
}

// gate keeps requests away until pods and metrics are known.
func (s *server) gate(a *adapter) error {
	made, err := s.base.Server()
	if err != nil {
		return fmt.Errorf("making the server: %w", err)
	}
	ready := func(name string, known func() bool) healthz.HealthChecker {
		return healthz.NamedCheck(name, func(*http.Request) error {
			if !known() {
				return errors.New("not known yet")
			}
			return nil
		})
	}
	err = made.GenericAPIServer.AddReadyzChecks(ready("pods", a.objects.HasSynced), ready("series", a.catalogue.Asked),
		ready("windows", func() bool { return a.windows.held.Ready() == nil }))
	if err != nil {
		return fmt.Errorf("adding readiness checks: %w", err)
	}
	return nil
}

func (a *adapter) start(ctx context.Context) {
	a.mapper.RunUntil(ctx.Done())
	a.objects.Start(ctx)
	go a.catalogue.Run(ctx)
	a.windows.start(ctx)
	if a.router != nil {
		go a.router.Run(ctx)
	}
	go a.board.Run(ctx)
	go a.rules.follow(ctx)
}
