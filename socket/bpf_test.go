package socket

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// Random programs return what another interpreter makes of them; neg, which that
// one does not know, and ldx len, which it takes for ld len, are left out.
func TestFilterAgainstLibrary(t *testing.T) {
	ops := []uint16{0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x00, 0x60, 0x01, 0x61, 0xb1, 0x02, 0x03,
		0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x94, 0x9c, 0xa4, 0xac,
		0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x07, 0x87, 0x06, 0x16}
	taken := 0
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(rt, "n")
		var program []FilterInsn
		var raw []bpf.RawInstruction
		for range n {
			in := FilterInsn{Op: rapid.SampledFrom(ops).Draw(rt, "op"), Jt: uint8(rapid.IntRange(0, 4).Draw(rt, "jt")),
				Jf: uint8(rapid.IntRange(0, 4).Draw(rt, "jf")), K: rapid.SampledFrom([]uint32{0, 1, 2, 4, 7, 15, 40, 5001, 1 << 31}).Draw(rt, "k")}
			program = append(program, in)
		}
		program = append(program, FilterInsn{Op: 0x16})
		for _, in := range program {
			raw = append(raw, bpf.RawInstruction{Op: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K})
		}
		f, err := NewFilter(program)
		list, all := bpf.Disassemble(raw)
		vm, libErr := bpf.NewVM(list)
		if err != nil || libErr != nil || !all {
			return
		}
		h := &skb.Header{SrcPort: uint16(rapid.IntRange(0, 65535).Draw(rt, "sport")), DstPort: 5001}
		udpLen := uint32(rapid.IntRange(8, 60).Draw(rt, "len"))
		packet := make([]byte, udpLen)
		binary.BigEndian.PutUint16(packet, h.SrcPort)
		binary.BigEndian.PutUint16(packet[2:], h.DstPort)
		binary.BigEndian.PutUint16(packet[4:], uint16(udpLen))
		want, err := vm.Run(packet)
		if err != nil {
			want = 0
		}
		require.Equal(rt, uint32(want), f(h, udpLen), "%v", program)
		taken++
	})
	require.Greater(t, taken, 5)
}

// What the kernel refuses is refused.
func TestFilterRefused(t *testing.T) {
	ret := FilterInsn{Op: 6, K: 1}
	for name, program := range map[string][]FilterInsn{
		"nothing":                  {},
		"no return":                {{Op: 0x00}},
		"jump beyond the end":      {{Op: 0x05, K: 1}, ret},
		"far jump":                 {{Op: 0x05, K: 1 << 31}, ret},
		"branch beyond the end":    {{Op: 0x15, Jt: 1}, ret},
		"division by zero":         {{Op: 0x34}, ret},
		"shift too far":            {{Op: 0x64, K: 32}, ret},
		"memory that is not there": {{Op: 0x02, K: 16}, ret},
		"an extension":             {{Op: 0x20, K: 0xfffff000}, ret},
		"no instruction":           {{Op: 0xffff}, ret},
		"too many":                 make([]FilterInsn, 4097),
	} {
		_, err := NewFilter(program)
		require.Error(t, err, name)
	}
	f, err := NewFilter([]FilterInsn{{Op: 0x28, K: 0}, {Op: 0x35, Jf: 1, K: 6000}, {Op: 6}, {Op: 6, K: 65535}})
	require.NoError(t, err)
	require.Zero(t, f(&skb.Header{SrcPort: 6000}, 20))
	require.EqualValues(t, 65535, f(&skb.Header{SrcPort: 5999}, 20))
}
