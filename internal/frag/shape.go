// Package frag measures how much a placement fragments what a cluster's own demand could still use.
//
// It is arithmetic alone: shapes and nodes in, costs out. The scheduler's plugin, the simulator and whatever
// repairs fragmentation later judge by the same numbers.
package frag

import "math/bits"

// Device is one whole device, in thousandths.
const Device = 1000

// Dimensions of what is requested in amounts: CPU in millicores, memory in bytes, and extended resources in
// units of their own, which the caller numbers.
const (
	CPU = iota
	Memory
	FirstExtended
	Dimensions = 6
)

// MaxDevices is how many devices of a node are told apart.
const MaxDevices = 32

// Vector is an amount of each dimension.
type Vector [Dimensions]int64

// Fits tells that a request is within v.
func (v *Vector) Fits(request *Vector) bool {
	for d := range v {
		if request[d] > v[d] && request[d] > 0 {
			return false
		}
	}
	return true
}

// Models is a set of device models, each a bit that the caller numbers.
type Models uint64

// Shape is what a pod asks for. Pods of one shape are interchangeable.
type Shape struct {
	Request Vector
	Devices int32  // how many devices
	Milli   int32  // thousandths of each; less than Device for a share of one
	Models  Models // any of these; 0: of any model
}

// Share tells that the shape asks for a part of a device.
func (s *Shape) Share() bool { return s.Devices == 1 && s.Milli < Device }

// DeviceMilli is what the shape asks of devices in all, in thousandths.
func (s *Shape) DeviceMilli() int64 { return int64(s.Devices) * int64(s.Milli) }

// Kind is a number for how the shape uses devices, as a bit: 0 for not at all, one for shares, and one for
// each number of whole devices.
func (s *Shape) Kind() uint64 {
	switch {
	case s.Devices == 0:
		return 0
	case s.Share():
		return 1
	default:
		return 1 << min(s.Devices, 63)
	}
}

// Node is what a node has left.
type Node struct {
	Free     Vector
	Capacity Vector
	Model    Models // a bit; 0: it has no devices, or they have no name
	// Idle is what is left of each of the first Count devices, in thousandths.
	Idle  [MaxDevices]int16
	Count int32
	// Kinds are the kinds of the pods on it, as bits.
	Kinds uint64
}

// IdleMilli is what is left of all devices.
func (n *Node) IdleMilli() int64 {
	var sum int64
	for _, idle := range n.Idle[:n.Count] {
		sum += int64(idle)
	}
	return sum
}

// Whole is the number of devices that nobody uses.
func (n *Node) Whole() int32 {
	var whole int32
	for _, idle := range n.Idle[:n.Count] {
		if idle == Device {
			whole++
		}
	}
	return whole
}

// Accepts tells that the node's devices are of a model that the shape can use.
func (n *Node) Accepts(s *Shape) bool { return s.Models == 0 || s.Models&n.Model != 0 }

// Fits tells that a pod of the shape has room.
func (n *Node) Fits(s *Shape) bool {
	return n.Free.Fits(&s.Request) && n.FitsDevices(s)
}

// FitsDevices tells that the node's devices have room for a pod of the shape.
func (n *Node) FitsDevices(s *Shape) bool {
	if s.Devices == 0 {
		return true
	}
	if !n.Accepts(s) {
		return false
	}
	var found int32
	for _, idle := range n.Idle[:n.Count] {
		if int32(idle) >= s.Milli {
			if found++; found == s.Devices {
				return true
			}
		}
	}
	return false
}

// Copies is how many pods of the shape the node could host beside those it has.
func (n *Node) Copies(s *Shape) int64 {
	p := priced{request: s.Request, models: s.Models}
	if s.Devices == 0 {
		return p.copies(n, maxCopies)
	}
	copies, _ := (&need{devices: s.Devices, milli: s.Milli}).on(n)
	return p.copies(n, copies)
}

// Mask is a set of a node's devices, each a bit.
type Mask uint32

// Add puts a pod of the shape on the node, on the devices given.
func (n *Node) Add(s *Shape, devices Mask) {
	for d := range n.Free {
		n.Free[d] -= s.Request[d]
	}
	n.Kinds |= s.Kind()
	for devices != 0 {
		i := bits.TrailingZeros32(uint32(devices))
		devices &= devices - 1
		n.Idle[i] -= int16(s.Milli)
	}
}

// Tightest are the devices with the least left that have room for a pod of the shape; ok is false if there
// are too few. Whole devices are taken from the first.
func (n *Node) Tightest(s *Shape) (devices Mask, ok bool) {
	if !s.Share() {
		return n.firstWhole(s)
	}
	best := -1
	for i, idle := range n.Idle[:n.Count] {
		if int32(idle) >= s.Milli && (best < 0 || idle < n.Idle[best]) {
			best = i
		}
	}
	if best < 0 {
		return 0, false
	}
	return 1 << best, true
}

func (n *Node) firstWhole(s *Shape) (devices Mask, ok bool) {
	left := s.Devices
	for i := int32(0); i < n.Count && left > 0; i++ {
		if n.Idle[i] == Device {
			devices |= 1 << i
			left--
		}
	}
	return devices, left == 0
}
