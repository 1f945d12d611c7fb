package live

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// run runs f where namespaces can be made, and skips the test elsewhere.
func run(t *testing.T, f func() error) {
	t.Helper()
	err := Run(t.Context(), f)
	if why, ok := errors.AsType[Unavailable](err); ok {
		t.Skipf("network namespaces: %s", why)
	}
	require.NoError(t, err)
}

// host is what of the machine must be as before: its devices, mounts, names of
// namespaces, settings.
func host(t *testing.T) map[string]any {
	t.Helper()
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	var names []string
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	named, _ := os.ReadDir("/run/netns")
	ns, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	return map[string]any{"devices": names, "mounts": string(mounts), "named": len(named), "namespace": ns,
		"sysctls": HostSysctls([]string{"net.core.rmem_max", "net.ipv4.ip_forward", "net.ipv4.icmp_ratemask", "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.all.accept_local"})}
}

var veth = Config{
	Kind: "veth", Device: "vr0", MTU: 1500, PrefixLen: 24, TSO: true, USO: true,
	RXAddr: netip.MustParseAddr("10.77.0.2"), TXAddr: netip.MustParseAddr("10.77.0.1"),
	RXMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, TXMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1},
	Sysctls: map[string]string{"net.ipv4.icmp_ratemask": "0", "net.ipv4.conf.all.accept_local": "1", "net.ipv4.conf.vr0.rp_filter": "1"},
}

// A datagram goes from one namespace to the other and is counted there; of the
// machine nothing changes, neither meanwhile nor afterwards.
func TestNet(t *testing.T) {
	before := host(t)
	var during map[string]any
	dst := netip.MustParseAddrPort("10.77.0.2:5000")
	run(t, func() error {
		n, err := Open(veth)
		if err != nil {
			return err
		}
		defer n.Close()
		s, err := n.Sender(netip.MustParseAddrPort("10.77.0.1:40000"))
		if err != nil {
			return err
		}
		defer s.Close()
		r, err := n.Socket(&Options{Local: dst})
		if err != nil {
			return err
		}
		defer r.Close()
		was := n.Counters()
		if err := s.Send(dst, 100, 0); err != nil {
			return err
		}
		now := n.Counters()
		if now.Net["Ip.InReceives"] != was.Net["Ip.InReceives"]+1 || now.Dev["vr0"]["rx_packets"] != was.Dev["vr0"]["rx_packets"]+1 || now.Sender["tx_packets"] != was.Sender["tx_packets"]+1 {
			return errors.New("the datagram was not counted")
		}
		if got, err := r.Recv(1500, 0); err != nil || got.N != 100 {
			return errors.Join(err, errors.New("the datagram was not received"))
		}
		if _, err := r.Recv(1500, 0); !errors.Is(err, ErrAgain) {
			return errors.New("there was another datagram")
		}
		looked := make(chan map[string]any)
		go func() { looked <- host(t) }()
		during = <-looked
		data, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil || !strings.Contains(string(data), "vr0:") || len(Devices(data)) > 20 {
			return errors.Join(err, errors.New("the thread is in no namespace of its own"))
		}
		return n.Err()
	})
	require.Equal(t, before, during, "while it runs")
	require.Equal(t, before, host(t), "afterwards")
}

// What the machine can't do is said as such.
func TestUnavailable(t *testing.T) {
	for name, edit := range map[string]func(*Config){
		"token-ring":                            func(c *Config) { c.Kind = "token-ring" },
		"MTU":                                   func(c *Config) { c.Kind, c.MTU = "lo", 1500 },
		"no-such-program-here is not installed": func(c *Config) { c.Firewall = []string{"no-such-program-here"} },
		"net.no.such":                           func(c *Config) { c.Sysctls = map[string]string{"net.no.such": "1"} },
		"CPU 900":                               func(c *Config) { c.CPU = 900 },
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			run(t, func() error {
				cfg := veth
				edit(&cfg)
				_, err = Open(cfg)
				return nil
			})
			_, ok := errors.AsType[Unavailable](err)
			require.True(t, ok, "%v", err)
			require.ErrorContains(t, err, name)
		})
	}
}

// Settings of the whole machine are not among those that a namespace has of its
// own, not even where it may look at them.
func TestOwnSysctls(t *testing.T) {
	names := []string{"net.ipv4.icmp_ratemask", "net.core.rmem_max", "net.core.netdev_max_backlog", "net.no.such"}
	own, err := OwnSysctls(t.Context(), names)
	if why, ok := errors.AsType[Unavailable](err); ok {
		t.Skipf("network namespaces: %s", why)
	}
	require.NoError(t, err)
	require.Contains(t, own, "net.ipv4.icmp_ratemask")
	require.Len(t, own, 1, "%v", own)
	require.Contains(t, HostSysctls(names), "net.core.rmem_max")
}

// A function that ends its goroutine does not make Run wait for ever.
func TestRunGoexit(t *testing.T) {
	run(t, func() error { return nil })
	require.ErrorContains(t, Run(t.Context(), func() error { runtime.Goexit(); return nil }), "ended its goroutine")
}

// Run returns when its context ends, whatever f does, and never runs f on the
// first thread, which stands for the program.
func TestRun(t *testing.T) {
	var threads []string
	for range 20 {
		run(t, func() error {
			ns, err := os.Readlink("/proc/thread-self/ns/mnt")
			threads = append(threads, ns)
			return err
		})
	}
	own, err := os.Readlink("/proc/self/ns/mnt")
	require.NoError(t, err)
	require.False(t, slices.Contains(threads, own))
	ctx, cancel := context.WithCancel(t.Context())
	hang := make(chan struct{})
	defer close(hang)
	err = Run(ctx, func() error { cancel(); <-hang; return nil })
	require.ErrorIs(t, err, context.Canceled)
}
