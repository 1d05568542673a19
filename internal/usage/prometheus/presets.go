package prometheus

import (
	"strings"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// measure is how one dimension of nodes or pods is measured.
type measure struct {
	// rate gives the series before they are summed up by object, averaged over
	// $window; match is put into each of its selectors.
	rate func(match string) string
	// sum is how the series of one object become one: sum or max.
	sum string
	// samples selects the series that say how old the rate is.
	samples string
}

const (
	// Interfaces that carry what another one carries too, or never leave the node.
	virtualInterfaces = `lo|veth.*|cali.*|cni.*|cilium.*|lxc.*|flannel.*|weave.*|docker.*|br-.*|virbr.*|ovs.*|vnet.*|tun.*|tap.*|` +
		`ifb.*|ip6tnl.*|sit.*|wg.*|vxlan.*|geneve.*|gre.*|kube-.*|nodelocaldns|dummy.*|bond.*|team.*|.+[.].+`
	// Block devices that stand on another one, or on memory.
	virtualDisks = `(/dev/)?(dm-|md|loop|ram|zram|sr|fd).*`

	nodeNIC  = `{device!~"` + virtualInterfaces + `"}`
	nodeDisk = `{device!~"` + virtualDisks + `"}`
	// container!="" leaves out the pods' own control groups, which hold their
	// containers' usage again, and "POD" the sandbox.
	containers = `{container!="",container!="POD",pod!=""}`
	// A pod's network belongs to its sandbox: no container, or "POD".
	podNIC  = `{pod!="",interface!="lo"}`
	podDisk = `{container!="",container!="POD",pod!="",device!~"` + virtualDisks + `"}`
)

// nodePreset measures nodes by node-exporter.
var nodePreset = [usage.Dimensions]measure{
	usage.CPU: {
		// What waits for disks or for the hypervisor does not use a core.
		rate:    over("rate", `node_cpu_seconds_total{mode!~"idle|iowait|steal"}`),
		sum:     "sum",
		samples: `node_cpu_seconds_total{mode="idle"}`,
	},
	usage.Memory: {
		rate:    between("-", over("avg_over_time", "node_memory_MemTotal_bytes"), over("avg_over_time", "node_memory_MemAvailable_bytes")),
		sum:     "max",
		samples: "node_memory_MemAvailable_bytes",
	},
	usage.Network: {
		rate:    between("+", over("rate", "node_network_receive_bytes_total"+nodeNIC), over("rate", "node_network_transmit_bytes_total"+nodeNIC)),
		sum:     "sum",
		samples: "node_network_receive_bytes_total" + nodeNIC,
	},
	usage.Disk: {
		rate:    between("+", over("rate", "node_disk_read_bytes_total"+nodeDisk), over("rate", "node_disk_written_bytes_total"+nodeDisk)),
		sum:     "sum",
		samples: "node_disk_read_bytes_total" + nodeDisk,
	},
}

// podPreset measures pods by the kubelet's cAdvisor.
var podPreset = [usage.Dimensions]measure{
	usage.CPU: {
		rate:    over("rate", "container_cpu_usage_seconds_total"+containers),
		sum:     "sum",
		samples: "container_cpu_usage_seconds_total" + containers,
	},
	usage.Memory: {
		// A container that started anew has two series for a while: the larger
		// counts, not both. sum by pod adds up the containers.
		rate: func(match string) string {
			return "max without (id, name, image, instance, node) (" + over("avg_over_time", "container_memory_working_set_bytes"+containers)(match) + ")"
		},
		sum:     "sum",
		samples: "container_memory_working_set_bytes" + containers,
	},
	usage.Network: {
		rate:    between("+", over("rate", "container_network_receive_bytes_total"+podNIC), over("rate", "container_network_transmit_bytes_total"+podNIC)),
		sum:     "sum",
		samples: "container_network_receive_bytes_total" + podNIC,
	},
	usage.Disk: {
		rate:    between("+", over("rate", "container_fs_reads_bytes_total"+podDisk), over("rate", "container_fs_writes_bytes_total"+podDisk)),
		sum:     "sum",
		samples: "container_fs_reads_bytes_total" + podDisk,
	},
}

// capacityPreset is the speed of a node's interfaces. The speed is that of one
// direction, and Network counts both: a node that sends or receives as fast as
// it can is full, and one that does both is twice so.
var capacityPreset = [usage.Dimensions]measure{
	usage.Network: {
		rate: func(match string) string {
			return "(" + with("node_network_speed_bytes"+nodeNIC, match) + " > 0)"
		},
		sum:     "sum",
		samples: "node_network_speed_bytes" + nodeNIC,
	},
}

// over is a function of a selector's last $window.
func over(function, selector string) func(string) string {
	return func(match string) string {
		return function + "(" + with(selector, match) + "[$window])"
	}
}

func between(operator string, left, right func(string) string) func(string) string {
	return func(match string) string {
		return "(" + left(match) + " " + operator + " " + right(match) + ")"
	}
}

// with returns the selector with one more matcher, none if match is empty.
func with(selector, match string) string {
	if match == "" {
		return selector
	}
	metric, matchers, found := strings.Cut(selector, "{")
	if !found {
		return selector + "{" + match + "}"
	}
	return metric + "{" + match + "," + matchers
}
