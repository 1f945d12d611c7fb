package verify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/live"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// A kernelBench is network namespaces of the kernel that runs this program.
type kernelBench struct {
	*live.Net
	c      *Case
	first  *live.Sender
	opened []interface{ Close() }
	joined bool
	queued int64 // what the packet socket had got when it was last asked
}

// openKernel makes the namespaces of a case. It belongs to the thread of
// live.Run.
func openKernel(c *Case, m *Machine) (bench, error) {
	if err := m.refuses(c); err != nil {
		return nil, err
	}

	cfg, err := kernelConfig(c, m.own)
	if err != nil {
		return nil, err
	}
	n, err := live.Open(cfg)
	if err != nil {
		return nil, notHere(err)
	}
	b := &kernelBench{Net: n, c: c}
	s, err := b.newSender(senderPort, c.setup.Env.PinnedCPU)
	if err != nil {
		n.Close()
		return nil, err
	}
	b.first = s.(kernelSender).Sender
	return b, nil
}

// notHere makes what the machine lacks a reason not to run a case.
func notHere(err error) error {
	if u, ok := errors.AsType[live.Unavailable](err); ok {
		return notReplayable(string(u))
	}
	return err
}

// inherited are settings that a new namespace takes over from the machine; the
// recorder's machine had the kernel's defaults.
var inherited = map[string]string{
	"net.ipv4.conf.all.accept_local": "0", "net.ipv4.conf.default.accept_local": "0", "net.ipv4.conf.lo.accept_local": "0",
	"net.ipv4.conf.all.route_localnet": "0", "net.ipv4.conf.default.route_localnet": "0", "net.ipv4.conf.lo.route_localnet": "0",
	"net.ipv4.conf.all.accept_source_route": "0", "net.ipv4.conf.default.accept_source_route": "1", "net.ipv4.conf.lo.accept_source_route": "1",
	"net.ipv4.conf.all.force_igmp_version": "0", "net.ipv4.conf.default.force_igmp_version": "0", "net.ipv4.conf.lo.rp_filter": "0",
	"net.ipv4.conf.default.igmpv3_unsolicited_report_interval": "1", "net.ipv4.conf.lo.igmpv3_unsolicited_report_interval": "1",
}

// kernelConfig says how the network of a case is made. Settings that are not a
// namespace's own are left alone.
func kernelConfig(c *Case, own map[string]string) (cfg live.Config, err error) {
	e := &c.setup.Env
	cfg = live.Config{
		Kind: e.Kind, Device: e.RXDev, MTU: e.MTU, PrefixLen: prefixLen, CPU: e.PinnedCPU,
		GRO: e.RXGRO, TSO: e.TXTSO, USO: e.TXUSO, NAPI: e.IFFNAPI, RPSCPUs: uint64(c.setup.RPSCPUs),
		Sysctls: maps.Clone(inherited), Tap: c.observedKey("packet_tap_received"), Second: c.secondDevice(), Mirror: c.mirrors(), EveryCPU: c.closes(),
	}
	for _, m := range []map[string]string{c.setup.sysctls, c.setup.SysctlsChanged} {
		for name, value := range m { // Any order: later maps win.
			if _, ok := own[name]; ok {
				cfg.Sysctls[name] = value
			}
		}
	}
	for _, a := range []struct {
		text string
		to   *netip.Addr
	}{{e.RXAddr, &cfg.RXAddr}, {e.TXAddr, &cfg.TXAddr}} {
		if *a.to, err = netip.ParseAddr(a.text); err != nil || !a.to.Is4() {
			return cfg, notReplayable(fmt.Sprintf("%q is no IPv4 address", a.text))
		}
	}
	if e.Kind != "lo" {
		if cfg.RXMAC, err = net.ParseMAC(e.RXMAC); err != nil {
			return cfg, notReplayable(err.Error())
		}
		cfg.TXMAC, _ = net.ParseMAC(e.TXMAC)
	}
	if e.XDPPass {
		cfg.XDP = "PASS"
	}
	for _, n := range c.notes() {
		if err := kernelNote(c, n, &cfg); err != nil {
			return cfg, err
		}
	}
	if f := firewall.FindStringSubmatch(strings.ToLower(c.Description)); f != nil {
		cfg.Firewall, err = firewallCommand(c, f[1], f[2])
	}
	return cfg, err
}

// kernelNote does what a clause of a note says.
func kernelNote(c *Case, n string, cfg *live.Config) error {
	if f := noteSysctl.FindStringSubmatch(n); f != nil {
		cfg.Sysctls[f[1]] = f[2]
		return nil
	}
	if noteWait.MatchString(n) {
		return nil
	}
	if f := noteRoute.FindStringSubmatch(n); f != nil {
		p, err := netip.ParsePrefix(f[1])
		if err != nil {
			return notReplayable("setup.note: " + err.Error())
		}
		cfg.Routes = map[netip.Prefix]string{p: f[2]}
		return nil
	}
	if f := noteXDP.FindStringSubmatch(n); f != nil {
		cfg.XDP, cfg.XDPGeneric = f[1], f[3] == "generic"
		return nil
	}
	return notReplayable(fmt.Sprintf("setup.note: %q is not understood", n))
}

// firewallCommand returns the command that makes the recorder's rule.
func firewallCommand(c *Case, hook, verdict string) ([]string, error) {
	port := strconv.Itoa(receiverPort)
	if strings.HasPrefix(strings.ToLower(c.Description), "iptables") {
		chain, table := "INPUT", "filter"
		if hook == "prerouting" {
			chain, table = "PREROUTING", "raw"
		}
		// Distributions have both, or one; the rule is the same.
		program, _, _ := strings.Cut(strings.ToLower(c.Description), " ")
		for _, name := range []string{program, "iptables", "iptables-nft", "iptables-legacy"} {
			if _, err := exec.LookPath(name); err == nil {
				program = name
				break
			}
		}
		return []string{program, "-t", table, "-A", chain, "-p", "udp", "--dport", port, "-j", strings.ToUpper(verdict)}, nil
	}
	family, where := "ip", "type filter hook "+hook+" priority 0"
	if hook == "ingress" {
		family, where = "netdev", "type filter hook ingress device "+c.setup.Env.RXDev+" priority 0"
	}
	return []string{"nft", fmt.Sprintf("table %s rxpath { chain c { %s; udp dport %s %s; }; }", family, where, port, verdict)}, nil
}

func (b *kernelBench) bind(cfg socket.Config, spec *socketSpec) (endpoint, error) {
	o := live.Options{Local: cfg.Local, ReuseAddr: cfg.ReuseAddr, ReusePort: cfg.ReusePort, Device: cfg.Device, RcvBuf: spec.RcvBuf,
		RcvBufForce: spec.Force, RXQOvfl: spec.RxqOvfl != 0, GRO: spec.UDPGRO, Filter: spec.Filter, NoMulticastAll: cfg.NoMulticastAll}
	if spec.Asked != nil {
		o.RcvBuf = spec.Asked
	}
	for _, j := range cfg.Join {
		m := live.Membership{Group: j.Group, Device: j.Device}
		if len(j.Include) > 0 {
			m.Source = j.Include[0]
		}
		o.Join = append(o.Join, m)
	}
	s, err := b.Socket(&o)
	if err != nil {
		return nil, err
	}
	b.opened = append(b.opened, s)
	b.joined = b.joined || len(o.Join) > 0
	return &kernelSocket{s}, nil
}

func (b *kernelBench) firstSender() sender { return kernelSender{b.first} }

func (b *kernelBench) newSender(port uint16, _ int) (sender, error) {
	a := b.c.setup.Env.TXAddr
	if b.c.setup.Env.Kind == "tap" {
		a = "0.0.0.0"
	}
	addr, err := netip.ParseAddr(a)
	if err != nil {
		return nil, notReplayable(fmt.Sprintf("setup.env.tx_addr is %q", a))
	}
	s, err := b.Sender(netip.AddrPortFrom(addr, port))
	if err != nil {
		return nil, notHere(err)
	}
	b.opened = append(b.opened, s)
	return kernelSender{s}, nil
}

// kernelSender is a socket that sends.
type kernelSender struct{ *live.Sender }

func (s kernelSender) send(dst netip.AddrPort, payload, segment int) error {
	return notHere(s.Send(dst, payload, segment))
}

func (b *kernelBench) datagram(payload int) (func() error, error) {
	e := &b.c.setup.Env
	dst, err := net.ParseMAC(e.RXMAC)
	if err != nil {
		return nil, notReplayable(err.Error())
	}
	src, err := net.ParseMAC(e.TXMAC)
	if err != nil {
		src = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	}
	f := make([]byte, skb.EthHeader+skb.IPHeader+skb.UDPHeader+payload)
	copy(f, dst)
	copy(f[6:], src)
	f[12] = 8
	ip := f[skb.EthHeader:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	copy(ip[12:16], b.cfgAddr(e.TXAddr))
	copy(ip[16:20], b.cfgAddr(e.RXAddr))
	binary.BigEndian.PutUint16(ip[10:], ^onesSum(0, ip[:skb.IPHeader]))
	udp := ip[skb.IPHeader:]
	binary.BigEndian.PutUint16(udp, senderPort)
	binary.BigEndian.PutUint16(udp[2:], receiverPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	sumUDP(ip)
	return func() error { return b.put(f) }, nil
}

func (b *kernelBench) cfgAddr(s string) []byte {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return make([]byte, 4)
	}
	return a.AsSlice()
}

// onesSum adds bytes up as RFC 1071 has it.
func onesSum(sum uint32, data []byte) uint16 {
	for i, b := range data {
		if i%2 == 0 {
			sum += uint32(b) << 8
		} else {
			sum += uint32(b)
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// sumUDP writes the checksum of the datagram in an IPv4 packet without options.
func sumUDP(ip []byte) {
	udp := ip[skb.IPHeader:]
	udp[6], udp[7] = 0, 0
	pseudo := append(append([]byte{}, ip[12:20]...), 0, 17, udp[4], udp[5])
	c := ^onesSum(uint32(onesSum(0, pseudo)), udp)
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], c)
}

func (b *kernelBench) headed(head []byte, payload int) (func() error, error) {
	f := make([]byte, max(len(head), skb.EthHeader+skb.IPHeader+skb.UDPHeader+payload))
	copy(f, head)
	if ip := f[skb.EthHeader:]; len(head) == skb.EthHeader+skb.IPHeader+skb.UDPHeader && ip[0] == 0x45 && ip[9] == 17 && (ip[26] != 0 || ip[27] != 0) {
		sumUDP(ip) // of the payload that was not recorded
	}
	return func() error { return b.put(f) }, nil
}

func (b *kernelBench) frame(data []byte) (func() error, error) {
	return func() error { return b.put(data) }, nil
}

// put writes a frame and waits until it has been received.
func (b *kernelBench) put(data []byte) error {
	if err := b.Frame(data); err != nil {
		return notHere(err)
	}
	return b.settle()
}

// ready waits until the reports of memberships have gone out: they are none of
// the case's.
func (b *kernelBench) ready() {
	if b.joined {
		b.Rest(4, 5*time.Millisecond)
	}
}

// ringBatch is how many packets a veth's NAPI instance takes from its ring before
// it gives their slots back, all at once (ptr_ring.h: __ptr_ring_discard_one).
const ringBatch = 16

// moreWarmUps makes the packets of all warm-ups a multiple of a batch: then the
// ring is whole when the measured part begins.
func (b *kernelBench) moreWarmUps(n, packets int) int {
	more := 0
	for packets > 0 && b.c.setup.Env.RXGRO && (n+more)*packets%ringBatch != 0 {
		more++
	}
	return more
}

func (b *kernelBench) settle() error { return b.Settle() }

func (b *kernelBench) wait(t engine.Time) error {
	time.Sleep(t.Duration())
	return b.settle()
}

func (b *kernelBench) inDatagrams() uint64 { return b.InDatagrams() }

func (b *kernelBench) tapped() int64 {
	b.queued += b.Tapped()
	return b.queued
}

func (b *kernelBench) check() error { return b.Err() }

// close closes the namespaces first: then nobody waits for what sockets free.
func (b *kernelBench) close() {
	b.Net.Close()
	for _, s := range b.opened {
		s.Close()
	}
}

// A kernelMark is the state of a kernel at one instant.
type kernelMark struct {
	*live.Counters
	others int64
}

func (b *kernelBench) mark() any { return kernelMark{b.Counters(), b.Others()} }

func (b *kernelBench) since(mark any) delta {
	before, now := mark.(kernelMark), b.mark().(kernelMark)
	if b.c.seen != nil && now.others != before.others {
		b.c.seen.noisy = true
	}
	d := delta{net: less(now.Net, before.Net), dev: map[string]counters{}, stats64: map[string]counters{}}
	for name, v := range now.Dev { // Any order: devices are different.
		if name == b.c.setup.Env.RXDev || name == secondRX {
			d.dev[name], d.stats64[name] = less(v, before.Dev[name]), less(now.Stats64[name], before.Stats64[name])
		}
	}
	for i := range now.Softnet {
		var was map[string]int64
		if i < len(before.Softnet) {
			was = before.Softnet[i]
		}
		d.softnet = append(d.softnet, less(now.Softnet[i], was))
	}
	if now.Reasons != nil {
		d.drops = less(now.Reasons, before.Reasons)
	}
	d.sender = less(now.Sender, before.Sender)
	for name := range d.sender { // Any order: keys are independent.
		if !strings.HasPrefix(name, "tx_") {
			delete(d.sender, name)
		}
	}
	return d
}

// less returns what has moved. Counters of 32 bits may have wrapped.
func less(now, before map[string]int64) counters {
	out := counters{}
	for k, v := range now { // Any order: keys are different.
		if v != before[k] {
			out[k] = v - before[k]
		}
	}
	return out
}

// kernelSocket is a socket that receives.
type kernelSocket struct{ *live.Socket }

func (s *kernelSocket) RecvMsg(size int, flags socket.Flags) (sim.Message, error) {
	in := 0
	if flags&socket.MsgPeek != 0 {
		in |= msgPeek
	}
	if flags&socket.MsgTrunc != 0 {
		in |= msgTrunc
	}
	r, err := s.Recv(size, in)
	if errors.Is(err, live.ErrAgain) {
		return sim.Message{}, socket.ErrAgain
	}
	m := sim.Message{N: r.N, Drops: r.Drops}
	m.Len = r.N
	if r.Truncated {
		m.Flags = socket.MsgTrunc
	}
	return m, err
}

// msgPeek is MSG_PEEK on Linux.
const msgPeek = 0x2

func (s *kernelSocket) Poll() socket.Events {
	if s.Socket.Poll() {
		return socket.PollIn
	}
	return 0
}

func (s *kernelSocket) MemInfo() socket.MemInfo {
	m := s.Socket.MemInfo() // by SK_MEMINFO_*
	return socket.MemInfo{RmemAlloc: int(m[0]), RcvBuf: int(m[1]), FwdAlloc: int(m[4]), Backlog: int(m[7]), Drops: uint64(m[8])}
}

// Queued reads the datagrams that are waiting, to count them: the kernel does
// not say how many there are.
func (s *kernelSocket) Queued() (n int) {
	for {
		if _, err := s.Recv(0, 0); err != nil {
			return n
		}
		n++
	}
}
