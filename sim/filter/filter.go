package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/bpf"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// maxInstructions is BPF_MAXINSNS.
const maxInstructions = 4096

// What lies before the packet in a program's input: the ancillary data, a word
// each. Loads are moved behind it when a program is made, because x/net/bpf runs
// a program on bytes alone.
const (
	atLen     = 4 * iota // skb->len
	atProto              // SKF_AD_PROTOCOL
	atPktType            // SKF_AD_PKTTYPE
	atIfIndex            // SKF_AD_IFINDEX
	atQueue              // SKF_AD_QUEUE
	atHatype             // SKF_AD_HATYPE
	atRXHash             // SKF_AD_RXHASH
	atCPU                // SKF_AD_CPU
	atTag                // SKF_AD_VLAN_TAG
	atTagged             // SKF_AD_VLAN_TAG_PRESENT
	atPacket             // where the packet begins
)

// extensions are where the ancillary loads find their words.
var extensions = map[bpf.Extension]uint32{
	bpf.ExtLen: atLen, bpf.ExtProto: atProto, bpf.ExtType: atPktType, bpf.ExtInterfaceIndex: atIfIndex, bpf.ExtQueue: atQueue,
	bpf.ExtLinkLayerType: atHatype, bpf.ExtRXHash: atRXHash, bpf.ExtCPUID: atCPU, bpf.ExtVLANTag: atTag, bpf.ExtVLANTagPresent: atTagged,
}

// Offsets of loads relative to the network and the link header (include/uapi/linux/filter.h).
const (
	netOffset  = 0xfff00000 // SKF_NET_OFF
	linkOffset = 0xffe00000 // SKF_LL_OFF
)

// etherHatype is ARPHRD_ETHER.
const etherHatype = 1

// A Program is a classic BPF program that was accepted. It is not safe for
// concurrent use.
type Program struct {
	vm *bpf.VM
	in []byte
}

// Parse makes a program of its instructions, each as "code jt jf k".
func Parse(lines []string) (*Program, error) {
	if len(lines) == 0 || len(lines) > maxInstructions {
		return nil, fmt.Errorf("filter: %d instructions: want 1 to %d", len(lines), maxInstructions)
	}
	var prog []bpf.Instruction
	for i, line := range lines {
		raw, err := instruction(line)
		if err != nil {
			return nil, fmt.Errorf("filter: instruction %d: %w", i, err)
		}
		ins, err := moved(raw)
		if err != nil {
			return nil, fmt.Errorf("filter: instruction %d, %q: %w", i, line, err)
		}
		prog = append(prog, ins)
	}
	vm, err := bpf.NewVM(prog)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return &Program{vm: vm, in: make([]byte, atPacket+1<<16+skb.EthHeader)}, nil
}

// Open is a sim.Options.OpenFilter: it makes the filter of a packet socket.
func Open(lines []string) (func(b *skb.Buff, cpu int, ifindex int32) int, error) {
	p, err := Parse(lines)
	if err != nil {
		return nil, err
	}
	return p.Packet, nil
}

// instruction reads one line.
func instruction(line string) (raw bpf.RawInstruction, err error) {
	f := strings.Fields(line)
	if len(f) != 4 {
		return raw, fmt.Errorf("%q: want four numbers: code jt jf k", line)
	}
	var v [4]uint64
	for i, bits := range []int{16, 8, 8, 32} {
		if v[i], err = strconv.ParseUint(f[i], 10, bits); err != nil {
			return raw, fmt.Errorf("%q: want four numbers: code jt jf k: %q is none of %d bits", line, f[i], bits)
		}
	}
	return bpf.RawInstruction{Op: uint16(v[0]), Jt: uint8(v[1]), Jf: uint8(v[2]), K: uint32(v[3])}, nil
}

var errUnknown = errors.New("no instruction that is supported")

// moved returns an instruction with its loads moved behind the ancillary data.
func moved(raw bpf.RawInstruction) (bpf.Instruction, error) {
	switch ins := raw.Disassemble().(type) {
	case bpf.LoadAbsolute:
		switch {
		case ins.Off >= netOffset:
			ins.Off = ins.Off - netOffset + skb.EthHeader
		case ins.Off >= linkOffset:
			ins.Off -= linkOffset
		}
		ins.Off += atPacket
		return ins, nil
	case bpf.LoadIndirect:
		ins.Off += atPacket
		return ins, nil
	case bpf.LoadMemShift:
		ins.Off += atPacket
		return ins, nil
	case bpf.LoadExtension:
		if at, ok := extensions[ins.Num]; ok {
			return bpf.LoadAbsolute{Off: at, Size: 4}, nil
		}
		return nil, errUnknown
	case bpf.RawInstruction, bpf.NegateA:
		return nil, errUnknown
	default:
		return ins, nil
	}
}

// Packet runs the program as a packet socket does, over the packet from its
// Ethernet header on, and returns how many bytes to keep, 0 for none. cpu and
// ifindex are what the program can ask for.
func (p *Program) Packet(b *skb.Buff, cpu int, ifindex int32) int {
	n := int(b.Len) + skb.EthHeader
	in := p.in[:atPacket+min(n, len(p.in)-atPacket)]
	be, h := binary.BigEndian, b.Head
	proto := uint32(h.EtherType)
	if b.InBand > 0 {
		proto = skb.EtherTypeVLAN
	}
	be.PutUint32(in[atLen:], uint32(n))
	be.PutUint32(in[atProto:], proto)
	be.PutUint32(in[atPktType:], uint32(b.PktType))
	be.PutUint32(in[atIfIndex:], uint32(ifindex))
	be.PutUint32(in[atQueue:], uint32(b.Queue)+1) // recorded as one more than it is
	be.PutUint32(in[atHatype:], etherHatype)
	be.PutUint32(in[atRXHash:], b.Hash)
	be.PutUint32(in[atCPU:], uint32(cpu))
	be.PutUint32(in[atTag:], 0)
	be.PutUint32(in[atTagged:], 0)
	if b.Tagged {
		be.PutUint32(in[atTag:], uint32(b.TCI()))
		be.PutUint32(in[atTagged:], 1)
	}
	return p.run(in, p.headers(b))
}

// Datagram runs the program as a UDP socket does, over a datagram of udpLen
// bytes from its UDP header on, and returns how many bytes to keep, 0 for none.
func (p *Program) Datagram(h *skb.Header, udpLen uint32) uint32 {
	in := p.in[:atPacket+min(int(udpLen), len(p.in)-atPacket)]
	clear(p.in[:atPacket])
	binary.BigEndian.PutUint32(in[atLen:], udpLen)
	binary.BigEndian.PutUint32(in[atProto:], uint32(h.EtherType))
	udpHeader(p.in[atPacket:], h, uint16(udpLen))
	return uint32(p.run(in, skb.UDPHeader))
}

// run runs the program over its input and wipes the headers again.
func (p *Program) run(in []byte, headers int) int {
	n, err := p.vm.Run(in)
	clear(p.in[atPacket : atPacket+headers])
	if err != nil {
		panic("filter: " + err.Error()) // NewVM has accepted it
	}
	return n
}

// headers writes the headers of a packet and returns their length.
func (p *Program) headers(b *skb.Buff) int {
	h, out, be := b.Head, p.in[atPacket:], binary.BigEndian
	copy(out, h.DstMAC[:])
	copy(out[6:], h.SrcMAC[:])
	at := 12
	for i := h.Tags() - b.InBand; i < h.Tags(); i++ {
		proto, tci := uint16(skb.EtherTypeVLAN), h.VLAN
		if i == 0 && h.ServiceTag {
			proto = skb.EtherTypeQinQ
		} else if i > 0 {
			tci = h.InnerVLAN
		}
		be.PutUint16(out[at:], proto)
		be.PutUint16(out[at+2:], tci)
		at += skb.VLANHeader
	}
	be.PutUint16(out[at:], h.EtherType)
	at += 2
	if h.EtherType != skb.EtherTypeIPv4 {
		return at
	}
	ip := out[at:]
	ip[0] = h.IPVersion<<4 | h.IHL
	ip[1] = h.TOS
	be.PutUint16(ip[2:], b.IPLen)
	frag := h.FragOffset / 8
	if h.MoreFrags {
		frag |= 0x2000
	}
	be.PutUint16(ip[6:], frag)
	ip[9] = h.Proto
	be.PutUint32(ip[12:], uint32(h.Src))
	be.PutUint32(ip[16:], uint32(h.Dst))
	end := max(int(h.IHL)*4, skb.IPHeader)
	if h.Proto == skb.ProtoUDP && h.FragOffset == 0 {
		udpHeader(ip[end:], h, b.UDPLen)
		end += skb.UDPHeader
	}
	return at + end
}

func udpHeader(out []byte, h *skb.Header, length uint16) {
	binary.BigEndian.PutUint16(out, h.SrcPort)
	binary.BigEndian.PutUint16(out[2:], h.DstPort)
	binary.BigEndian.PutUint16(out[4:], length)
}
