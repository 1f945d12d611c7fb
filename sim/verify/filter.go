package verify

import (
	"golang.org/x/net/bpf"

	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// filter makes a socket filter of the instructions of SO_ATTACH_FILTER. It is
// shown the UDP header, as udp_queue_rcv_skb shows it, and zeros for the
// payload, which no packet of the model has.
func filter(raw [][4]uint32) (socket.Filter, error) {
	prog := make([]bpf.RawInstruction, len(raw))
	for i, r := range raw {
		prog[i] = bpf.RawInstruction{Op: uint16(r[0]), Jt: uint8(r[1]), Jf: uint8(r[2]), K: r[3]}
	}
	code, _ := bpf.Disassemble(prog)
	vm, err := bpf.NewVM(code)
	if err != nil {
		return nil, notReplayable("the filter does not run: " + err.Error())
	}
	return func(h *skb.Header, udpLen uint32) uint32 {
		packet := make([]byte, udpLen)
		if udpLen >= skb.UDPHeader {
			packet[0], packet[1] = byte(h.SrcPort>>8), byte(h.SrcPort)
			packet[2], packet[3] = byte(h.DstPort>>8), byte(h.DstPort)
			packet[4], packet[5] = byte(udpLen>>8), byte(udpLen)
		}
		n, err := vm.Run(packet)
		if err != nil {
			return 0
		}
		return uint32(n)
	}, nil
}
