package ipstack

import (
	"errors"
	"fmt"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Config holds the sysctls, the routes and the firewall of IPv4 input. The
// sysctls of one interface are its DeviceConf.
type Config struct {
	// IPEarlyDemux switches early demultiplexing (IF-1).
	IPEarlyDemux int `sysctl:"net.ipv4.ip_early_demux"`
	// UDPEarlyDemux switches that of UDP alone; kernels before 4.12 do not have it.
	UDPEarlyDemux int `sysctl:"net.ipv4.udp_early_demux"`
	// IPForward makes a router of the host: what is not for it is not refused (1.5). A forwarded packet is
	// counted and ends there.
	IPForward int `sysctl:"net.ipv4.ip_forward"`
	// RPFilter is the least strictness of the reverse-path check on any interface: 0 off, 1 strict, 2 loose (RP-1 to RP-4).
	RPFilter int `sysctl:"net.ipv4.conf.all.rp_filter"`
	// AcceptLocal takes packets from the host's own addresses, on every interface (RP-1, RP-2).
	AcceptLocal int `sysctl:"net.ipv4.conf.all.accept_local"`
	// RouteLocalnet routes 127.0.0.0/8, on every interface (1.5, MC-3).
	RouteLocalnet int `sysctl:"net.ipv4.conf.all.route_localnet"`
	// AcceptSourceRoute takes packets with a source route, where the interface does, too (IF-3).
	AcceptSourceRoute int `sysctl:"net.ipv4.conf.all.accept_source_route"`
	// DisableIPv6 refuses IPv6 packets on every interface.
	DisableIPv6 int `sysctl:"net.ipv6.conf.all.disable_ipv6"`
	// LLC says that the module llc is there: frames with an 802.3 length have a handler.
	LLC bool
	// ICMPRatelimit is the time in milliseconds in which a peer may have one more ICMP message, 0 for no limit (UR-13).
	ICMPRatelimit int `sysctl:"net.ipv4.icmp_ratelimit"`
	// ICMPRatemask has a bit for each ICMP type that is limited (UR-13).
	ICMPRatemask int `sysctl:"net.ipv4.icmp_ratemask"`
	// ICMPMsgsPerSec is the number of limited ICMP messages a second for all peers together (UR-13).
	ICMPMsgsPerSec int `sysctl:"net.ipv4.icmp_msgs_per_sec"`
	// ICMPMsgsBurst is how many of these may come at once (UR-13).
	ICMPMsgsBurst int `sysctl:"net.ipv4.icmp_msgs_burst"`
	// IPFragHighThresh is the memory of incomplete datagrams, in bytes, above which no new one is begun (FR-2).
	IPFragHighThresh int `sysctl:"net.ipv4.ipfrag_high_thresh"`
	// IPFragLowThresh is the memory down to which incomplete datagrams are evicted (FR-4).
	IPFragLowThresh int `sysctl:"net.ipv4.ipfrag_low_thresh"`
	// IPFragTime is how long the rest of a datagram may take to come, in seconds (FR-5).
	IPFragTime int `sysctl:"net.ipv4.ipfrag_time"`
	// IPFragMaxDist is how many fragments of other datagrams of the same source may come in between; 0 for any number (FR-6).
	IPFragMaxDist int `sysctl:"net.ipv4.ipfrag_max_dist"`
	// IGMPMaxMemberships is the number of groups that one socket may join (GM-1).
	IGMPMaxMemberships int `sysctl:"net.ipv4.igmp_max_memberships"`
	// IGMPMaxMSF is the number of sources in the list of one membership (GM-1).
	IGMPMaxMSF int `sysctl:"net.ipv4.igmp_max_msf"`
	// Routes are in the main table besides the interfaces' networks. Without any there is a default route
	// through the first interface.
	Routes []Route
	// Conntrack is connection tracking.
	Conntrack ConntrackConfig
	// Netfilter are the rules of the firewall, the first match decides.
	Netfilter []Rule
}

// DeviceConf holds net.ipv4.conf.NAME of one interface.
type DeviceConf struct {
	// RPFilter is the strictness of the reverse-path check; that of all interfaces counts if it is higher in number (RP-1).
	RPFilter int
	// AcceptLocal takes packets from the host's own addresses (RP-1, RP-2).
	AcceptLocal bool
	// RouteLocalnet routes 127.0.0.0/8 (1.5, MC-3).
	RouteLocalnet bool
	// RefuseSourceRoute is accept_source_route off: the default of an interface is on (IF-3).
	RefuseSourceRoute bool
}

// Validate reports every field out of range.
func (c *DeviceConf) Validate() error { return cfgerr.Range("rp_filter", c.RPFilter, 0, 2) }

// RouteKind is the type of a route in the main table.
type RouteKind uint8

// Types of routes (rtm_type).
const (
	Unicast     RouteKind = iota // goes to a device
	Unreachable                  // EHOSTUNREACH
	Prohibit                     // EACCES
	Blackhole                    // EINVAL
)

// String returns the word of ip route.
func (k RouteKind) String() string {
	return [...]string{"unicast", "unreachable", "prohibit", "blackhole"}[k]
}

// A Route is an entry of the main routing table. It models struct fib_info.
type Route struct {
	Dst       skb.Addr
	PrefixLen int
	Kind      RouteKind
	// IfIndexes are the devices of a unicast route; several are a multipath route.
	IfIndexes []int32
}

func (r *Route) validate() error {
	return errors.Join(
		cfgerr.Range("to", r.PrefixLen, 0, 32),
		cfgerr.Check(r.Kind <= Blackhole, "type", uint8(r.Kind), "unicast, unreachable, prohibit or blackhole"),
		cfgerr.Check((r.Kind == Unicast) == (len(r.IfIndexes) > 0), "dev", r.IfIndexes, "an interface for a unicast route, and none for another"))
}

// DefaultConfig returns the defaults of Linux 4.0.
func DefaultConfig() Config {
	return Config{
		IPEarlyDemux:       1,
		UDPEarlyDemux:      1,
		ICMPRatelimit:      1000,
		ICMPRatemask:       1<<destUnreach | 1<<4 | 1<<timeExceeded | 1<<parameterProb, // with source quench
		ICMPMsgsPerSec:     1000,
		ICMPMsgsBurst:      50,
		IGMPMaxMemberships: 20,
		IGMPMaxMSF:         10,
		IPFragHighThresh:   4 << 20,
		IPFragLowThresh:    3 << 20,
		IPFragTime:         30,
		IPFragMaxDist:      64,
		Conntrack:          DefaultConntrack(),
	}
}

// Validate reports every field out of range.
func (c *Config) Validate() error {
	const most = 1<<31 - 1
	errs := []error{
		cfgerr.Range("net.ipv4.ip_early_demux", c.IPEarlyDemux, 0, 1),
		cfgerr.Range("net.ipv4.udp_early_demux", c.UDPEarlyDemux, 0, 1),
		cfgerr.Range("net.ipv6.conf.all.disable_ipv6", c.DisableIPv6, 0, 1),
		cfgerr.Range("net.ipv4.ip_forward", c.IPForward, 0, 1),
		cfgerr.Range("net.ipv4.conf.all.rp_filter", c.RPFilter, 0, 2),
		cfgerr.Range("net.ipv4.conf.all.accept_local", c.AcceptLocal, 0, 1),
		cfgerr.Range("net.ipv4.conf.all.route_localnet", c.RouteLocalnet, 0, 1),
		cfgerr.Range("net.ipv4.conf.all.accept_source_route", c.AcceptSourceRoute, 0, 1),
		cfgerr.Range("net.ipv4.icmp_ratelimit", c.ICMPRatelimit, 0, most),
		cfgerr.Range("net.ipv4.icmp_ratemask", c.ICMPRatemask, 0, most),
		cfgerr.Range("net.ipv4.icmp_msgs_per_sec", c.ICMPMsgsPerSec, 0, most),
		cfgerr.Range("net.ipv4.icmp_msgs_burst", c.ICMPMsgsBurst, 0, most),
		cfgerr.Range("net.ipv4.ipfrag_high_thresh", c.IPFragHighThresh, 0, most),
		cfgerr.Range("net.ipv4.ipfrag_low_thresh", c.IPFragLowThresh, 0, most),
		cfgerr.Range("net.ipv4.ipfrag_time", c.IPFragTime, 0, 1_000_000),
		cfgerr.Range("net.ipv4.ipfrag_max_dist", c.IPFragMaxDist, 0, most),
		cfgerr.Range("net.ipv4.igmp_max_memberships", c.IGMPMaxMemberships, 0, most),
		cfgerr.Range("net.ipv4.igmp_max_msf", c.IGMPMaxMSF, 0, most),
	}
	for i := range c.Routes {
		errs = append(errs, cfgerr.Under(fmt.Sprintf("routes[%d]", i), c.Routes[i].validate()))
	}
	errs = append(errs, validateRules(c.Netfilter), c.Conntrack.validate())
	return errors.Join(errs...)
}
