package usage

import (
	"maps"
	"slices"
	"testing"
	"time"
)

func TestBuilder(t *testing.T) {
	b := NewBuilder(noon).
		Node("n1", CPU, Mean, 2, noon).
		Node("n1", Memory, Peak, 3, noon.Add(-time.Minute)).
		Capacity("n1", Network, 125e6, noon).
		Pod("ns", "web-5d89bdcf78-x2vz9", CPU, Mean, 1, noon).
		Pod("ns", "web-5d89bdcf78-x2vzz", CPU, Mean, 3, noon.Add(time.Second)).
		Workload(Workload{Namespace: "ns", Name: "db"}, Disk, P95, 7, noon).
		Workload(Workload{Namespace: "ns", Name: "web"}, CPU, P95, 8, noon)
	s := b.Build()
	if got := s.Taken(); !got.Equal(noon) {
		t.Errorf("taken at %v", got)
	}
	n := s.Node("n1")
	for what, tc := range map[string]struct{ got, want Sample }{
		"node mean":        {n.Usage[CPU][Mean], Sample{2, noon.UnixMilli()}},
		"node peak":        {n.Usage[Memory][Peak], Sample{3, noon.Add(-time.Minute).UnixMilli()}},
		"never measured":   {n.Usage[Memory][Mean], Sample{}},
		"capacity":         {n.Capacity[Network], Sample{125e6, noon.UnixMilli()}},
		"pod":              {s.Pod("ns", "web-5d89bdcf78-x2vz9")[CPU][Mean], Sample{1, noon.UnixMilli()}},
		"learned":          {s.Workload(Workload{Namespace: "ns", Name: "web"})[CPU][Mean], Sample{2, noon.Add(time.Second).UnixMilli()}},
		"set over learned": {s.Workload(Workload{Namespace: "ns", Name: "web"})[CPU][P95], Sample{8, noon.UnixMilli()}},
		"set without pods": {s.Workload(Workload{Namespace: "ns", Name: "db"})[Disk][P95], Sample{7, noon.UnixMilli()}},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is %v, want %v", what, tc.got, tc.want)
		}
	}
	for d, want := range map[Dimension]bool{CPU: true, Memory: false, Network: false, Disk: false} { // of the disk no mean is known
		if got := s.Learned(d); got != want {
			t.Errorf("the mean %s of a workload is known: %v, want %v", d, got, want)
		}
	}
	if u, row := s.PodNear("ns", "web-5d89bdcf78-x2vzz", 0); u != s.Pod("ns", "web-5d89bdcf78-x2vzz") || row != 1 {
		t.Errorf("the second pod is in row %d", row)
	}
	if s.Node("n2") != nil || s.Pod("ns", "n1") != nil || s.Workload(Workload{Namespace: "other", Name: "web"}) != nil {
		t.Error("something is known of what was never named")
	}

	later := b.Node("n1", CPU, Mean, 9, noon).Node("n3", CPU, Mean, 1, noon).Build()
	if s.Node("n1").Usage[CPU][Mean].Value != 2 || s.Node("n3") != nil {
		t.Error("building on changed a snapshot")
	}
	names := slices.Sorted(maps.Keys(maps.Collect(later.Nodes())))
	if !slices.Equal(names, []string{"n1", "n3"}) {
		t.Errorf("the nodes are %v", names)
	}
}

func TestEmptySnapshot(t *testing.T) {
	var s Snapshot
	if s.Node("n") != nil || s.Pod("ns", "p") != nil || s.Workload(Workload{}) != nil || !s.Taken().IsZero() {
		t.Error("the empty snapshot knows something")
	}
	for range s.Nodes() {
		t.Error("the empty snapshot has a node")
	}
}

func TestSample(t *testing.T) {
	if (Sample{}).Known() {
		t.Error("the zero sample is known")
	}
	s := Sample{Value: 0, At: noon.UnixMilli()}
	if !s.Known() {
		t.Error("a measured zero is unknown")
	}
	if got := s.Age(noon.Add(1500 * time.Millisecond)); got != 1500*time.Millisecond {
		t.Errorf("its age is %v", got)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		CPU.String(): "cpu", Memory.String(): "memory", Network.String(): "network", Disk.String(): "disk", Dimension(9).String(): "dimension(9)",
		Mean.String(): "mean", Deviation.String(): "deviation", P95.String(): "p95", Peak.String(): "peak",
		Capacity.String(): "capacity", Statistic(9).String(): "statistic(9)",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestBuilderRows says the same by name and by row.
func TestBuilderRows(t *testing.T) {
	names := []string{"web-0", "web-1", "db-0", "web-0", "db-0"}
	byName, byRow := NewBuilder(noon), NewBuilder(noon)
	rows := map[string]int32{}
	for i, name := range names {
		byName.Pod("ns", name, CPU, Mean, float64(i), noon)
		row := byRow.PodRow("ns", name)
		byRow.PodAt(row)[CPU][Mean] = Sample{Value: float64(i), At: noon.UnixMilli()}
		if before, ok := rows[name]; ok && before != row {
			t.Errorf("%s moved from row %d to %d", name, before, row)
		}
		rows[name] = row
	}
	first := byRow.Build()
	for _, name := range names {
		if got, want := *first.Pod("ns", name), *byName.Build().Pod("ns", name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	byRow.PodAt(rows["web-1"])[CPU][Mean].Value = 9
	if got := first.Pod("ns", "web-1")[CPU][Mean].Value; got != 1 {
		t.Errorf("a snapshot changed: %v", got)
	}
	byRow.Clear()
	row := byRow.PodRow("ns", "new-0")
	if got := *byRow.PodAt(row); got != (Usage{}) {
		t.Errorf("of a pod said after all was forgotten %v is known", got)
	}
	nodes, pods, workloads := byRow.Build().Len()
	if nodes != 0 || pods != 1 || workloads != 1 || first.Pod("ns", "web-1") == nil {
		t.Errorf("%d nodes, %d pods and %d workloads are left, and the snapshot knows %v", nodes, pods, workloads, first.Pod("ns", "web-1"))
	}
}
