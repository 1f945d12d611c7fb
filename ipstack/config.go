package ipstack

import (
	"errors"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Config holds the sysctls and the firewall of IPv4 input.
type Config struct {
	// IPEarlyDemux switches early demultiplexing (IF-1).
	IPEarlyDemux int `sysctl:"net.ipv4.ip_early_demux"`
	// RPFilter is conf.all.rp_filter: 0 off, 1 strict, 2 loose (RP-1 to RP-4).
	RPFilter int `sysctl:"net.ipv4.conf.all.rp_filter"`
	// Netfilter are the rules of the firewall, the first match decides.
	Netfilter []Rule
}

// Hook is a place where netfilter looks at packets (NF-1).
type Hook uint8

// Input hooks.
const (
	PreRouting Hook = iota
	LocalIn
)

// A Rule drops what matches. A zero field matches everything.
type Rule struct {
	Hook             Hook
	Src, Dst         skb.Addr
	SrcPort, DstPort uint16
	IfIndex          int32
	// DropPPM is the probability of a drop, in millionths; 1000000 drops every match.
	DropPPM uint32
}

// DefaultConfig returns the defaults of Linux 4.0.
func DefaultConfig() Config { return Config{IPEarlyDemux: 1} }

// Validate reports every field out of range.
func (c *Config) Validate() error {
	errs := []error{
		cfgerr.Range("net.ipv4.ip_early_demux", c.IPEarlyDemux, 0, 1),
		cfgerr.Range("net.ipv4.conf.all.rp_filter", c.RPFilter, 0, 2),
	}
	for i := range c.Netfilter {
		errs = append(errs, cfgerr.Range("netfilter.drop", c.Netfilter[i].DropPPM, 0, 1_000_000))
	}
	return errors.Join(errs...)
}
