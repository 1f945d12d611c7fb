package procfs

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// The ethtool writers print what the command ethtool 4.x prints of the values
// that the driver gives it (section 4.7). A device without such values is an
// error, as "Operation not supported" is there.

// counts32 are the lines of `ethtool -S` that are 32-bit fields of the driver
// (HW-29).
var counts32 = map[string]bool{"tx_timeout_count": true, "alloc_rx_page_failed": true, "alloc_rx_buff_failed": true}

// WriteEthtoolStats writes the output of `ethtool -S`, the device's statistics
// in the driver's order.
func WriteEthtoolStats(w io.Writer, d *mib.Device) error {
	if len(d.Stats) == 0 {
		return fmt.Errorf("procfs: ethtool -S %s: no stats available", d.Name)
	}
	b := bufio.NewWriter(w)
	b.WriteString("NIC statistics:\n")
	for _, s := range d.Stats {
		v := s.Value
		if counts32[s.Name] {
			v = uint64(uint32(v))
		}
		fmt.Fprintf(b, "     %s: %d\n", s.Name, v)
	}
	return b.Flush()
}

// WriteEthtoolDriver writes the output of `ethtool -i`, the driver and what it supports.
func WriteEthtoolDriver(w io.Writer, d *mib.Device) error {
	return ethtool(w, d, "-i", `driver: %s
version: %s
firmware-version: %s
expansion-rom-version: 
bus-info: %s
supports-statistics: yes
supports-test: yes
supports-eeprom-access: yes
supports-register-dump: yes
supports-priv-flags: no
`, func(e *mib.Ethtool) []any { return []any{e.Driver, e.Version, e.FirmwareVersion, e.BusInfo} })
}

// WriteEthtoolRing writes the output of `ethtool -g`, the sizes of the rings in descriptors.
func WriteEthtoolRing(w io.Writer, d *mib.Device) error {
	return ethtool(w, d, "-g", `Ring parameters for %s:
Pre-set maximums:
RX:		%d
RX Mini:	0
RX Jumbo:	0
TX:		%d
Current hardware settings:
RX:		%d
RX Mini:	0
RX Jumbo:	0
TX:		%d

`, func(e *mib.Ethtool) []any { return []any{d.Name, e.RXMax, e.TXMax, e.RX, e.TX} })
}

// WriteEthtoolCoalesce writes the output of `ethtool -c`, interrupt moderation.
// Of its settings only rx-usecs exists in the driver ixgbe (IRQ-10); igb shows
// tx-usecs where transmission has vectors of its own (IGB-5).
func WriteEthtoolCoalesce(w io.Writer, d *mib.Device) error {
	return ethtool(w, d, "-c", `Coalesce parameters for %s:
Adaptive RX: off  TX: off
stats-block-usecs: 0
sample-interval: 0
pkt-rate-low: 0
pkt-rate-high: 0

rx-usecs: %d
rx-frames: 0
rx-usecs-irq: 0
rx-frames-irq: 0

tx-usecs: %d
tx-frames: 0
tx-usecs-irq: 0
tx-frames-irq: 0

rx-usecs-low: 0
rx-frame-low: 0
tx-usecs-low: 0
tx-frame-low: 0

rx-usecs-high: 0
rx-frame-high: 0
tx-usecs-high: 0
tx-frame-high: 0

`, func(e *mib.Ethtool) []any { return []any{d.Name, e.RXUsecs, e.TXUsecs} })
}

// WriteEthtoolPause writes the output of `ethtool -a`, flow control.
func WriteEthtoolPause(w io.Writer, d *mib.Device) error {
	return ethtool(w, d, "-a", `Pause parameters for %s:
Autonegotiate:	%s
RX:		%s
TX:		%s

`, func(e *mib.Ethtool) []any {
		return []any{d.Name, onOff(e.AutonegPause), onOff(e.RXPause), onOff(e.TXPause)}
	})
}

// WriteEthtoolChannels writes the output of `ethtool -l`, the number of queues.
// The other channel is the vector for link changes.
func WriteEthtoolChannels(w io.Writer, d *mib.Device) error {
	return ethtool(w, d, "-l", `Channel parameters for %s:
Pre-set maximums:
RX:		0
TX:		0
Other:		%d
Combined:	%d
Current hardware settings:
RX:		0
TX:		0
Other:		%d
Combined:	%d

`, func(e *mib.Ethtool) []any { return []any{d.Name, e.Other, e.CombinedMax, e.Other, e.Combined} })
}

// WriteEthtoolFlowHash writes the output of `ethtool -n DEV rx-flow-hash udp4`,
// the fields of a UDP packet that choose its queue (RX-30, RX-31). It is not in
// the tree of [FS].
func WriteEthtoolFlowHash(w io.Writer, d *mib.Device) error {
	return ethtool(w, d, "-n", `UDP over IPV4 flows use these fields for computing Hash flow key:
IP SA
IP DA
%s
`, func(e *mib.Ethtool) []any {
		if e.RXFlowHashPorts {
			return []any{"L4 bytes 0 & 1 [TCP/UDP src port]\nL4 bytes 2 & 3 [TCP/UDP dst port]\n"}
		}
		return []any{""}
	})
}

// WriteEthtoolIndirection writes the output of `ethtool -x`, the table that
// maps a hash to a queue (IGB-6); ixgbe has no such operation (RX-33). The key
// of the hash is not shown by either driver.
func WriteEthtoolIndirection(w io.Writer, d *mib.Device) error {
	if d.Ethtool == nil || len(d.Ethtool.Indirection) == 0 {
		return fmt.Errorf("procfs: ethtool -x %s: operation not supported by this device", d.Name)
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "RX flow hash indirection table for %s with %d RX ring(s):\n", d.Name, d.Ethtool.Combined)
	for i, q := range d.Ethtool.Indirection {
		if i%8 == 0 {
			fmt.Fprintf(b, "%5d: ", i)
		}
		fmt.Fprintf(b, " %5d", q)
		if i%8 == 7 {
			b.WriteByte('\n')
		}
	}
	b.WriteString("RSS hash key:\nOperation not supported\n")
	return b.Flush()
}

func ethtool(w io.Writer, d *mib.Device, option, format string, args func(*mib.Ethtool) []any) error {
	if d.Ethtool == nil {
		return fmt.Errorf("procfs: ethtool %s %s: operation not supported by this device", option, d.Name)
	}
	_, err := fmt.Fprintf(w, format, args(d.Ethtool)...)
	return err
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
