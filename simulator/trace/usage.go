package trace

import (
	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

// ReadUsage reads the CPU use of machines or pods; the package usage says how the formats look.
func ReadUsage(path string, format usage.Format) ([]usage.Series, error) {
	return usage.Read(path, format)
}

// Join gives each pod a curve: a share of what a series of usage says, drawn by the seed and the pod's name. The pods
// given are left as they are.
func Join(pods []Pod, series []usage.Series, scale float64, seed int64) []Pod {
	joined := append([]Pod(nil), pods...)
	if len(series) == 0 {
		return joined
	}
	library := usage.NewLibrary(series, scale, seed)
	for i := range joined {
		pod := joined[i].Object
		joined[i].Curve = library.Curve(pod.Namespace, pod.Name, cpuMilli(pod.Spec.Containers))
	}
	return joined
}
