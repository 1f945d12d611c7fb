package socket

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// A FilterInsn is one instruction of a classic packet filter. It models struct
// sock_filter.
type FilterInsn struct {
	Op     uint16
	Jt, Jf uint8
	K      uint32
}

const (
	maxFilter  = 4096 // BPF_MAXINSNS
	memWords   = 16   // BPF_MEMWORDS
	headerSeen = skb.UDPHeader
)

// Classes, modes and operations of classic instructions (linux/filter.h).
const (
	bpfLD, bpfLDX, bpfST, bpfSTX, bpfALU, bpfJMP, bpfRET, bpfMISC = 0, 1, 2, 3, 4, 5, 6, 7

	bpfImm, bpfAbs, bpfInd, bpfMem, bpfLen, bpfMSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0
	bpfH, bpfB                                     = 0x08, 0x10
	bpfX, bpfA                                     = 0x08, 0x10
)

// NewFilter makes a socket filter of a program. It models bpf_check_classic and
// sk_run_filter: the filter sees the UDP header, and behind it zeros, because
// packets carry no payload.
//
// Not modelled:
//   - A socket filter can't load from the network header (SKF_NET_OFF) or by
//     other extensions.
func NewFilter(program []FilterInsn) (Filter, error) {
	if err := checkFilter(program); err != nil {
		return nil, err
	}
	code := append([]FilterInsn{}, program...)
	return func(h *skb.Header, udpLen uint32) uint32 {
		m := machine{length: udpLen, header: [headerSeen]byte{
			byte(h.SrcPort >> 8), byte(h.SrcPort), byte(h.DstPort >> 8), byte(h.DstPort), byte(udpLen >> 8), byte(udpLen),
		}}
		return m.run(code)
	}, nil
}

// checkFilter says what the kernel would refuse.
func checkFilter(program []FilterInsn) error {
	if n := len(program); n == 0 || n > maxFilter {
		return fmt.Errorf("%d instructions", n)
	}
	for i := range program {
		in := &program[i]
		left := uint64(len(program) - i - 1) // instructions behind it
		var bad bool
		switch in.Op & 7 {
		case bpfLD, bpfLDX, bpfST, bpfSTX:
			bad = !knownLoad(in)
		case bpfALU:
			op := in.Op &^ (bpfX | bpfALU)
			bad = op > 0xa0 || in.Op&bpfX == 0 && in.K == 0 && (op == 0x30 || op == 0x90)
			bad = bad || in.Op&bpfX == 0 && in.K > 31 && (op == 0x60 || op == 0x70)
		case bpfJMP:
			switch in.Op &^ (bpfX | bpfJMP) {
			case 0x00:
				bad = uint64(in.K) >= left
			case 0x10, 0x20, 0x30, 0x40:
				bad = uint64(in.Jt) >= left || uint64(in.Jf) >= left
			default:
				bad = true
			}
		case bpfRET:
			bad = in.Op != bpfRET && in.Op != bpfRET|bpfA
		case bpfMISC:
			bad = in.Op != bpfMISC && in.Op != bpfMISC|0x80
		}
		if bad {
			return fmt.Errorf("instruction %d: {%d %d %d %d}", i, in.Op, in.Jt, in.Jf, in.K)
		}
	}
	if program[len(program)-1].Op&7 != bpfRET {
		return fmt.Errorf("the last of %d instructions does not return", len(program))
	}
	return nil
}

func knownLoad(in *FilterInsn) bool {
	switch in.Op {
	case bpfLD | bpfAbs, bpfLD | bpfAbs | bpfH, bpfLD | bpfAbs | bpfB:
		return int32(in.K) >= 0 // the extensions are negative
	case bpfLD | bpfInd, bpfLD | bpfInd | bpfH, bpfLD | bpfInd | bpfB, bpfLD | bpfLen, bpfLDX | bpfLen,
		bpfLD | bpfImm, bpfLDX | bpfImm, bpfLDX | bpfMSH | bpfB:
		return true
	case bpfLD | bpfMem, bpfLDX | bpfMem, bpfST, bpfSTX:
		return in.K < memWords
	}
	return false
}

// A machine runs a filter once.
type machine struct {
	a, x   uint32
	mem    [memWords]uint32
	header [headerSeen]byte
	length uint32
}

// load reads size bytes at an offset; beyond the packet the filter ends.
func (m *machine) load(at uint64, size uint64) (v uint32, ok bool) {
	if at+size > uint64(m.length) {
		return 0, false
	}
	for i := at; i < at+size; i++ {
		v <<= 8
		if i < headerSeen {
			v |= uint32(m.header[i])
		}
	}
	return v, true
}

// run returns what the program returns, 0 if it reads beyond the packet or
// divides by zero.
func (m *machine) run(code []FilterInsn) uint32 {
	for pc := 0; pc < len(code); pc++ {
		in := &code[pc]
		ok := true
		switch in.Op & 7 {
		case bpfLD, bpfLDX:
			ok = m.fetch(in)
		case bpfST:
			m.mem[in.K] = m.a
		case bpfSTX:
			m.mem[in.K] = m.x
		case bpfALU:
			ok = m.calculate(in)
		case bpfJMP:
			pc += m.jump(in)
		case bpfRET:
			if in.Op&bpfA != 0 {
				return m.a
			}
			return in.K
		case bpfMISC:
			if in.Op == bpfMISC {
				m.x = m.a
			} else {
				m.a = m.x
			}
		}
		if !ok {
			return 0
		}
	}
	return 0
}

func (m *machine) fetch(in *FilterInsn) bool {
	size := uint64(4) >> (in.Op & 0x18 >> 3)
	ok := true
	to := &m.a
	if in.Op&7 == bpfLDX {
		to = &m.x
	}
	switch in.Op & 0xe0 {
	case bpfAbs:
		*to, ok = m.load(uint64(in.K), size)
	case bpfInd:
		*to, ok = m.load(uint64(m.x)+uint64(in.K), size)
	case bpfMSH:
		var b uint32
		b, ok = m.load(uint64(in.K), 1)
		m.x = b & 15 << 2
	case bpfLen:
		*to = m.length
	case bpfMem:
		*to = m.mem[in.K]
	default:
		*to = in.K
	}
	return ok
}

func (m *machine) operand(in *FilterInsn) uint32 {
	if in.Op&bpfX != 0 {
		return m.x
	}
	return in.K
}

func (m *machine) calculate(in *FilterInsn) bool {
	k := m.operand(in)
	switch in.Op &^ (bpfX | bpfALU) {
	case 0x00:
		m.a += k
	case 0x10:
		m.a -= k
	case 0x20:
		m.a *= k
	case 0x30, 0x90:
		if k == 0 {
			return false
		}
		if in.Op&0xf0 == 0x30 {
			m.a /= k
		} else {
			m.a %= k
		}
	case 0x40:
		m.a |= k
	case 0x50:
		m.a &= k
	case 0x60:
		m.a <<= k
	case 0x70:
		m.a >>= k
	case 0x80:
		m.a = -m.a
	case 0xa0:
		m.a ^= k
	}
	return true
}

// jump returns how many instructions to pass over.
func (m *machine) jump(in *FilterInsn) int {
	k := m.operand(in)
	var yes bool
	switch in.Op &^ (bpfX | bpfJMP) {
	case 0x00:
		return int(in.K)
	case 0x10:
		yes = m.a == k
	case 0x20:
		yes = m.a > k
	case 0x30:
		yes = m.a >= k
	case 0x40:
		yes = m.a&k != 0
	}
	if yes {
		return int(in.Jt)
	}
	return int(in.Jf)
}
