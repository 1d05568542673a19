package kubelet

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"sync"
)

// addressOf spreads node names over 172.16.0.0/12. Nothing connects to these addresses.
func addressOf(name string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name))
	return ipv4(172<<24 | 16<<16 | hash.Sum32()&(1<<20-1))
}

// podAddresses gives out the addresses of 10.128.0.0/9 one after another, and starts over when all
// eight million have been used.
type podAddresses struct {
	mu   sync.Mutex
	last uint32
}

const (
	podRange     = 10<<24 | 128<<16
	podRangeMask = 1<<23 - 1
)

func (p *podAddresses) next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = p.last%podRangeMask + 1
	return ipv4(podRange | p.last)
}

// seen keeps an address that an existing pod holds from being given out soon.
func (p *podAddresses) seen(address string) {
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is4() {
		return
	}
	bytes := ip.As4()
	number := binary.BigEndian.Uint32(bytes[:])
	if number&^uint32(podRangeMask) != podRange {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = max(p.last, number&podRangeMask)
}

func ipv4(number uint32) string {
	var bytes [4]byte
	binary.BigEndian.PutUint32(bytes[:], number)
	return netip.AddrFrom4(bytes).String()
}
