package controlplane

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BenchmarkPods creates b.N pods bound to 100 nodes and waits until all run: the time of an operation
// is one pod's share.
func BenchmarkPods(b *testing.B) {
	cfg := shared.RESTConfig()
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	client := clientFor(b, cfg)
	ns, names := namespace(b, client), nodes(b, client, fmt.Sprintf("bench-%d", b.N), 100)
	b.ResetTimer()
	var creators sync.WaitGroup
	for worker := range 8 {
		creators.Go(func() {
			for i := worker; i < b.N; i += 8 {
				pod := &v1.Pod{
					ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%d", i)},
					Spec:       v1.PodSpec{NodeName: names[i%len(names)], Containers: container()},
				}
				if _, err := client.CoreV1().Pods(ns).Create(b.Context(), pod, metav1.CreateOptions{}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	creators.Wait()
	created := b.Elapsed()
	eventually(b, "all pods run", func() (bool, error) {
		pods, err := client.CoreV1().Pods(ns).List(b.Context(), metav1.ListOptions{FieldSelector: "status.phase=Running"})
		return err == nil && len(pods.Items) == b.N, err
	})
	b.StopTimer()
	b.ReportMetric((b.Elapsed() - created).Seconds(), "s-last-pod")

	began := time.Now()
	if err := client.CoreV1().Pods(ns).DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		b.Fatal(err)
	}
	eventually(b, "all pods are gone", func() (bool, error) {
		pods, err := client.CoreV1().Pods(ns).List(b.Context(), metav1.ListOptions{Limit: 1})
		return err == nil && len(pods.Items) == 0, err
	})
	b.ReportMetric(time.Since(began).Seconds(), "s-removal")
}
