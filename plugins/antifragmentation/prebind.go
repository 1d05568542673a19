package antifragmentation

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/frag"
	"github.com/evenkeel/evenkeel/plugins/antifragmentation/ledger"
)

func (p *Plugin) devicesOf(pod *v1.Pod) frag.Mask {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ledger.Devices(pod.UID)
}

// PreBindPreFlight implements fwk.PreBindPlugin.
func (p *Plugin) PreBindPreFlight(
	_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ string,
) (*fwk.PreBindPreFlightResult, *fwk.Status) {
	if p.devicesOf(pod) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}

// PreBind implements fwk.PreBindPlugin: it writes the pod's devices where the node's device plugin, and we
// after a restart, find them.
func (p *Plugin) PreBind(ctx context.Context, _ fwk.CycleState, pod *v1.Pod, _ string) *fwk.Status {
	devices := ledger.FormatDevices(p.devicesOf(pod))
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         pod.UID, // not of another pod of that name
		"annotations": map[string]string{p.args.Devices.Annotation: devices},
	}})
	if err != nil {
		return fwk.AsStatus(fmt.Errorf("encoding the devices of pod %s: %w", klog.KObj(pod), err))
	}
	pods := p.handle.ClientSet().CoreV1().Pods(pod.Namespace)
	if _, err := pods.Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fwk.AsStatus(fmt.Errorf("writing the devices of pod %s: %w", klog.KObj(pod), err))
	}
	klog.FromContext(ctx).V(2).Info("Wrote the devices of a pod", "pod", klog.KObj(pod), "devices", devices)
	return nil
}
