package realload

import (
	"context"

	v1 "k8s.io/api/core/v1"
)

// Driven has the plugins follow nothing and start nothing: whoever made them
// tells them of nodes and pods, on a clock of its own, as a simulation does.
// Such plugins are not for a running scheduler: they wake no pod.
func Driven() Option { return func(o *options) { o.driven = true } }

// Refresh takes in what usage is known now, and which nodes there are. A plugin
// that is not Driven does so by itself, and must not be told.
func (p *Plugin) Refresh(nodes []*v1.Node) { p.rebuildOf(context.Background(), nodes) }

// Bound tells a Driven plugin of a pod that is on its node.
func (p *Plugin) Bound(pod *v1.Pod) { p.podChanged(pod) }

// Gone tells a Driven plugin of a pod that is no more.
func (p *Plugin) Gone(pod *v1.Pod) { p.podDeleted(pod) }
