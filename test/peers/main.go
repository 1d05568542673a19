// Command peers is a kube-scheduler with the real Trimaran plugins of
// sigs.k8s.io/scheduler-plugins, which evenkeel is compared with. It is a
// module of its own because those plugins build on an older Kubernetes.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"sigs.k8s.io/scheduler-plugins/pkg/trimaran/loadvariationriskbalancing"
	"sigs.k8s.io/scheduler-plugins/pkg/trimaran/targetloadpacking"

	// The scheduler decodes the plugins' arguments with the types that this adds to its scheme.
	_ "sigs.k8s.io/scheduler-plugins/apis/config/scheme"
)

func main() {
	command := app.NewSchedulerCommand(
		app.WithPlugin(targetloadpacking.Name, targetloadpacking.New),
		app.WithPlugin(loadvariationriskbalancing.Name, loadvariationriskbalancing.New),
	)
	os.Exit(cli.Run(command))
}
