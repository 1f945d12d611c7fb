package verify

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// Addresses of the recorder: what its sender and its sockets are bound to when a
// case does not say.
const (
	senderPort   = 40000
	receiverPort = 5000
	senderSpace  = "tx"
)

// A world is the simulated host of a case.
type world struct {
	c      *Case
	h      *sim.Host
	sender *sim.Sender
	rx     []*receiver
	txPort string // the sender's end, or the tap device
	// ingress is the reason with which kfree_skb shows what was dropped at the ingress hook.
	ingress string
}

// A receiver is a socket of a case.
type receiver struct {
	*sim.Socket
	spec socketSpec
}

// notReplayable says why a case cannot be replayed.
type notReplayable string

func (n notReplayable) Error() string { return string(n) }

// profile returns the profile of a case's kernel.
func (c *Case) profile() (kernel.Profile, error) {
	parts := strings.SplitN(c.Kernel, ".", 3)
	if len(parts) < 2 {
		return kernel.Profile{}, notReplayable(fmt.Sprintf("kernel %q is no version", c.Kernel))
	}
	p, err := kernel.ProfileNamed("linux-" + parts[0] + "." + parts[1])
	if err != nil {
		return p, notReplayable(fmt.Sprintf("no profile for kernel %s", c.Kernel))
	}
	return p, nil
}

// open builds the host of a case with its network, its settings, and no socket.
func open(c *Case) (*world, error) {
	p, err := c.profile()
	if err != nil {
		return nil, err
	}
	e := &c.setup.Env
	cfg := sim.Config{Host: scenario.DefaultHost(), Senders: []int{0, 1}, Seed: 1}
	cfg.Kernel, cfg.CPUs, cfg.HZ = p, 2, 250
	if e.PinnedCPU < 0 || e.PinnedCPU >= cfg.CPUs {
		return nil, notReplayable(fmt.Sprintf("setup.env.pinned_cpu is %d on a machine with %d CPUs", e.PinnedCPU, cfg.CPUs))
	}
	if err := applySysctls(&cfg.Host, c.setup.sysctls); err != nil {
		return nil, err
	}
	if err := applySysctls(&cfg.Host, c.setup.SysctlsChanged); err != nil {
		return nil, err
	}
	cfg.IP.Routes = []ipstack.Route{onLink} // no default route: none of the recorder's namespaces has one
	cfg.IP.DisableIPv6 = 1
	cfg.IP.LLC = c.machine().llc
	w := &world{c: c}
	if err := w.network(&cfg); err != nil {
		return nil, err
	}
	if err := w.words(&cfg); err != nil {
		return nil, err
	}
	weight := cfg.Softirq.DevWeight
	cfg.Softirq.DevWeight = bootWeight
	if w.h, err = sim.NewHost(cfg); err != nil {
		return nil, err
	}
	if err := w.h.SetDevWeight(weight); err != nil {
		return nil, notReplayable(err.Error())
	}
	if w.sender, err = w.newSender(senderPort, e.PinnedCPU); err != nil {
		w.h.Close()
		return nil, err
	}
	return w, nil
}

// A machine is what else matters of those on which cases were recorded.
type machine struct {
	llc bool // the module llc is loaded
}

// machine returns the machine of a case: the 6.18 kernel ran with more modules
// than the guests of the others.
func (c *Case) machine() machine { return machine{llc: strings.HasPrefix(c.Kernel, "6.18.")} }

// onLink is a route that is there already.
var onLink = ipstack.Route{Dst: 0x7f000000, PrefixLen: 8, IfIndexes: []int32{1}}

// bootWeight is the weight that a backlog has from the boot on, until it has been
// polled under another one.
const bootWeight = 64

// newSender starts a process with a socket bound to that port.
func (w *world) newSender(port uint16, cpu int) (*sim.Sender, error) {
	e := &w.c.setup.Env
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
	return w.h.NewSender(cfg)
}

// network adds the devices of a case.
func (w *world) network(cfg *sim.Config) error {
	e := &w.c.setup.Env
	rps := maskCPUs(uint64(w.c.setup.RPSCPUs))
	switch e.Kind {
	case "lo":
		w.txPort = "lo"
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
		if w.c.observedKey("packet_tap_received") {
			rx.Taps = []scenario.Tap{{RcvBuf: 1 << 30}}
		}
		tx.Mirror = w.mirrors()
		cfg.Veths = []scenario.Veth{{rx, tx}}
		if w.secondDevice() {
			rx2, tx2 := rx, tx
			rx2.Name, tx2.Name = "vr1", "vt1"
			rx2.Addr, tx2.Addr, rx2.PrefixLen, tx2.PrefixLen = 0, 0, 0, 0
			tx2.Mirror = nil
			cfg.Veths = append(cfg.Veths, scenario.Veth{rx2, tx2})
		}
		w.txPort = "vt0"
		return nil
	case "tap":
		t := scenario.Tun{Name: e.RXDev, MTU: e.MTU, PrefixLen: prefixLen, TunConfig: nic.TunConfig{NAPI: e.IFFNAPI}}
		var err error
		if t.MAC, t.Addr, err = address(e.RXMAC, e.RXAddr); err != nil {
			return err
		}
		cfg.Tuns = []scenario.Tun{t}
		w.txPort = e.RXDev
		return nil
	}
	return notReplayable(fmt.Sprintf("setup.env.kind is %q; want lo, veth or tap", e.Kind))
}

// prefixLen is that of the recorder's network.
const prefixLen = 24

// observedKey reports whether a case recorded something under that name.
func (c *Case) observedKey(name string) bool {
	_, ok := c.observed[name]
	return ok
}

// secondDevice reports whether bursts arrive by two devices.
func (w *world) secondDevice() bool {
	m, _ := w.c.observed["after_send"].(map[string]any)
	_, ok := m["dev2"]
	return ok
}

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
	"net.ipv4.udp_early_demux": true, "net.ipv4.ipfrag_high_thresh": true, "net.ipv4.ipfrag_max_dist": true,
	"net.ipv4.conf.default.rp_filter": true, "net.ipv4.igmp_qrv": true, "net.core.mem_pcpu_rsv": true,
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

// openSockets opens the sockets of a case in their order.
func (w *world) openSockets() error {
	for i := range w.c.setup.sockets {
		if w.c.setup.sockets[i].Opened != "" {
			continue
		}
		if err := w.openSocket(w.c.setup.sockets[i]); err != nil {
			return fmt.Errorf("setup.sockets[%d]: %w", i, err)
		}
	}
	if len(w.rx) == 0 && w.needsSocket() {
		return w.openSocket(socketSpec{})
	}
	return nil
}

// openSocket opens one socket as the recorder did.
func (w *world) openSocket(spec socketSpec) error {
	cfg := socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), receiverPort), ReuseAddr: spec.ReuseAddr, ReusePort: spec.ReusePort, Device: spec.BindToDevice}
	var err error
	if spec.Bind != nil {
		if cfg.Local, err = addrPort(spec.Bind); err != nil {
			return err
		}
	}
	cfg.NoMulticastAll = spec.MulticastAll != nil && *spec.MulticastAll == 0
	groups, err := spec.groups()
	if err != nil {
		return err
	}
	for _, g := range groups {
		j := socket.Join{Group: g, Device: w.device(spec.JoinIf)}
		if spec.Source != "" {
			from, err := netip.ParseAddr(spec.Source)
			if err != nil {
				return err
			}
			j.Include = []netip.Addr{from}
		}
		cfg.Join = append(cfg.Join, j)
	}
	s, err := w.bind(cfg, &spec, w.rx)
	if err != nil {
		return err
	}
	if spec.Connect != nil {
		peer, err := addrPort(spec.Connect)
		if err == nil {
			err = s.Connect(peer)
		}
		if err != nil {
			return err
		}
	}
	w.rx = append(w.rx, &receiver{Socket: s, spec: spec})
	return nil
}

// groups returns the groups that a socket joins.
func (s *socketSpec) groups() (out []netip.Addr, err error) {
	var names []string
	var one string
	switch {
	case len(s.Join) == 0 || string(s.Join) == "null":
		return nil, nil
	case json.Unmarshal(s.Join, &one) == nil:
		names = []string{one}
	default:
		if err := json.Unmarshal(s.Join, &names); err != nil {
			return nil, err
		}
	}
	for _, n := range names {
		a, err := netip.ParseAddr(n)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// device returns the name of the interface with that index in the receiver's
// namespace; below 1, the one that the case is about.
func (w *world) device(ifindex int) string {
	if ifindex == 1 {
		return "lo"
	}
	return w.c.setup.Env.RXDev
}

// addrPort reads ["10.0.0.1", 5000].
func addrPort(v []any) (netip.AddrPort, error) {
	if len(v) == 2 {
		s, ok := v[0].(string)
		a, err := netip.ParseAddr(s)
		n, isNumber := number(v[1])
		if ok && err == nil && isNumber && n >= 0 && n < 1<<16 {
			return netip.AddrPortFrom(a, uint16(n)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%v: want an address and a port", v)
}

// number returns a whole number of a decoded value.
func number(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

// What the recorder did to the network stands in words: in the note of the
// set-up and in the description of the case.
var (
	noteSysctl = regexp.MustCompile(`^(net\.[a-zA-Z0-9_.]+) ?= ?(.+)$`)
	noteWait   = regexp.MustCompile(`^([0-9.]+) s wait$`)
	noteRoute  = regexp.MustCompile(`^ip route add ([0-9./]+) dev (\S+)$`)
	noteXDP    = regexp.MustCompile(`^XDP_(DROP|PASS) program on (\S+), (generic|native)$`)
	firewall   = regexp.MustCompile(`^(?:nft|iptables\S*) (ingress|prerouting|input)\b.*?\b(drop|reject)\b`)
)

// wait returns how long the recorder waited after its stimulus.
func (c *Case) wait() engine.Time {
	for _, n := range strings.Split(c.setup.Note, ";") {
		if m := noteWait.FindStringSubmatch(strings.TrimSpace(n)); m != nil {
			s, _ := strconv.ParseFloat(m[1], 64)
			return engine.Time(s*1000) * engine.Millisecond
		}
	}
	return 0
}

// words applies what stands in words.
func (w *world) words(cfg *sim.Config) error {
	for _, n := range strings.Split(w.c.setup.Note, ";") {
		n = strings.TrimSpace(strings.ReplaceAll(n, ", native", ",native"))
		if n == "" {
			continue
		}
		if err := w.note(cfg, strings.ReplaceAll(n, ",native", ", native")); err != nil {
			return err
		}
	}
	if m := firewall.FindStringSubmatch(strings.ToLower(w.c.Description)); m != nil {
		return w.firewall(cfg, m[1], m[2])
	}
	return nil
}

func (w *world) note(cfg *sim.Config, n string) error {
	if m := noteSysctl.FindStringSubmatch(n); m != nil {
		return w.noteSysctl(cfg, m[1], m[2])
	}
	if noteWait.MatchString(n) {
		return nil
	}
	if m := noteRoute.FindStringSubmatch(n); m != nil {
		return w.addRoute(cfg, m[1], m[2])
	}
	if m := noteXDP.FindStringSubmatch(n); m != nil {
		return w.addXDP(cfg, m[1], m[3])
	}
	return notReplayable(fmt.Sprintf("setup.note: %q is not understood", n))
}

// noteSysctl sets a sysctl of the host, or of its interface.
func (w *world) noteSysctl(cfg *sim.Config, name, value string) error {
	e := &w.c.setup.Env
	if key, ok := strings.CutPrefix(name, "net.ipv4.conf."+e.RXDev+"."); ok && len(cfg.Veths) > 0 {
		return w.deviceSysctl(cfg, key, value)
	}
	return applySysctls(&cfg.Host, map[string]string{name: value})
}
