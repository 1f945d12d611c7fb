package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/napi"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/softirq"
	"github.com/seed-556df219/rxpath/udp"
)

// Config is a host: the machine, its interfaces, its applications.
type Config struct {
	scenario.Host
	NICs []scenario.NIC
	// Raw are raw IPv4 sockets.
	Raw []ipstack.RawConfig
	// Veths and Tuns are devices without hardware.
	Veths []scenario.Veth
	Tuns  []scenario.Tun
	// Senders are the CPUs on which processes may send: see NewSender. Sending are processes that send by themselves.
	Senders []int
	Sending []scenario.Sender
	// Devices are those on top of the interfaces, Taps the packet sockets that are not of one of either.
	Devices []scenario.Device
	Taps    []scenario.Tap
	Apps    []scenario.App
	// OpenFilter makes a filter of a packet socket out of its BPF program: it returns how many bytes of a packet to
	// keep, seen on a CPU by a device. It is nil for programs that need none: package filter provides one.
	OpenFilter func(program []string) (func(b *skb.Buff, cpu int, ifindex int32) int, error)
	// Seed selects the random numbers of applications and firewall rules.
	Seed uint64
	// Naive uses the naive executive.
	Naive bool
}

// Linux40 returns a machine with Linux 4.0, four CPUs and one interface,
// eth0 with the address 10.0.0.2/24 and one queue, to drive by hand.
func Linux40() Config {
	return Config{Host: scenario.DefaultHost(), NICs: []scenario.NIC{DefaultNIC("eth0")}, Seed: 1}
}

// DefaultNIC returns an ixgbe port with one queue and the address 10.0.0.2/24.
func DefaultNIC(name string) scenario.NIC {
	n := scenario.NIC{Name: name, Config: nic.DefaultConfig(), Addr: 0x0a000002, PrefixLen: 24}
	n.Combined = 1
	return n
}

// A Host is a simulated machine. Its methods are not safe for concurrent use.
type Host struct {
	cfg     Config
	profile kernel.Profile
	costs   kernel.Costs
	exec    engine.Executive
	now     engine.Time
	ledger  skb.Ledger
	net     mib.Net
	stats   []mib.CPU

	cores     []*cpu.Core
	netstamp  skb.NetStamp
	softnet   softirq.Host
	receivers []napi.Receiver
	ip        *ipstack.Layer
	udp       *udp.Layer
	sockets   socket.Host
	gro       map[string]*napi.GRO
	encaps    int          // open sockets that ever had UDP_GRO (udp_encap_needed_key)
	spaces    []*namespace // the host's own first
	mirrors   map[transmitter][]transmitter
	timers    []*Sender // by CPU, of packets that timers send
	sending   []*Sender // by themselves
	ports     []*nic.Port
	napis     []*napi.Instance
	soft      []*napi.Instance // of devices without hardware
	napiTable napi.Table
	pollers   []*softirq.Thread // of threaded interfaces
	socks     []*Socket
	threads   []*socket.Thread
	lockers   []*socket.Locker
	pools     []*socket.Pool
	started   []program
	inodes    uint64
	made      uint64   // packets that programs of this host made
	tracing   *tracing // nil: nothing is recorded

	latBacklog, latStack hist.Hist
	digest               engine.Digest
	sourceErr            []func() error
}

// NewHost assembles a host: the stages bottom-up, each joined to the next. It
// returns every fault of the configuration at once, as *cfgerr.Error values.
func NewHost(cfg Config) (*Host, error) {
	sc := scenario.Scenario{Host: cfg.Host, NICs: cfg.NICs, Veths: cfg.Veths, Tuns: cfg.Tuns, Senders: cfg.Sending, Devices: cfg.Devices, Raw: cfg.Raw, Taps: cfg.Taps, Apps: cfg.Apps, Run: scenario.Run{For: engine.Second}}
	if err := errors.Join(sc.Validate(), validateSenders(&cfg)); err != nil {
		return nil, err
	}
	declared := cfg.NICs
	cfg.NICs = prepareNICs(&cfg)
	cfg = cfg.clone() // changes at run time are the host's own
	h := &Host{cfg: cfg, profile: cfg.Kernel, costs: cfg.Costs, gro: map[string]*napi.GRO{}, inodes: 18230}
	if cfg.Naive {
		h.exec = engine.NewNaive()
	} else {
		h.exec = engine.NewLazy()
	}
	h.makeCores()
	if err := h.softnet.SetSockFlowEntries(cfg.Softirq.RPSSockFlowEntries); err != nil {
		return nil, err
	}
	h.makeLayers()
	for i := range cfg.NICs {
		cfg.NICs[i].Config = cfg.NICs[i].Booted()
		h.addNIC(i)
	}
	for i := range cfg.NICs { // behind all interfaces, so that those have the lowest indices
		n := &declared[i]
		dev, _ := h.ip.DeviceNamed(n.Name)
		for _, id := range n.VLANs {
			dev.AddVLAN(uint16(id), scenario.VLANName(n.Name, id), 0, 0)
		}
	}
	if err := errors.Join(h.addVeths(), h.addTuns(), h.openNICTaps(), h.addDevices(cfg.Devices), h.openHostTaps(cfg.Taps)); err != nil {
		return nil, err
	}
	for i := range cfg.Raw {
		if _, err := h.OpenRaw(cfg.Raw[i]); err != nil {
			return nil, err
		}
	}
	for i := range cfg.Apps {
		if err := h.openApp(&cfg.Apps[i]); err != nil {
			return nil, under(fmt.Sprintf("apps[%d]", i), err)
		}
	}
	if err := h.startSending(); err != nil {
		return nil, err
	}
	h.joinCores()
	return h, nil
}

// makeCores makes the CPUs with their softirq state.
func (h *Host) makeCores() {
	h.stats = make([]mib.CPU, h.cfg.CPUs)
	h.softnet = softirq.Host{
		Config: h.cfg.Softirq, Profile: &h.profile, Costs: &h.costs, Ledger: &h.ledger, HashSecret: uint32(h.cfg.Seed),
		ThreadIRQs: h.cfg.ThreadIRQs, PossibleCPUs: h.cfg.PossibleCPUs,
		Device:      func(i int32) softirq.Device { return h.ip.Device(i) },
		BacklogWait: h.latBacklog.Record, NetStamp: &h.netstamp,
	}
	h.netstamp.Prequeue = &h.softnet.Config.TstampPrequeue
	for i := range h.cfg.CPUs {
		c := cpu.New(cpu.Config{
			ID: i, CPUs: h.cfg.CPUs, Jiffy: engine.Second / engine.Time(h.cfg.HZ), TickPhase: h.cfg.TickPhase,
			Costs: &h.costs, Naive: h.cfg.Naive,
		}, h.exec, &h.stats[i])
		h.cores = append(h.cores, c)
		h.receivers = append(h.receivers, softirq.New(&h.softnet, c)) // napi ─▶ softirq
	}
}

// makeLayers makes what all CPUs share, from the receive core to the sockets,
// and joins it.
func (h *Host) makeLayers() {
	own := &namespace{host: h, net: &h.net}
	h.spaces = []*namespace{own}
	own.makeLayers("netfilter")
	h.ip, h.udp = own.ip, own.udp
	h.sockets = socket.Host{Profile: &h.profile, Costs: &h.costs, Ledger: &h.ledger, Net: &h.net, Memory: socket.Memory{Limits: h.cfg.Limits}, Stack: &h.latStack}

	h.napiTable = napi.Table{Profile: &h.profile, Costs: &h.costs, TCPExt: &h.net.TCPExt}
	h.sockets.NetBusyPoll = &h.softnet.Config.BusyPoll
	if h.profile.NAPIBusyLoop || h.profile.IxgbeBusyPoll {
		h.sockets.BusyLoop = h.napiTable.BusyLoop // socket ─▶ napi: busy polling
	}
	if h.profile.SKBDefer {
		h.sockets.DeferFree = h.softnet.DeferFree // socket ─▶ softirq: memory goes back
	}
	if h.cfg.Softirq.RPSSockFlowEntries > 0 {
		h.sockets.RecordFlow = h.softnet.RecordFlow // socket ─▶ softirq: RFS
	}
	h.softnet.Stack = h.ip                    // softirq ─▶ ipstack
	_ = udp.Socket((*socket.Sock)(nil))       // udp ─▶ socket: at Bind
	_ = softirq.Poller((*napi.Instance)(nil)) // softirq ─▶ napi: at addNIC
	own.addLoopback()
}

// makeLayers makes IP and UDP of a namespace, and joins them.
func (ns *namespace) makeLayers(stream string) {
	h := ns.host
	ns.ip = ipstack.New(ipstack.Layer{
		Config: h.cfg.IP, Profile: &h.profile, Costs: &h.costs, Ledger: &h.ledger, Net: ns.net,
		Rand: engine.NewStream(h.cfg.Seed, stream), IngressRand: engine.NewStream(h.cfg.Seed, strings.Replace(stream, "netfilter", "ingress", 1)),
		NetStamp: &h.netstamp,
	})
	ns.ip.NetifReceiveSKB = h.netifReceiveSKB
	ns.ip.NetifRX = func(c *cpu.Core, b *skb.Buff) skb.DropReason { return h.softnet.CPUs[c.ID()].NetifRX(c, b) }
	ns.ip.NetifRXNI = func(c *cpu.Core, b *skb.Buff) skb.DropReason { return h.softnet.CPUs[c.ID()].NetifRXNI(c, b) }
	ns.udp = &udp.Layer{Config: h.cfg.UDP, Profile: &h.profile, Costs: &h.costs, Ledger: &h.ledger, Net: ns.net, ReuseSecret: uint32(h.cfg.Seed >> 32),
		Rand: engine.NewStream(h.cfg.Seed, strings.Replace(stream, "netfilter", "skb_clone", 1))}

	ns.ip.UDP = ns.udp                  // ipstack ─▶ udp
	ns.ip.Output = ns.sendICMP          // ipstack ─▶ the way out
	ns.udp.Unreachable = ns.ip.ICMPSend // udp ─▶ ipstack: ICMP
	ns.udp.Member = ns.ip.Member        // udp ─▶ ipstack: IGMP
}

// netifReceiveSKB models netif_receive_skb, the door of those that are not GRO.
func (h *Host) netifReceiveSKB(c *cpu.Core, b *skb.Buff) {
	c.Trace.Receive(ftrace.NetifReceiveSKBEntry, b)
	h.softnet.CPUs[c.ID()].NetifReceiveSKB(c, b)
}

// addNIC brings an interface up and joins it: nic ─▶ napi ─▶ softirq.
func (h *Host) addNIC(i int) {
	n := &h.cfg.NICs[i]
	gro := h.newGRO(n.GRO, h.spaces[0])
	gro.Forwarding, gro.FragList = n.GROUDPForwarding, n.GROFragList
	dev := h.ip.AddDevice(n.Name, skb.MAC(n.MAC), n.MTU, n.Addr, n.PrefixLen)
	dev.Conf, dev.GRO = n.Conf, n.GRO
	made := len(h.napis)
	port := nic.New(n.Name, n.Config, nic.Env{
		Naive: h.cfg.Naive, Profile: &h.profile, Costs: &h.costs, Ledger: &h.ledger,
		GRO: gro, Receive: h.netifReceiveSKB, IfIndex: dev.Index, CPUs: h.cfg.CPUs, Seed: h.cfg.Seed,
		NAPI: func(device string, v *nic.Vector) nic.NAPI { // again when the queues change
			n := &h.cfg.NICs[i]
			in := napi.New(device, v)
			in.GRO = gro
			if h.profile.NAPIBusyLoop || h.profile.IxgbeBusyPoll && n.Driver == nic.DriverIxgbe {
				h.napiTable.Add(in)
			}
			if h.profile.NAPIDeferHardIRQs {
				in.Defer(napi.Deferral{HardIRQs: n.NAPIDeferHardIRQs, Timeout: n.GROFlushTimeout})
			}
			h.napis = append(h.napis, in)
			in.Raise = func(c *cpu.Core, in *napi.Instance) { h.softnet.CPUs[c.ID()].Schedule(in) }
			return in
		},
	})
	h.gro[n.Name] = gro
	gro.Headroom = port.Headroom // napi ─▶ nic: what build_skb leaves free
	gro.Hash = port.RXHash       // napi ─▶ nic: the hash in the descriptor
	h.ports = append(h.ports, port)
	port.JoinGroup(0xe0000001)
	dev.SetIngress(n.Ingress)
	h.placeVectors(port, n)
	if n.Threaded && h.profile.NAPIThreaded {
		h.makeThreads(port, h.napis[made:])
	}
	h.placeRPS(port, dev, n.RPS)
	h.placeFlowTables(dev, nil, n.RPSFlowCnt)
}

// newGRO returns the GRO of a device: napi ─▶ softirq, and a look into the sockets
// of its namespace.
func (h *Host) newGRO(on bool, ns *namespace) *napi.GRO {
	return &napi.GRO{
		On: on, Costs: &h.costs, Profile: &h.profile, Ledger: &h.ledger, NormalBatch: h.cfg.Softirq.GRONormalBatch, Up: h.receivers,
		Lookup: ns.groLookup, EncapNeeded: &h.encaps, Precise: h.cfg.HZ >= 1000,
	}
}

// groLookup looks a packet's socket up whose device is known by its number in the host.
func (ns *namespace) groLookup(b *skb.Buff) (found, gro bool) {
	number := b.IfIndex
	b.IfIndex &= 1<<nsShift - 1
	found, gro = ns.udp.GROLookup(b)
	b.IfIndex = number
	return found, gro
}

// makeThreads gives every instance of a port a thread that polls it, on the CPU
// of its vector.
func (h *Host) makeThreads(p *nic.Port, instances []*napi.Instance) {
	for i, v := range p.Vectors() {
		t := h.softnet.CPUs[v.Core().ID()].NewThread(fmt.Sprintf("napi/%s-%d", p.Name(), i), instances[i])
		instances[i].Raise = func(c *cpu.Core, _ *napi.Instance) { t.Schedule(c) }
		h.pollers = append(h.pollers, t)
	}
}

// placeVectors binds every vector to its CPU: as told, else as the driver hints,
// else to the first of all (RX-39).
func (h *Host) placeVectors(p *nic.Port, n *scenario.NIC) {
	for i, v := range p.Vectors() {
		v.Bind(h.cores[n.VectorCPUs(i, v.Label(), &h.cfg.Host)[0]], h.cfg.CPUs)
	}
}

func (h *Host) placeRPS(p *nic.Port, dev *ipstack.Device, rps map[string][]int) {
	for i := range p.Queues() {
		cpus := h.cfg.Online(rps[fmt.Sprintf("rx-%d", i)])
		dev.SetRPS(i, cpus)
		h.softnet.RPS = h.softnet.RPS || len(cpus) > 0
	}
}

// busy says which CPUs do more than read: interrupts, a backlog, or readers that
// meet others.
func (h *Host) busy() []bool {
	busy := make([]bool, h.cfg.CPUs)
	for i := range busy {
		busy[i] = h.cfg.ThreadIRQs // ticks leave their softirqs to ksoftirqd, or to whoever enables BH
	}
	for _, p := range h.ports {
		for _, v := range p.Vectors() {
			busy[v.Core().ID()] = true
		}
	}
	for i := range h.cfg.NICs {
		// Any order: a CPU is marked once or more.
		for _, cpus := range h.cfg.NICs[i].RPS {
			for _, c := range h.cfg.Online(cpus) {
				busy[c] = true
			}
		}
	}
	for i := range h.cfg.Devices {
		for _, c := range h.cfg.Online(h.cfg.Devices[i].RPS) {
			busy[c] = true
		}
	}
	for _, t := range h.ip.Taps() {
		if t.Task() != nil {
			busy[t.Task().Core().ID()] = true
		}
	}
	h.senderCPUs(busy)
	h.markShared(busy)
	h.markSteered(busy)
	h.markPolling(busy)
	return busy
}

// meet says whether CPUs can meet at the lock of a socket.
func (h *Host) meet(busy []bool) {
	n := 0
	for _, b := range busy {
		if b {
			n++
		}
	}
	h.sockets.SMP = n > 1
}

// joinCores makes the CPUs and ports actors. A CPU that only reads may lag
// behind, if nothing but its own sockets can notice (design: settlers).
func (h *Host) joinCores() {
	busy := h.busy()
	h.meet(busy)
	for i, c := range h.cores {
		c.Join(!busy[i])
	}
	for _, p := range h.ports {
		p.Join(h.exec)
	}
	for _, s := range h.socks {
		for _, t := range s.readers {
			if c := t.Task().Core(); c.Consumer() && !h.cfg.Naive {
				s.sock.SettleWith(c)
			}
		}
	}
}

// markPolling marks the CPUs whose readers may poll interfaces themselves.
func (h *Host) markPolling(busy []bool) {
	if h.sockets.BusyLoop == nil {
		return
	}
	for _, s := range h.socks {
		for _, t := range s.readers {
			if s.sock.BusyPoll() != 0 || *h.sockets.NetBusyPoll != 0 {
				busy[t.Task().Core().ID()] = true
			}
		}
	}
}

// markShared marks CPUs whose readers can meet others at a shared socket. At
// udp_mem, which all share, sockets settle them.
func (h *Host) markShared(busy []bool) {
	for _, s := range h.socks {
		for _, t := range s.readers[min(1, len(s.readers)):] {
			if t.Task().Core() != s.readers[0].Task().Core() {
				busy[t.Task().Core().ID()] = true
				busy[s.readers[0].Task().Core().ID()] = true
			}
		}
	}
	for i := range h.cfg.Apps { // who locks sockets, or hands over what was read, meets those who read them
		a := &h.cfg.Apps[i]
		if a.Locks.Every > 0 {
			busy[a.Locks.CPU] = true
		}
		for _, c := range a.Workers.CPUs {
			busy[c] = true
		}
	}
	for _, s := range h.socks {
		for _, t := range s.readers {
			if s.locker != nil || s.pool != nil {
				busy[t.Task().Core().ID()] = true
			}
		}
	}
}

// Now returns the virtual time that has passed.
func (h *Host) Now() time.Duration { return h.now.Duration() }

// Advance lets virtual time pass; what is due at its very end has happened. A
// negative d does nothing.
func (h *Host) Advance(d time.Duration) {
	if d > 0 {
		h.AdvanceTo(h.now + engine.FromDuration(d))
	}
}

// AdvanceTo runs everything that happens at or before t.
func (h *Host) AdvanceTo(t engine.Time) {
	if t < h.now {
		return
	}
	h.exec.RunUntil(t)
	h.now = t
	for _, p := range h.ports {
		p.Settle(t)
	}
	h.ip.Settle(t)
	for _, tap := range h.ip.Taps() {
		tap.Settle(t)
	}
	for _, c := range h.cores {
		c.Rest()
	}
}

// Err says why a CPU does nothing any more: what it repeats takes no time, and
// virtual time would stand still there for ever (*cpu.Standstill). It is nil on a
// host whose costs are above 0. The other CPUs go on.
func (h *Host) Err() error {
	for _, c := range h.cores {
		if err := c.Stuck(); err != nil {
			return fmt.Errorf("sim: %w", err)
		}
	}
	return nil
}

// Close releases what a host still holds of the Go runtime when it was stopped
// in the middle of things. A closed host can still be read, but not advanced.
func (h *Host) Close() {
	for _, c := range h.cores {
		c.Close()
	}
}

// Inject puts one frame on the wire of the first interface: its last bit
// arrives now, or as soon after as the link carries it.
//
// It panics on a host without interfaces: that is a fault of the program.
func (h *Host) Inject(f skb.Frame) {
	if len(h.ports) == 0 {
		panic("sim: Inject on a host without interfaces")
	}
	h.InjectOn(h.ports[0].Name(), f)
}

// InjectOn puts one frame on the wire of the named interface. It panics if there
// is none of that name: that is a fault of the program.
func (h *Host) InjectOn(name string, f skb.Frame) {
	for _, p := range h.ports {
		if p.Name() == name {
			p.Inject(f, h.now)
			return
		}
	}
	panic(fmt.Sprintf("sim: no interface %q", name))
}

// UDPFrame returns the frame of a datagram for this host's first interface.
func (h *Host) UDPFrame(src, dst netip.AddrPort, payload int) skb.Frame {
	var mac skb.MAC
	if len(h.cfg.NICs) > 0 {
		mac = h.cfg.NICs[0].MAC
	}
	return skb.NewUDP(mac, src, dst, payload)
}

// TracePolls tells f of every poll and of the end of every run of net_rx_action
// from now on; nil ends it. f must not change the host.
func (h *Host) TracePolls(f func(softirq.Trace)) { h.softnet.Trace = f }

// FS returns the files that the host shows now: proc/net/softnet_stat,
// sys/class/net/eth0/statistics/rx_packets, ethtool/eth0/S and so on, as a
// read-only tree that does not change any more. os.CopyFS, http.FS and fstest
// work on it.
func (h *Host) FS() fs.FS {
	s := h.Snapshot()
	return procfs.FS(&s.Snapshot)
}

// Ledger returns the account of every packet so far.
func (h *Host) Ledger() skb.Ledger { return h.ledger }

// CheckLedger compares the ledger with what the queues hold.
func (h *Host) CheckLedger() error {
	var live uint64
	for _, p := range h.ports {
		live += p.Live()
	}
	for _, sd := range h.softnet.CPUs {
		live += sd.Live()
	}
	for _, s := range h.socks {
		live += s.sock.Live()
	}
	live += h.liveInDevices() + h.liveInGRO()
	for _, ns := range h.spaces {
		for _, t := range ns.ip.Taps() {
			live += t.Live()
		}
		live += ns.ip.Live() + ns.ip.Fragments()
	}
	return h.ledger.Check(live + h.ip.RawTotals().Queued)
}

// Digest witnesses everything that has happened: two runs with the same digest
// did the same at the same instants.
func (h *Host) Digest() uint64 {
	var sums []uint64
	for _, c := range h.cores {
		sums = append(sums, c.Digest.Sum())
	}
	for _, p := range h.ports {
		sums = append(sums, p.Digest.Sum())
	}
	for _, ns := range h.spaces {
		if d := ns.ip.Digest.Sum(); d != 0 {
			sums = append(sums, d)
		}
	}
	return engine.Combine(append(sums, h.digest.Sum())...)
}
