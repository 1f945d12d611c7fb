package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Names of the devices at the sender's end.
const (
	senderDevice = "vt0"
	// SecondReceiver is the receiver's end of a second veth pair, SecondSender the sender's.
	SecondReceiver = "vr1"
	SecondSender   = "vt1"
	// carrier has the sender's address where packets are multiplied before the wire; sink is its other end.
	carrier = "mt0"
	sink    = "mt1"
)

// Config is the network of an experiment.
type Config struct {
	// Kind is lo, veth or tap; Device the name of the receiving device.
	Kind, Device   string
	MTU            int
	RXAddr, TXAddr netip.Addr
	PrefixLen      int
	RXMAC, TXMAC   net.HardwareAddr
	// CPU is where everything is sent.
	CPU int
	// GRO is that of the receiving veth, TSO and USO are those of the sending one; NAPI is IFF_NAPI of a tap device.
	GRO, TSO, USO, NAPI bool
	// RPSCPUs is the mask of the receiving device's queue.
	RPSCPUs uint64
	// XDP is "" or the action of a program on the receiving device, PASS or DROP; generic or native.
	XDP        string
	XDPGeneric bool
	// Sysctls are set in the receiver's namespace. The machine's must have the value already.
	Sysctls map[string]string
	// Routes are prefixes that lead to a device of the receiver.
	Routes map[netip.Prefix]string
	// Firewall is a command that makes a rule in the receiver's namespace: nft or iptables with arguments.
	Firewall []string
	// EveryCPU sees drops on every CPU and in every program, not only those of this thread.
	EveryCPU bool
	// Tap opens a packet socket on the receiving device.
	Tap bool
	// Second adds a second veth pair. Mirror are the sender's devices by which each packet goes out before it goes out itself.
	Second bool
	Mirror []string
}

// Unavailable says what this machine does not have or allow.
type Unavailable string

// Error implements error.
func (u Unavailable) Error() string { return string(u) }

func unavailable(format string, args ...any) error { return Unavailable(fmt.Sprintf(format, args...)) }

// Run calls f on a thread of its own, which may enter namespaces and ends when f
// returns. It asks for what Open needs first.
//
// When the context ends, Run returns at once. What f began goes on to its end, or
// to that of the program.
func Run(ctx context.Context, f func() error) error {
	if os.Geteuid() != 0 {
		return unavailable("not root: it takes root (CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW) to make network namespaces")
	}
	done := make(chan error, 1)
	go onOwnThread(f, done)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onOwnThread calls f on a thread that ends with it.
func onOwnThread(f func() error, done chan<- error) {
	err := errors.New("live: the function ended its goroutine")
	defer func() { done <- err }()
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and what it holds with it
	if unix.Gettid() == unix.Getpid() {
		// The first thread can't end, and /proc/self stands for it: as long as this goroutine keeps it, the next one has another.
		next := make(chan error, 1)
		go onOwnThread(f, next)
		err = <-next
		runtime.UnlockOSThread()
		return
	}
	if e := unix.Unshare(unix.CLONE_NEWNS); e != nil {
		err = unavailable("no namespace of mounts: %v; it takes CAP_SYS_ADMIN", e)
		return
	}
	if e := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); e != nil {
		err = unavailable("mounts can't be made private: %v", e)
		return
	}
	err = f()
}

// Others is how many packets other programs have received: if that moves, they
// have moved what counts for the whole machine, too. Where the tracepoint can't be
// used it knows those of the machine's own devices only.
func (n *Net) Others() (sum int64) {
	data, err := os.ReadFile("/proc/self/net/dev") // of the first thread: the machine's
	if err == nil {
		for _, row := range Devices(data) { // Any order: a sum.
			sum += row["rx_packets"]
		}
	}
	if n.recvd == nil {
		return sum
	}
	// What the devices of both namespaces received is their own; another program's packet may be received in this thread.
	own := int64(0)
	count := func() error {
		for _, row := range Devices(n.read("dev")) { // Any order: a sum.
			own += row["rx_packets"]
		}
		return nil
	}
	n.fail("dev", count())
	if n.cfg.Kind == "veth" {
		n.fail("setns", n.inSender(count))
	}
	all := n.recvd.counts()
	return sum + all - own
}

// A Net is a receiver and a sender. It belongs to the thread that opened it.
type Net struct {
	cfg    Config
	rx, tx netns.NsHandle
	link   *netlink.Handle // of the receiver's namespace
	tun    int             // where frames are written: a tap device, -1 without
	packet int             // where frames are written, -1 without
	tap    int             // the packet socket on the receiving device, -1 without
	async  bool
	trace  *tracer
	recvd  *receptions // nil: they can't be counted
	noWhy  error       // why no drop reasons are seen
	failed error
}

// Open makes the namespaces and devices of an experiment.
func Open(cfg Config) (*Net, error) {
	n := &Net{cfg: cfg, rx: netns.None(), tx: netns.None(), tun: -1, packet: -1, tap: -1}
	if err := n.open(); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *Net) open() (err error) {
	cfg := &n.cfg
	n.async = cfg.RPSCPUs != 0
	var cpus unix.CPUSet
	cpus.Set(cfg.CPU)
	if err := unix.SchedSetaffinity(0, &cpus); err != nil {
		return unavailable("CPU %d can't be had: %v", cfg.CPU, err)
	}
	if n.tx, err = netns.New(); err != nil {
		return unavailable("no network namespace: %v; it takes CAP_SYS_ADMIN and CONFIG_NET_NS", err)
	}
	if err := quiet(); err != nil {
		return err
	}
	if n.rx, err = netns.New(); err != nil {
		return unavailable("no network namespace: %v", err)
	}
	if err := quiet(); err != nil {
		return err
	}
	if n.link, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return unavailable("rtnetlink: %v", err)
	}
	steps := []func() error{n.sysctls, n.devices, n.deviceSysctls, n.routes, n.offloads, n.rps, n.xdp, n.mirrors, n.firewall, n.openTap}
	for _, f := range steps {
		if err := f(); err != nil {
			return err
		}
	}
	n.trace, n.noWhy = openTracer(n.async || cfg.EveryCPU)
	n.recvd, _ = openReceptions()
	return nil
}

// quiet keeps a new namespace from sending by itself.
func quiet() error {
	// Without IPv6 there is nothing to disable.
	for _, c := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+c+"/disable_ipv6", []byte("1"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			return unavailable("IPv6 can't be turned off in a namespace: %v", err)
		}
	}
	return nil
}

// sysctlPath is the file of a setting.
func sysctlPath(name string) string {
	return filepath.Join("/proc/sys", filepath.FromSlash(strings.ReplaceAll(name, ".", "/")))
}

// HostSysctls reads settings of the machine, of those that there are.
func HostSysctls(names []string) map[string]string {
	out := map[string]string{}
	for _, n := range names {
		if data, err := os.ReadFile(sysctlPath(n)); err == nil {
			out[n] = strings.Join(strings.Fields(string(data)), " ")
		}
	}
	return out
}

// OwnSysctls are the settings that a network namespace has of its own, or may
// look at: what a new one says of each.
func OwnSysctls(ctx context.Context, names []string) (map[string]string, error) {
	own := map[string]string{}
	err := Run(ctx, func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return unavailable("no network namespace: %v", err)
		}
		own = HostSysctls(names)
		for n := range own { // Any order: each is looked at by itself.
			f, err := os.OpenFile(sysctlPath(n), os.O_WRONLY, 0)
			if err != nil {
				delete(own, n)
				continue
			}
			f.Close()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return own, nil
}

// sysctls sets what the namespace has of its own.
func (n *Net) sysctls() error {
	var err error
	var refused []string
	for name, value := range n.cfg.Sysctls { // Any order: every setting has a file of its own.
		if strings.HasPrefix(name, "net.ipv4.conf."+n.cfg.Device+".") {
			continue // once the device is there
		}
		if n.sysctl(name, value) != nil {
			refused = append(refused, name)
		}
	}
	for _, name := range refused { // of two that bound each other, one has to be set first
		err = errors.Join(err, n.sysctl(name, n.cfg.Sysctls[name]))
	}
	return err
}

func (n *Net) deviceSysctls() error {
	for name, value := range n.cfg.Sysctls { // Any order: every setting has a file of its own.
		if strings.HasPrefix(name, "net.ipv4.conf."+n.cfg.Device+".") {
			if err := n.sysctl(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *Net) sysctl(name, value string) error {
	if err := os.WriteFile(sysctlPath(name), []byte(value), 0o644); err != nil {
		return unavailable("%s = %s can't be set in a namespace: %v", name, value, unwrap(err))
	}
	return nil
}

// unwrap leaves out the path and the call of an error of package os.
func unwrap(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// devices makes the devices and their addresses.
func (n *Net) devices() error {
	lo, err := n.link.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	if err := n.link.LinkSetUp(lo); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	switch n.cfg.Kind {
	case "lo":
		if lo.Attrs().MTU != n.cfg.MTU {
			return unavailable("lo has an MTU of %d, not %d", lo.Attrs().MTU, n.cfg.MTU)
		}
		return nil
	case "veth":
		return n.veths()
	case "tap":
		return n.tapDevice()
	}
	return unavailable("no network of kind %q", n.cfg.Kind)
}

// veths makes the pairs that join the two namespaces.
func (n *Net) veths() error {
	far, err := netlink.NewHandleAt(n.tx, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer far.Close()
	if lo, err := far.LinkByName("lo"); err == nil {
		if err := far.LinkSetUp(lo); err != nil {
			return err
		}
	}
	if err := n.pair(far, n.cfg.Device, senderDevice); err != nil {
		return err
	}
	first := senderDevice
	if len(n.cfg.Mirror) > 0 {
		first = carrier
		a := netlink.NewLinkAttrs()
		a.Name, a.MTU, a.HardwareAddr = carrier, n.cfg.MTU, n.cfg.TXMAC
		if err := far.LinkAdd(&netlink.Veth{LinkAttrs: a, PeerName: sink}); err != nil {
			return unavailable("no veth pair: %v", err)
		}
		for _, name := range []string{carrier, sink} {
			l, err := far.LinkByName(name)
			if err != nil {
				return err
			}
			if err := far.LinkSetUp(l); err != nil {
				return err
			}
		}
	}
	if err := address(n.link, n.cfg.Device, n.cfg.RXAddr, n.cfg.PrefixLen, n.cfg.TXAddr, n.cfg.TXMAC); err != nil {
		return err
	}
	if err := address(far, first, n.cfg.TXAddr, n.cfg.PrefixLen, n.cfg.RXAddr, n.cfg.RXMAC); err != nil {
		return err
	}
	if n.cfg.Second {
		if err := n.pair(far, SecondReceiver, SecondSender); err != nil {
			return err
		}
	}
	return n.openPacket()
}

// pair makes a veth pair and sets it up.
func (n *Net) pair(far *netlink.Handle, rx, tx string) error {
	a := netlink.NewLinkAttrs()
	a.Name, a.MTU, a.HardwareAddr = rx, n.cfg.MTU, n.cfg.RXMAC
	a.NumTxQueues, a.NumRxQueues = 1, 1
	v := &netlink.Veth{LinkAttrs: a, PeerName: tx, PeerHardwareAddr: n.cfg.TXMAC, PeerNamespace: netlink.NsFd(n.tx), PeerNumTxQueues: 1, PeerNumRxQueues: 1}
	if err := n.link.LinkAdd(v); err != nil {
		return unavailable("no veth pair: %v; it takes CONFIG_VETH", err)
	}
	peer, err := far.LinkByName(tx)
	if err != nil {
		return err
	}
	if peer.Attrs().MTU != n.cfg.MTU {
		if err := far.LinkSetMTU(peer, n.cfg.MTU); err != nil {
			return err
		}
	}
	l, err := n.link.LinkByName(rx)
	if err != nil {
		return err
	}
	return errors.Join(n.link.LinkSetUp(l), far.LinkSetUp(peer))
}

// address gives a device an address, and tells it its neighbour's.
func address(h *netlink.Handle, device string, own netip.Addr, prefixLen int, peer netip.Addr, mac net.HardwareAddr) error {
	l, err := h.LinkByName(device)
	if err != nil {
		return err
	}
	a := &netlink.Addr{IPNet: &net.IPNet{IP: own.AsSlice(), Mask: net.CIDRMask(prefixLen, 32)}}
	if err := h.AddrAdd(l, a); err != nil {
		return fmt.Errorf("address of %s: %w", device, err)
	}
	if mac == nil {
		return nil
	}
	err = h.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, State: netlink.NUD_PERMANENT, IP: peer.AsSlice(), HardwareAddr: mac})
	if err != nil {
		return fmt.Errorf("neighbour of %s: %w", device, err)
	}
	return nil
}

// tapDevice makes a tap device, whose frames are written by this program.
func (n *Net) tapDevice() error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return unavailable("/dev/net/tun: %v; it takes CONFIG_TUN", err)
	}
	n.tun = fd
	req, err := unix.NewIfreq(n.cfg.Device)
	if err != nil {
		return err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if n.cfg.NAPI {
		flags |= unix.IFF_NAPI
	}
	req.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return unavailable("no tap device: %v", err)
	}
	l, err := n.link.LinkByName(n.cfg.Device)
	if err != nil {
		return err
	}
	if err := errors.Join(n.link.LinkSetHardwareAddr(l, n.cfg.RXMAC), n.link.LinkSetMTU(l, n.cfg.MTU), n.link.LinkSetUp(l)); err != nil {
		return err
	}
	mac := n.cfg.TXMAC
	if mac == nil {
		mac = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	}
	return address(n.link, n.cfg.Device, n.cfg.RXAddr, n.cfg.PrefixLen, n.cfg.TXAddr, mac)
}

// routes adds the routes of the receiver.
func (n *Net) routes() error {
	for p, device := range n.cfg.Routes { // Any order: prefixes are different.
		l, err := n.link.LinkByName(device)
		if err != nil {
			return unavailable("route to %s: %v", p, err)
		}
		dst := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
		if err := n.link.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK}); err != nil {
			return unavailable("route to %s: %v", p, err)
		}
	}
	return nil
}

// rps sets the mask of the receiving device's queue, in a sysfs of the
// receiver's namespace.
func (n *Net) rps() error {
	if n.cfg.RPSCPUs == 0 {
		return nil
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return unavailable("sysfs can't be mounted: %v", err)
	}
	defer unix.Unmount("/sys", unix.MNT_DETACH)
	file := "/sys/class/net/" + n.cfg.Device + "/queues/rx-0/rps_cpus"
	if err := os.WriteFile(file, fmt.Appendf(nil, "%x", n.cfg.RPSCPUs), 0o644); err != nil {
		return unavailable("rps_cpus: %v; it takes CONFIG_RPS", unwrap(err))
	}
	return nil
}

// firewall runs the command that makes a rule. It is a child of this thread, so
// it is in the receiver's namespace.
func (n *Net) firewall() error {
	c := n.cfg.Firewall
	if c == nil {
		return nil
	}
	path, err := exec.LookPath(c[0])
	if err != nil {
		return unavailable("%s is not installed", c[0])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, path, c[1:]...).CombinedOutput(); err != nil {
		return unavailable("%s: %v: %s", strings.Join(c, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// in calls f in the sender's namespace.
func (n *Net) inSender(f func() error) error {
	if n.cfg.Kind != "veth" {
		return f()
	}
	if err := netns.Set(n.tx); err != nil {
		return err
	}
	err := f()
	if back := netns.Set(n.rx); back != nil {
		n.failed = errors.Join(n.failed, back)
		return back
	}
	return err
}

// Close gives the namespaces back: their devices end with them.
func (n *Net) Close() {
	for _, fd := range []int{n.tun, n.packet, n.tap} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if n.link != nil {
		n.link.Close()
	}
	if n.trace != nil {
		n.trace.close()
		n.trace = nil
	}
	if n.recvd != nil {
		n.recvd.close()
		n.recvd = nil
	}
	for _, ns := range []netns.NsHandle{n.rx, n.tx} {
		if ns.IsOpen() {
			ns.Close()
		}
	}
}

// Err is what went wrong so far.
func (n *Net) Err() error { return n.failed }

// NoReasons says why drop reasons are not seen, nil if they are.
func (n *Net) NoReasons() error { return n.noWhy }
