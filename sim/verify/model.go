package verify

import (
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// A model is the simulated host of a case.
type model struct {
	c      *Case
	h      *sim.Host
	first  sender      // the one that a case has from the beginning
	wire   *sim.Sender // the same, as who writes frames
	txPort string      // the sender's end, or the tap device
	// ingress is the reason with which kfree_skb shows what was dropped at the ingress hook.
	ingress string
}

// openModel builds the host of a case with its network, its settings, and no socket.
func openModel(c *Case) (bench, error) {
	p, err := c.profile()
	if err != nil {
		return nil, err
	}
	e := &c.setup.Env
	senders := []int{0, 1}[:min(max(c.machine().CPUs, 1), 2)]
	cfg := sim.Config{Host: scenario.DefaultHost(), Senders: senders, Seed: 1}
	cfg.Kernel, cfg.CPUs, cfg.HZ = p, c.machine().CPUs, 250
	if cfg.CPUs < 1 || cfg.CPUs > mostCPUs {
		return nil, notReplayable(fmt.Sprintf("machine.cpus is %d; want 1 to %d", cfg.CPUs, mostCPUs))
	}
	if e.PinnedCPU < 0 || e.PinnedCPU >= cfg.CPUs {
		return nil, notReplayable(fmt.Sprintf("setup.env.pinned_cpu is %d on a machine with %d CPUs", e.PinnedCPU, cfg.CPUs))
	}
	if err := applySysctls(&cfg.Host, c.setup.sysctls); err != nil {
		return nil, err
	}
	if err := applySysctls(&cfg.Host, c.setup.SysctlsChanged); err != nil {
		return nil, err
	}
	cfg.Limits.MemPcpuRsv = 1               // the recordings were made so that what CPUs keep to themselves does not matter
	cfg.IP.Routes = []ipstack.Route{onLink} // no default route: none of the recorder's namespaces has one
	cfg.IP.DisableIPv6 = 1
	cfg.IP.LLC = c.machine().LLC
	m := &model{c: c}
	if err := m.network(&cfg); err != nil {
		return nil, err
	}
	if err := m.words(&cfg); err != nil {
		return nil, err
	}
	weight := cfg.Softirq.DevWeight
	cfg.Softirq.DevWeight = bootWeight
	if m.h, err = sim.NewHost(cfg); err != nil {
		return nil, err
	}
	if err := m.h.SetDevWeight(weight); err != nil {
		return nil, notReplayable(err.Error())
	}
	s, err := m.newSender(senderPort, e.PinnedCPU)
	if err != nil {
		m.h.Close()
		return nil, err
	}
	m.wire = s.(*simSender).Sender
	m.first = s
	return m, nil
}

// A machine is what else matters of those on which cases were recorded.
type machine struct {
	CPUs int  `json:"cpus"`
	LLC  bool `json:"llc"` // there is a handler for 802.2
}

// mostCPUs is that of a machine.
const mostCPUs = 4096

// machine returns the machine of a case. Those that do not say had two CPUs, and
// the 6.18 kernel ran with more modules than the guests of the others.
func (c *Case) machine() machine {
	if c.recorder != nil {
		return *c.recorder
	}
	return machine{CPUs: 2, LLC: strings.HasPrefix(c.Kernel, "6.18.")}
}

// onLink is a route that is there already.
var onLink = ipstack.Route{Dst: 0x7f000000, PrefixLen: 8, IfIndexes: []int32{1}}

// bootWeight is the weight that a backlog has from the boot on, until it has been
// polled under another one.
const bootWeight = 64

// newSender starts a process with a socket bound to that port.
func (m *model) newSender(port uint16, cpu int) (sender, error) {
	e := &m.c.setup.Env
	a, err := netip.ParseAddr(e.TXAddr)
	if err != nil {
		return nil, notReplayable(fmt.Sprintf("setup.env.tx_addr is %q", e.TXAddr))
	}
	cfg := sim.SenderConfig{Name: "sender", CPU: cpu, Local: netip.AddrPortFrom(a, port), NoMulticastLoop: true}
	switch e.Kind {
	case "veth":
		cfg.Namespace = senderSpace
	case "lo":
		cfg.Device = "lo"
	case "tap":
		cfg.Local = netip.AddrPortFrom(netip.IPv4Unspecified(), port)
	}
	s, err := m.h.NewSender(cfg)
	if err != nil {
		return nil, err
	}
	return &simSender{s}, nil
}

// network adds the devices of a case.
func (m *model) network(cfg *sim.Config) error {
	e := &m.c.setup.Env
	rps := maskCPUs(uint64(m.c.setup.RPSCPUs))
	switch e.Kind {
	case "lo":
		m.txPort = "lo"
		if e.MTU != 65536 {
			return notReplayable(fmt.Sprintf("setup.env.mtu is %d, lo has 65536", e.MTU))
		}
		return nil
	case "veth":
		rx := scenario.VethEnd{Name: e.RXDev, MTU: e.MTU, RPS: rps, VethConfig: nic.VethConfig{GRO: e.RXGRO}}
		tx := scenario.VethEnd{Name: "vt0", Namespace: senderSpace, MTU: e.MTU, VethConfig: nic.VethConfig{TSO: e.TXTSO, USO: e.TXUSO}}
		if e.XDPPass {
			rx.XDP = nic.XDPPass
		}
		var err error
		if rx.MAC, rx.Addr, err = address(e.RXMAC, e.RXAddr); err != nil {
			return err
		}
		if tx.MAC, tx.Addr, err = address(e.TXMAC, e.TXAddr); err != nil {
			return err
		}
		rx.PrefixLen, tx.PrefixLen = prefixLen, prefixLen
		if rx.RPS == nil && rps != nil {
			rx.RPS = rps
		}
		if m.c.observedKey("packet_tap_received") {
			rx.Taps = []scenario.Tap{{RcvBuf: 1 << 30}}
		}
		tx.Mirror = m.c.mirrors()
		cfg.Veths = []scenario.Veth{{rx, tx}}
		if m.c.secondDevice() {
			rx2, tx2 := rx, tx
			rx2.Name, tx2.Name = secondRX, "vt1"
			rx2.Addr, tx2.Addr, rx2.PrefixLen, tx2.PrefixLen = 0, 0, 0, 0
			tx2.Mirror = nil
			cfg.Veths = append(cfg.Veths, scenario.Veth{rx2, tx2})
		}
		m.txPort = "vt0"
		return nil
	case "tap":
		t := scenario.Tun{Name: e.RXDev, MTU: e.MTU, PrefixLen: prefixLen, TunConfig: nic.TunConfig{NAPI: e.IFFNAPI}}
		var err error
		if t.MAC, t.Addr, err = address(e.RXMAC, e.RXAddr); err != nil {
			return err
		}
		cfg.Tuns = []scenario.Tun{t}
		m.txPort = e.RXDev
		return nil
	}
	return notReplayable(fmt.Sprintf("setup.env.kind is %q; want lo, veth or tap", e.Kind))
}

// prefixLen is that of the recorder's network.
const prefixLen = 24

func address(mac, addr string) ([6]byte, skb.Addr, error) {
	var out [6]byte
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != len(out) {
		return out, 0, notReplayable(fmt.Sprintf("%q is no MAC", mac))
	}
	copy(out[:], hw)
	a, err := netip.ParseAddr(addr)
	if err != nil || !a.Is4() {
		return out, 0, notReplayable(fmt.Sprintf("%q is no IPv4 address", addr))
	}
	return out, skb.AddrFrom(a), nil
}

// maskCPUs returns the CPUs of a mask.
func maskCPUs(mask uint64) (cpus []int) {
	for m := mask; m != 0; m &= m - 1 {
		cpus = append(cpus, bits.TrailingZeros64(m))
	}
	return cpus
}

// indifferent are settings that change nothing that a case counts.
var indifferent = map[string]bool{
	"net.ipv4.ipfrag_high_thresh": true, "net.ipv4.ipfrag_max_dist": true,
	"net.ipv4.conf.default.rp_filter": true, "net.ipv4.igmp_qrv": true,
	"net.ipv4.conf.all.igmpv3_unsolicited_report_interval": true, "net.core.dev_weight_rx_bias": true,
}

// applySysctls sets what the fields of a host have sysctl tags for.
func applySysctls(h *scenario.Host, sysctls map[string]string) error {
	fields := map[string]reflect.Value{}
	collect(reflect.ValueOf(h).Elem(), fields)
	var unknown []string
	// Any order: every key has a field of its own.
	for name, value := range sysctls {
		f, ok := fields[name]
		if !ok {
			if !indifferent[name] {
				unknown = append(unknown, name)
			}
			continue
		}
		if err := setSysctl(f, value); err != nil {
			return notReplayable(fmt.Sprintf("%s = %q: %v", name, value, err))
		}
	}
	if len(unknown) > 0 {
		return notReplayable(fmt.Sprintf("the model has no setting %s", strings.Join(slices.Sorted(slices.Values(unknown)), ", ")))
	}
	return nil
}

func collect(v reflect.Value, out map[string]reflect.Value) {
	for i := range v.NumField() {
		f, t := v.Field(i), v.Type().Field(i)
		if name := t.Tag.Get("sysctl"); name != "" {
			out[name] = f
		} else if f.Kind() == reflect.Struct && t.IsExported() {
			collect(f, out)
		}
	}
}

func setSysctl(f reflect.Value, s string) error {
	switch p := f.Addr().Interface().(type) {
	case *[]int: // a mask of CPUs
		m, err := strconv.ParseUint(strings.ReplaceAll(s, ",", ""), 16, 64)
		*p = maskCPUs(m)
		return err
	case *[3]int:
		_, err := fmt.Sscan(s, &p[0], &p[1], &p[2])
		return err
	case *engine.Time:
		n, err := strconv.ParseInt(s, 10, 32)
		*p = engine.Time(n) * engine.Second
		return err
	}
	if !f.CanInt() {
		return fmt.Errorf("a setting of type %s", f.Type())
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && f.OverflowInt(n) {
		return fmt.Errorf("out of range")
	}
	f.SetInt(n)
	return err
}

// words applies what stands in words.
func (m *model) words(cfg *sim.Config) error {
	for _, n := range m.c.notes() {
		if err := m.note(cfg, n); err != nil {
			return err
		}
	}
	if f := firewall.FindStringSubmatch(strings.ToLower(m.c.Description)); f != nil {
		return m.firewall(cfg, f[1], f[2])
	}
	return nil
}

func (m *model) note(cfg *sim.Config, n string) error {
	if f := noteSysctl.FindStringSubmatch(n); f != nil {
		return m.noteSysctl(cfg, f[1], f[2])
	}
	if noteWait.MatchString(n) {
		return nil
	}
	if f := noteRoute.FindStringSubmatch(n); f != nil {
		return m.addRoute(cfg, f[1], f[2])
	}
	if f := noteXDP.FindStringSubmatch(n); f != nil {
		return m.addXDP(cfg, f[1], f[3])
	}
	return notReplayable(fmt.Sprintf("setup.note: %q is not understood", n))
}

// noteSysctl sets a sysctl of the host, or of its interface.
func (m *model) noteSysctl(cfg *sim.Config, name, value string) error {
	e := &m.c.setup.Env
	if key, ok := strings.CutPrefix(name, "net.ipv4.conf."+e.RXDev+"."); ok && len(cfg.Veths) > 0 {
		return m.deviceSysctl(cfg, key, value)
	}
	return applySysctls(&cfg.Host, map[string]string{name: value})
}

// bind opens a socket and sets its options.
func (m *model) bind(cfg socket.Config, spec *socketSpec) (endpoint, error) {
	s, err := m.h.Bind(cfg)
	if err != nil {
		return nil, err
	}
	for _, v := range []*int{spec.RcvBuf, spec.Asked} {
		if v != nil {
			s.SetRcvBuf(*v)
		}
	}
	if spec.Force != nil {
		s.SetRcvBufForce(*spec.Force)
	}
	s.SetRXQOvfl(spec.RxqOvfl != 0)
	s.SetGRO(spec.UDPGRO)
	if spec.Filter != nil {
		f, err := filter(spec.Filter)
		if err != nil {
			return nil, err
		}
		s.SetFilter(f)
	}
	return simSocket{s}, nil
}

// simSocket is a simulated socket.
type simSocket struct{ *sim.Socket }

func (s simSocket) ProcUDP() (int, uint64) { return s.RxQueueBytes(), s.Drops() }

// simSender is a simulated process that sends.
type simSender struct{ *sim.Sender }

func (s *simSender) send(dst netip.AddrPort, payload, segment int) error {
	if err := s.SendSegments(dst, payload, segment); err != nil {
		return notReplayable(err.Error())
	}
	return nil
}

func (m *model) ready() {}

func (m *model) moreWarmUps(int, int) int { return 0 }

func (m *model) firstSender() sender { return m.first }

// inject sends a frame from the other end of the wire.
func (m *model) inject(f skb.Frame) error {
	if err := m.wire.SendFrame(m.txPort, f); err != nil {
		return notReplayable(err.Error())
	}
	return m.settle()
}

func (m *model) datagram(payload int) (func() error, error) {
	e := &m.c.setup.Env
	mac, dst, err := address(e.RXMAC, e.RXAddr)
	if err != nil {
		return nil, err
	}
	src, err := netip.ParseAddr(e.TXAddr)
	if err != nil {
		return nil, notReplayable(fmt.Sprintf("setup.env.tx_addr is %q", e.TXAddr))
	}
	f := skb.NewUDP(mac, netip.AddrPortFrom(src, senderPort), netip.AddrPortFrom(dst.Netip(), receiverPort), payload)
	f.Len = uint32(skb.EthHeader + skb.IPHeader + skb.UDPHeader + payload) // no hardware pads it
	return func() error { return m.inject(f) }, nil
}

func (m *model) headed(head []byte, payload int) (func() error, error) {
	h, f := skb.Parse(head, skb.EthHeader+skb.IPHeader+skb.UDPHeader+payload)
	f.Head = &h
	return func() error { return m.inject(f) }, nil
}

func (m *model) frame(data []byte) (func() error, error) {
	f := skb.FrameOf(data)
	return func() error { return m.inject(f) }, nil
}

// enough is how long a replay waits for a host to come to rest.
const enough = 10 * 1_000_000_000_000

func (m *model) settle() error {
	if !m.h.RunUntilIdle(enough) {
		return notReplayable("the host does not come to rest")
	}
	return nil
}

func (m *model) wait(t engine.Time) error {
	m.h.AdvanceTo(m.h.Time() + t)
	return m.settle()
}

func (m *model) inDatagrams() uint64 {
	n, _ := m.h.Namespace("")
	return n.UDP.InDatagrams
}

func (m *model) tapped() int64 {
	n := uint64(0)
	for _, t := range m.h.TapStats() {
		n += t
	}
	return int64(n)
}

func (m *model) check() error { return m.h.CheckLedger() }

func (m *model) close() { m.h.Close() }

// A simMark is the state of a simulated host at one instant.
type simMark struct {
	sim.Snapshot
	csum   uint64
	sender mib.Link
}

func (m *model) mark() any {
	s := simMark{Snapshot: m.h.Snapshot(), csum: m.h.ReaderChecksums()}
	if m.c.setup.Env.Kind == "veth" {
		s.sender, _ = m.h.Link(senderSpace, m.txPort)
	}
	return s
}

func (m *model) since(mark any) delta {
	before, now := mark.(simMark), m.mark().(simMark)
	d := now.Snapshot.Snapshot.Sub(before.Snapshot.Snapshot)
	out := delta{net: counters{}, dev: map[string]counters{}, stats64: map[string]counters{}, drops: m.reasons(before, now)}
	out.sender = devRow(&mib.Link{TXPackets: now.sender.TXPackets - before.sender.TXPackets, TXBytes: now.sender.TXBytes - before.sender.TXBytes,
		TXDropped: now.sender.TXDropped - before.sender.TXDropped})
	procfs.EachCounter(&d, func(file, _, name string, v uint64) {
		if (file == "proc/net/snmp" || file == "proc/net/netstat") && v != 0 {
			out.net[name] = int64(v)
		}
	})
	for k, v := range out.net { // Any order: every message has a type of its own.
		if t := icmpTypes[k]; t != "" {
			out.net["IcmpMsg."+t] = v
		}
	}
	for i := range d.Devices {
		dev := &d.Devices[i]
		out.dev[dev.Name], out.stats64[dev.Name] = devRow(&dev.Link), stats64(dev)
	}
	for i := range d.CPUs {
		s := &d.CPUs[i].Softnet
		out.softnet = append(out.softnet, moved(counters{
			"processed": int64(s.Processed), "dropped": int64(s.Dropped), "time_squeeze": int64(s.TimeSqueeze),
			"received_rps": int64(s.ReceivedRPS), "flow_limit": int64(s.FlowLimitCount)}))
	}
	return out
}

// icmpTypes are the columns of the row IcmpMsg that count what a column of Icmp
// does.
var icmpTypes = map[string]string{
	"Icmp.InDestUnreachs": "InType3", "Icmp.InTimeExcds": "InType11", "Icmp.InParmProbs": "InType12",
	"Icmp.OutDestUnreachs": "OutType3", "Icmp.OutTimeExcds": "OutType11", "Icmp.OutParmProbs": "OutType12",
}

// devRow is the row of a device in /proc/net/dev.
func devRow(l *mib.Link) counters {
	return moved(counters{
		"rx_bytes": int64(l.RXBytes), "rx_packets": int64(l.RXPackets), "rx_errs": int64(l.RXErrors),
		"rx_drop": int64(l.RXDropped + l.RXMissedErrors), "rx_fifo": int64(l.RXFIFOErrors),
		"rx_frame": int64(l.RXLengthErrors + l.RXCRCErrors), "rx_multicast": int64(l.Multicast),
		"tx_bytes": int64(l.TXBytes), "tx_packets": int64(l.TXPackets), "tx_drop": int64(l.TXDropped),
	})
}

// stats64 is what rtnetlink shows of a device beside that.
func stats64(d *mib.Device) counters {
	return moved(counters{"dropped": int64(d.Link.RXDropped), "missed_errors": int64(d.Link.RXMissedErrors), "otherhost": int64(d.RXOtherhostDropped)})
}

// reasons is what the tracepoint kfree_skb shows between two marks, by reason.
func (m *model) reasons(before, now simMark) counters {
	p, _ := m.c.profile()
	out := counters{}
	// Any order: every name is set once.
	for name, n := range sim.KfreeReasons(&p, &before.Ledger, &now.Ledger, now.csum-before.csum) {
		if name == skb.TCIngress.String() && m.ingress != "" {
			name = m.ingress
		}
		out[name] = int64(n)
	}
	return out
}
