package kubelet

import (
	"net/netip"
	"testing"
)

func TestPodAddressesAreUnique(t *testing.T) {
	var addresses podAddresses
	pods := netip.MustParsePrefix("10.128.0.0/9")
	seen := map[string]bool{}
	for range 100_000 {
		address := addresses.next()
		if seen[address] {
			t.Fatalf("%s was given out twice", address)
		}
		seen[address] = true
		if !pods.Contains(netip.MustParseAddr(address)) {
			t.Fatalf("%s is outside %s", address, pods)
		}
	}
}

func TestPodAddressesAfterExistingPods(t *testing.T) {
	for name, test := range map[string]struct {
		seen []string
		want string
	}{
		"none":                {want: "10.128.0.1"},
		"some":                {seen: []string{"10.128.0.9", "10.128.0.4"}, want: "10.128.0.10"},
		"foreign":             {seen: []string{"192.0.2.1", "10.0.0.9"}, want: "10.128.0.1"},
		"not IPv4":            {seen: []string{"", "nonsense", "2001:db8::1"}, want: "10.128.0.1"},
		"the last one":        {seen: []string{"10.255.255.255"}, want: "10.128.0.1"},
		"beyond the last one": {seen: []string{"11.0.0.0"}, want: "10.128.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			var addresses podAddresses
			for _, address := range test.seen {
				addresses.seen(address)
			}
			if got := addresses.next(); got != test.want {
				t.Errorf("next address is %s, want %s", got, test.want)
			}
		})
	}
}

func TestNodeAddress(t *testing.T) {
	nodes := netip.MustParsePrefix("172.16.0.0/12")
	for _, name := range []string{"", "a", "node-1", "node-2"} {
		address := addressOf(name)
		if !nodes.Contains(netip.MustParseAddr(address)) {
			t.Errorf("%q is at %s, outside %s", name, address, nodes)
		}
		if again := addressOf(name); again != address {
			t.Errorf("%q is at %s and at %s", name, address, again)
		}
	}
	if addressOf("node-1") == addressOf("node-2") {
		t.Error("two nodes share an address")
	}
}

func FuzzPodAddressesSeen(f *testing.F) {
	f.Add("10.128.0.1")
	f.Add("::ffff:10.128.0.1")
	f.Fuzz(func(t *testing.T, text string) {
		var addresses podAddresses
		addresses.seen(text)
		if got := addresses.next(); got == text {
			t.Errorf("%s is given out though a pod has it", got)
		}
	})
}
