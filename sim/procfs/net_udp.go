package procfs

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// udpHeader is the first line of /proc/net/udp without its padding.
const udpHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"

// States of a socket in the st column.
const (
	tcpEstablished = 0x01 // connected
	tcpClose       = 0x07 // not connected
)

// WriteUDP writes /proc/net/udp, a line of 127 characters per bound socket. It
// models udp4_seq_show and udp4_format_sock of net/ipv4/udp.c (section 10.3).
//
// rx_queue is truesize in bytes, without the socket's backlog. The socket's
// address is hidden as by kptr_restrict, ref is that of an idle bound socket,
// and drops is a 32-bit number, signed in 4.0.
func WriteUDP(w io.Writer, s *mib.Snapshot) error {
	b := bufio.NewWriter(w)
	if modern(s) {
		fmt.Fprintf(b, "%-127s\n", " "+udpHeader)
	} else {
		fmt.Fprintf(b, "%-127s\n", udpHeader)
	}
	for i := range s.Sockets {
		fmt.Fprintf(b, "%-127s\n", udpLine(&s.Sockets[i], modern(s)))
	}
	return b.Flush()
}

func udpLine(k *mib.Socket, modern bool) string {
	state := tcpClose
	drops := int64(int32(k.Drops))
	if modern {
		drops = int64(uint32(k.Drops))
	}
	if k.Connected {
		state = tcpEstablished
	}
	return fmt.Sprintf("%5d: %08X:%04X %08X:%04X %02X %08X:%08X 00:00000000 00000000 %5d        0 %d 2 %016x %d",
		k.Bucket, hostOrder(k.Local), k.LocalPort, hostOrder(k.Remote), k.RemotePort, state,
		0, uint32(k.RxQueue), k.UID, k.Inode, 0, drops)
}

// hostOrder returns the four bytes of an IPv4 address as a little-endian
// machine reads them: 127.0.0.1 is 0x0100007f.
func hostOrder(addr uint32) uint32 { return bits.ReverseBytes32(addr) }
