package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// A frame is what a packet socket or a tap device puts on the wire, as a
// recording of random cases makes it up: every field may be wrong.
type randomFrame struct {
	dst, src  []byte
	tags      []uint32 // EtherType of the tag, and the tag
	etherType uint16
	version   byte
	tos       byte
	total     int // of the packet; -1: what is there
	id        uint16
	flags     uint16 // with the fragment's offset in units of 8
	ttl       byte
	proto     byte
	badSum    bool
	from, to  netip.Addr
	options   []byte
	body      []byte // behind the IP header
	trailer   int
	cut       int // bytes that are missing at the end
}

// bytes writes the frame.
func (f *randomFrame) bytes() []byte {
	out := append(append([]byte{}, f.dst...), f.src...)
	for _, t := range f.tags {
		out = binary.BigEndian.AppendUint32(out, t)
	}
	out = binary.BigEndian.AppendUint16(out, f.etherType)
	ip := make([]byte, skb.IPHeader, skb.IPHeader+len(f.options)+len(f.body))
	ip = append(append(ip, f.options...), f.body...)
	hl := skb.IPHeader + len(f.options)
	ip[0], ip[1], ip[8], ip[9] = f.version<<4|byte(hl/4), f.tos, f.ttl, f.proto
	total := f.total
	if total < 0 {
		total = len(ip)
	}
	binary.BigEndian.PutUint16(ip[2:], uint16(total))
	binary.BigEndian.PutUint16(ip[4:], f.id)
	binary.BigEndian.PutUint16(ip[6:], f.flags)
	copy(ip[12:], f.from.AsSlice())
	copy(ip[16:], f.to.AsSlice())
	sum := ^skb16(0, ip[:hl])
	if f.badSum {
		sum ^= 0x1111
	}
	binary.BigEndian.PutUint16(ip[10:], sum)
	out = append(append(out, ip...), make([]byte, f.trailer)...)
	return out[:max(len(out)-f.cut, 15)]
}

// skb16 adds bytes up as RFC 1071 has it.
func skb16(sum uint32, data []byte) uint16 {
	for i, b := range data {
		sum += uint32(b) << (8 * uint(1-i%2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// pick returns one of several, the first as often as all others.
func pickOne[T any](r *rand.Rand, first T, others ...T) T {
	if len(others) == 0 || r.IntN(2) == 0 {
		return first
	}
	return others[r.IntN(len(others))]
}

// oneOf returns one of several.
func oneOf[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// seldom is true once in n times.
func seldom(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// payloads are sizes at which something changes.
var payloads = []int{0, 1, 4, 18, 40, 67, 68, 69, 76, 77, 100, 133, 134, 150, 151, 197, 198, 212, 213, 300, 598, 599, 645, 646, 1000, 1471, 1472}

// randomUDP returns a UDP datagram with its header, in which much may be wrong.
func randomUDP(r *rand.Rand, from, to netip.Addr, payload int, wrong bool) []byte {
	b := make([]byte, skb.UDPHeader+payload)
	for i := range payload {
		b[skb.UDPHeader+i] = byte(i)
	}
	binary.BigEndian.PutUint16(b, pickOne[uint16](r, senderPort, senderPort+1, 0, 5000))
	binary.BigEndian.PutUint16(b[2:], pickOne[uint16](r, receiverPort, receiverPort, receiverPort+1, 9, 0))
	length := len(b)
	if wrong && seldom(r, 4) {
		length = oneOf(r, 0, 7, 8, 9, len(b)-1, len(b)+1, len(b)/2, len(b)+100, 65535)
	}
	binary.BigEndian.PutUint16(b[4:], uint16(max(length, 0)))
	switch {
	case wrong && seldom(r, 6):
		return b // no checksum
	case length > len(b) || length < skb.UDPHeader:
		binary.BigEndian.PutUint16(b[6:], 0x1234)
		return b
	}
	pseudo := append(append(append([]byte{}, from.AsSlice()...), to.AsSlice()...), 0, skb.ProtoUDP, b[4], b[5])
	sum := ^skb16(uint32(skb16(0, pseudo)), b[:length])
	if sum == 0 {
		sum = 0xffff
	}
	if wrong && seldom(r, 5) {
		sum ^= 0x0101
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// randomOptions returns IP options, well-formed or not, of a multiple of four bytes.
func randomOptions(r *rand.Rand) []byte {
	var o []byte
	for range 1 + r.IntN(3) {
		switch r.IntN(12) {
		case 0:
			o = append(o, 1)
		case 1:
			o = append(o, 0)
		case 2: // record route
			n := 3 + 4*r.IntN(4)
			o = append(append(o, 7, byte(n), byte(4+4*r.IntN(5))), make([]byte, n-3)...)
		case 3: // timestamp
			n := 4 + 4*r.IntN(4)
			o = append(append(o, 68, byte(n), byte(5+4*r.IntN(4)), byte(r.IntN(16))<<4|byte(oneOf(r, 0, 1, 3, 2))), make([]byte, n-4)...)
		case 4, 5: // source routes
			n := 3 + 4*(1+r.IntN(2))
			hop := addr(oneOf(r, "10.77.0.2", "10.77.0.1", "10.77.0.9", "192.0.2.1", "127.0.0.1", "239.1.2.3", "10.77.0.255"))
			hops := append(hop.AsSlice(), 10, 77, 0, 1)
			o = append(append(o, byte(oneOf(r, 131, 137)), byte(n), byte(4+4*r.IntN(3))), hops[:n-3]...)
		case 6: // router alert
			o = append(o, 148, 4, 0, byte(pickOne(r, 0, 1)))
		case 7: // of another length than it should have
			o = append(o, byte(oneOf(r, 7, 68, 131, 137, 148, 130, 136, 25, 77)), byte(r.IntN(12)), byte(r.IntN(16)), byte(r.IntN(256)))
		case 8: // unknown, or of security
			o = append(o, byte(oneOf(r, 130, 136, 25, 77)), 4, 0, 0)
		case 9:
			o = append(o, 1, 1, 1, 1)
		case 10:
			o = append(o, 7, 3, 4)
		case 11:
			o = append(o, byte(r.IntN(130)), byte(r.IntN(6)))
		}
	}
	if len(o) > 40 {
		o = o[:40]
	}
	for len(o)%4 != 0 {
		o = append(o, byte(r.IntN(2)))
	}
	return o
}

// A place is the network of a random case.
type place struct {
	kind         string
	mtu          int
	rx, tx       netip.Addr
	rxMAC, txMAC []byte
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// groupMAC is the MAC of a group (ip_eth_mc_map).
func groupMAC(a netip.Addr) []byte {
	b := a.As4()
	return []byte{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
}

var broadcastMAC = []byte{255, 255, 255, 255, 255, 255}

// randomPacket returns a frame of which a few things may be wrong.
func (p *place) randomPacket(r *rand.Rand) *randomFrame {
	f := &randomFrame{etherType: 0x0800, version: 4, total: -1, ttl: 64, proto: skb.ProtoUDP, src: p.txMAC, dst: p.rxMAC, id: uint16(r.IntN(4)), from: p.tx, to: p.rx}
	rare := pickOne(r, 12, 3) // how much is wrong
	if seldom(r, rare) {
		f.from = oneOf(r, p.rx, addr("192.0.2.9"), addr("127.0.0.1"), addr("127.5.5.5"), addr("0.0.0.0"), addr("0.0.0.9"), addr("239.1.1.1"), addr("224.0.0.1"),
			addr("255.255.255.255"), addr("240.0.0.1"), addr("10.77.0.0"))
	}
	if seldom(r, (rare+1)/2) {
		f.to = oneOf(r, addr("10.77.0.255"), addr("10.77.0.0"), addr("255.255.255.255"), addr("224.0.0.1"), addr("224.0.0.22"), addr("239.1.2.3"), addr("239.1.2.3"), addr("239.1.2.4"), addr("239.9.9.9"),
			addr("127.0.0.1"), addr("127.1.2.3"), addr("127.255.255.255"), addr("10.77.0.77"), addr("8.8.8.8"), addr("0.0.0.0"), addr("0.0.0.5"), addr("240.0.0.1"), p.tx)
	}
	switch {
	case f.to.IsMulticast():
		f.dst = groupMAC(f.to)
	case f.to == addr("255.255.255.255") || f.to == addr("10.77.0.255") || f.to == addr("10.77.0.0"):
		f.dst = broadcastMAC
	}
	if seldom(r, rare) {
		f.dst = oneOf(r, p.rxMAC, broadcastMAC, groupMAC(addr("239.1.2.3")), groupMAC(addr("239.7.7.7")), []byte{2, 0, 0, 0, 0, 0x77}, []byte{2, 0, 0, 0, 0, 0x77}, make([]byte, 6), []byte{1, 128, 0xc2, 0, 0, 0})
	}
	if seldom(r, rare*3) {
		f.tags = append(f.tags, oneOf[uint32](r, 0x81000000, 0x81000005, 0x81002000, 0x88a80005, 0x88a80000, 0x81000fff))
		if seldom(r, 3) {
			f.tags = append(f.tags, oneOf[uint32](r, 0x81000000, 0x81000005))
		}
	}
	if seldom(r, rare*3) {
		f.etherType = oneOf[uint16](r, 0x88b5, 0x86dd, 0x0100, 0x0040, 0x9000, 0x0600, 0x05ff)
		if p.mtu < 1280 && f.etherType == 0x86dd { // a device with which IPv6 has nothing to do
			f.etherType = 0x88b5
		}
	}
	if seldom(r, rare*2) {
		f.tos = oneOf[byte](r, 1, 2, 3, 0xb8, 0xff, 0x10)
	}
	if seldom(r, rare) {
		f.ttl = oneOf[byte](r, 0, 1, 2, 255)
	}
	if seldom(r, rare*3) {
		f.version = oneOf[byte](r, 0, 5, 6, 15)
	}
	if seldom(r, rare*2) {
		f.proto = oneOf[byte](r, 99, 47, 4, 132, 255, 0, 41, 50)
	}
	f.badSum = seldom(r, rare*3)
	if seldom(r, rare) {
		f.options = randomOptions(r)
		if bytes.IndexByte(f.options, 131) >= 0 || bytes.IndexByte(f.options, 137) >= 0 {
			f.from = p.tx // an answer repeats a source route, and goes its way
		}
	}
	most := p.mtu - 4*len(f.tags) // that a packet socket sends
	payload := min(oneOf(r, payloads...), most-skb.IPHeader-skb.UDPHeader-len(f.options))
	f.body = randomUDP(r, f.from, f.to, payload, true)
	size := skb.IPHeader + len(f.options) + len(f.body)
	if seldom(r, rare*2) {
		f.total = oneOf(r, size-1, size+1, size+100, size/2, 10, 19, 20, 27, 28, 0, 65535)
	}
	if seldom(r, rare*2) {
		f.trailer = oneOf(r, 1, 18, 40)
		if size+f.trailer > most {
			f.trailer = 0
		}
	}
	if seldom(r, rare*3) {
		f.cut = 1 + r.IntN(size)
	}
	if seldom(r, rare*3) {
		f.flags = oneOf[uint16](r, 0x4000, 0x8000, 0xc000, 0x2000, 1, 0x2001, 0x6000, 0x1fff)
	}
	return f
}

// randomFragments returns the fragments of a datagram: in another order, with
// gaps, duplicates, overlaps.
func (p *place) randomFragments(r *rand.Rand) (out []*randomFrame) {
	base := randomFrame{etherType: 0x0800, version: 4, total: -1, ttl: 64, proto: skb.ProtoUDP, src: p.txMAC, dst: p.rxMAC, id: uint16(100 + r.IntN(3)), from: p.tx, to: p.rx}
	if seldom(r, 5) {
		base.to = oneOf(r, addr("239.1.2.3"), addr("10.77.0.255"), addr("10.77.0.2"))
		base.dst = oneOf(r, groupMAC(base.to), broadcastMAC)
	}
	if seldom(r, 8) {
		base.from = oneOf(r, addr("192.0.2.9"), addr("127.0.0.1"))
	}
	if seldom(r, 10) {
		base.proto = oneOf[byte](r, 99, 47)
	}
	if seldom(r, 10) {
		base.options = []byte{1, 1, 1, 1}
	}
	body := randomUDP(r, base.from, base.to, oneOf(r, 8, 16, 100, 197, 500, 1000, 1472, 1600, 3000, 4000, 8000), seldom(r, 3))
	if whole := int(binary.BigEndian.Uint16(body[4:])) == len(body); whole && seldom(r, 2) {
		base.id = uint16(1000 + r.IntN(60000)) // of no other datagram: then all of it is UDP's, and its checksum known
	} else {
		body[6], body[7] = 0, 0
	}
	step := oneOf(r, 8, 16, 64, 200, 208, 216, 512, 1000, 1480)
	if len(body)/step > 40 {
		step = 512
	}
	step = min(step, p.mtu-skb.IPHeader-8) &^ 7
	for off := 0; off < len(body); off += step {
		f := base
		end := min(off+step, len(body))
		f.body = body[off:end]
		f.flags = uint16(off / 8)
		if end < len(body) {
			f.flags |= 0x2000
		}
		if seldom(r, 40) {
			f.tos = oneOf[byte](r, 1, 2, 3)
		}
		if seldom(r, 60) {
			f.flags |= 0x4000
		}
		if len(f.options) > 0 && seldom(r, 2) {
			f.options = nil
		}
		if seldom(r, 60) {
			f.id++
		}
		if seldom(r, 60) {
			f.ttl = 1
		}
		if seldom(r, 60) {
			f.trailer = 5
		}
		out = append(out, &f)
	}
	swap := func(i, j int) { out[i], out[j] = out[j], out[i] }
	switch r.IntN(6) {
	case 0, 1:
		r.Shuffle(len(out), swap)
	case 2:
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			swap(i, j)
		}
	}
	for range r.IntN(3) {
		i := r.IntN(len(out))
		again := *out[i]
		switch r.IntN(9) {
		case 0, 1: // a duplicate
			at := r.IntN(len(out) + 1)
			out = append(out[:at], append([]*randomFrame{&again}, out[at:]...)...)
		case 2: // a gap
			if len(out) > 1 {
				out = append(out[:i], out[i+1:]...)
			}
		case 3, 4: // an overlap
			if off := int(again.flags & 0x1fff); off > 0 {
				again.flags = again.flags&^0x1fff | uint16(max(off-1-r.IntN(3), 0))
			} else {
				again.flags++
			}
			if seldom(r, 2) && len(again.body) > 16 {
				again.body = again.body[:len(again.body)-8]
			}
			at := r.IntN(len(out) + 1)
			out = append(out[:at], append([]*randomFrame{&again}, out[at:]...)...)
		case 5: // another end
			again.flags ^= 0x2000
			at := r.IntN(len(out) + 1)
			out = append(out[:at], append([]*randomFrame{&again}, out[at:]...)...)
		case 6: // beyond 64 KiB
			again.flags = oneOf[uint16](r, 0x1fff, 0x1ff0, 0x3fff)
			out = append(out, &again)
		case 7: // without anything in it, or of an odd length
			again.body = again.body[:oneOf(r, 0, 1, min(len(again.body), 7), min(len(again.body), 9))]
			again.flags |= oneOf[uint16](r, 0, 0x2000)
			out = append(out, &again)
		case 8: // the whole
			out = append(out[:i], append([]*randomFrame{&again}, out[i:]...)...)
		}
	}
	return out
}

// inject is the entry of a stimulus that writes a frame.
func inject(f []byte, count int) map[string]any {
	return map[string]any{"op": "inject", "count": count, "len": len(f), "hex": hex.EncodeToString(f)}
}
