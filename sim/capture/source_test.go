package capture

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

func TestSourceKeepsTimesLengthsAndFlows(t *testing.T) {
	fr := play(t, mustOpen(t, pcapFile(t, 1, true, three())), DefaultOptions(ourMAC))
	require.Len(t, fr, 3)
	require.Same(t, fr[0].Head, fr[2].Head, "one flow")
	require.NotSame(t, fr[0].Head, fr[1].Head)
	require.EqualValues(t, 128, fr[0].IPLen)
	require.EqualValues(t, 108, fr[0].UDPLen)
	made := skb.NewUDP(ourMAC, netip.MustParseAddrPort("10.0.0.1:5000"), netip.MustParseAddrPort("239.193.4.65:1000"), 100)
	head := *made.Head
	head.SrcMAC, head.DF = peerMAC, false // as the file has them
	require.Equal(t, head, *fr[0].Head)
	require.Equal(t, made.Len, fr[0].Len)
}

func TestFillLeavesTheIDAlone(t *testing.T) {
	s, err := mustOpen(t, pcapFile(t, 1, true, three())).Source(DefaultOptions(ourMAC))
	require.NoError(t, err)
	defer s.Close()
	fr := []skb.Frame{{ID: 41}, {ID: 42}}
	require.Equal(t, 2, s.Fill(fr))
	require.EqualValues(t, 42, fr[1].ID)
	require.Equal(t, 1, s.Fill(fr))
	require.Equal(t, 0, s.Fill(fr))
}

func TestStartAndSpeed(t *testing.T) {
	f := mustOpen(t, pcapFile(t, 1, true, three()))
	at := func(o Options) (all []engine.Time) {
		for _, fr := range play(t, f, o) {
			all = append(all, fr.At)
		}
		return all
	}
	o := DefaultOptions(ourMAC)
	o.Start, o.SpeedMilli = engine.Second, 10_000
	require.Equal(t, []engine.Time{engine.Second, engine.Second + 150*engine.Microsecond, engine.Second + 400*engine.Microsecond}, at(o))
	o.MilliPPS = 250_000_000
	require.Equal(t, []engine.Time{engine.Second + 4*engine.Microsecond, engine.Second + 8*engine.Microsecond, engine.Second + 12*engine.Microsecond}, at(o))
}

// Loops of a capture that is kept and of one that is read again give the same.
func TestLoops(t *testing.T) {
	for name, b := range map[string][]byte{
		"pcap": pcapFile(t, 1, true, three()), "gzip": gzipped(t, pcapngFile(t, 1, three())),
	} {
		f := mustOpen(t, b)
		for _, again := range []bool{false, true} {
			o := DefaultOptions(ourMAC)
			o.Loops = 3
			s, err := f.Source(o)
			require.NoError(t, err)
			require.EqualValues(t, 3, cap(s.kept), name)
			if again {
				s.kept = nil
			}
			fr := drain(s, 100)
			require.NoError(t, s.Err())
			require.Len(t, fr, 9, name)
			for i, want := range []engine.Time{0, 1500, 4000, 6000, 7500, 10000, 12000, 13500, 16000} {
				require.Equal(t, want*engine.Microsecond, fr[i].At, "%s, frame %d", name, i)
				require.Same(t, fr[i%3].Head, fr[i].Head, "%s, frame %d", name, i)
				require.Equal(t, fr[i%3].Len, fr[i].Len)
			}
			require.Nil(t, s.in, "closed at the end")
		}
	}
}

func TestLoopsOfADisorderedFile(t *testing.T) {
	f := mustOpen(t, pcapFile(t, 1, true, disordered(200, 9, rand.New(rand.NewPCG(3, 3)))))
	o := DefaultOptions(ourMAC)
	o.Loops = 3
	kept := play(t, f, o)
	s, err := f.Source(o)
	require.NoError(t, err)
	s.kept = nil
	require.Equal(t, kept, rebase(kept, drain(s, 1000)))
}

func TestEndlessLoop(t *testing.T) {
	f := mustOpen(t, pcapFile(t, 1, true, three()))
	o := DefaultOptions(ourMAC)
	o.Loops = 0
	s, err := f.Source(o)
	require.NoError(t, err)
	fr := drain(s, 30_000)
	require.Len(t, fr, 30_000)
	require.Equal(t, 9999*6*engine.Millisecond+4*engine.Millisecond, fr[29_999].At)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice")
	require.Zero(t, s.Fill(fr))
	require.NoError(t, s.Err())

	o.SpeedMilli = 1
	o.Start = engine.MaxTime - 2500*engine.Millisecond
	s, err = f.Source(o)
	require.NoError(t, err)
	require.Len(t, drain(s, 100), 2, "no run gets further")
	require.NoError(t, s.Err())
}

func TestSourcesAreIndependent(t *testing.T) {
	f := mustOpen(t, pcapFile(t, 1, true, three()))
	a, err := f.Source(DefaultOptions(ourMAC))
	require.NoError(t, err)
	b, err := f.Source(DefaultOptions(ourMAC))
	require.NoError(t, err)
	one := make([]skb.Frame, 1)
	for range 3 {
		require.Equal(t, 1, a.Fill(one))
		at := one[0].At
		require.Equal(t, 1, b.Fill(one))
		require.Equal(t, at, one[0].At)
	}
}

func TestEmptyCapture(t *testing.T) {
	f := mustOpen(t, pcapFile(t, 1, true, nil))
	require.Equal(t, []string{"holds no frames"}, f.Info.Warnings)
	o := DefaultOptions(ourMAC)
	o.Loops = 0
	require.Empty(t, play(t, f, o))
}

func TestOneInstantCannotLoop(t *testing.T) {
	f := mustOpen(t, pcapFile(t, 1, true, []shot{{0, datagram(1, 1), 0}, {0, datagram(1, 1), 0}}))
	o := DefaultOptions(ourMAC)
	require.Len(t, play(t, f, o), 2)
	o.Loops = 0
	_, err := f.Source(o)
	require.EqualError(t, err, "test: all frames have the same time, so that the gap between two passes is not known: want one pass, or a constant rate")
	o.MilliPPS = 1000
	s, err := f.Source(o)
	require.NoError(t, err)
	fr := drain(s, 5)
	require.Equal(t, 5*engine.Second, fr[4].At)
}

func TestOptionsAreChecked(t *testing.T) {
	o := Options{Loops: -1, Start: -1}
	var paths []string
	for _, e := range cfgerr.All(o.Validate()) {
		paths = append(paths, e.Path)
	}
	require.Equal(t, []string{"speed", "loops", "start", "mac"}, paths)
	_, err := mustOpen(t, pcapFile(t, 1, true, three())).Source(Options{SpeedMilli: 1, MAC: skb.MAC{1}})
	require.EqualError(t, err, "test: mac = 01:00:00:00:00:00: want the unicast address of an interface")
	keep := Options{SpeedMilli: 1, KeepMAC: true}
	require.NoError(t, keep.Validate())
}

func TestAddresses(t *testing.T) {
	us := skb.Addr(0x0a000010)
	toGroup, toUs := ipPacket(sender, group, 7, 10), ipPacket(sender, us, 7, 10)
	arp := ether(broadcastMAC, skb.EtherTypeARP, make([]byte, 46))
	stp := skb.MAC{1, 0x80, 0xc2}
	type rules = []Rewrite
	groupMAC := skb.MulticastMAC(uint32(group))
	other := group + 1
	tests := map[string]struct {
		data    []byte
		link    layers.LinkType // 0: Ethernet
		keep    bool
		rules   rules
		mac     skb.MAC
		dst     skb.Addr
		dstPort uint16
	}{
		"unicast is for us":              {data: ether(peerMAC, 0x800, toUs), mac: ourMAC, dst: us, dstPort: 7},
		"unicast, kept":                  {data: ether(peerMAC, 0x800, toUs), keep: true, mac: peerMAC, dst: us, dstPort: 7},
		"group":                          {data: ether(groupMAC, 0x800, toGroup), mac: groupMAC, dst: group, dstPort: 7},
		"group with a foreign MAC":       {data: ether(peerMAC, 0x800, toGroup), mac: groupMAC, dst: group, dstPort: 7},
		"group with a foreign MAC, kept": {data: ether(peerMAC, 0x800, toGroup), keep: true, mac: peerMAC, dst: group, dstPort: 7},
		"ARP broadcast":                  {data: arp, mac: broadcastMAC},
		"other multicast":                {data: ether(stp, 38, make([]byte, 46)), mac: stp},
		"ARP unicast":                    {data: ether(peerMAC, skb.EtherTypeARP, make([]byte, 46)), mac: ourMAC},
		"group to group":                 {data: ether(groupMAC, 0x800, toGroup), rules: rules{{Dst: other}}, mac: skb.MulticastMAC(uint32(other)), dst: other, dstPort: 7},
		"group to group, kept":           {data: ether(groupMAC, 0x800, toGroup), keep: true, rules: rules{{Dst: other}}, mac: skb.MulticastMAC(uint32(other)), dst: other, dstPort: 7},
		"group to host":                  {data: ether(groupMAC, 0x800, toGroup), rules: rules{{Dst: us}}, mac: ourMAC, dst: us, dstPort: 7},
		"group to host, kept":            {data: ether(groupMAC, 0x800, toGroup), keep: true, rules: rules{{Dst: us}}, mac: ourMAC, dst: us, dstPort: 7},
		"host to group":                  {data: ether(peerMAC, 0x800, toUs), rules: rules{{Dst: group}}, mac: groupMAC, dst: group, dstPort: 7},
		"host to all":                    {data: ether(peerMAC, 0x800, toUs), rules: rules{{Dst: 0xffffffff}}, mac: broadcastMAC, dst: 0xffffffff, dstPort: 7},
		"host to host, kept":             {data: ether(peerMAC, 0x800, toUs), keep: true, rules: rules{{Dst: us + 1}}, mac: peerMAC, dst: us + 1, dstPort: 7},
		"cooked, for others":             {link: 113, data: cat(sllHeader(sentToOthers, 0x800), toUs), mac: othersMAC, dst: us, dstPort: 7},
		"cooked, for others, to us":      {link: 113, data: cat(sllHeader(sentToOthers, 0x800), toUs), rules: rules{{Dst: us + 1}}, mac: ourMAC, dst: us + 1, dstPort: 7},
		"cooked has no MAC to keep":      {link: 113, data: cat(sllHeader(sentToUs, 0x800), toUs), keep: true, mac: ourMAC, dst: us, dstPort: 7},
		"the first match applies":        {data: ether(groupMAC, 0x800, toGroup), rules: rules{{MatchDst: us, DstPort: 1}, {MatchDst: group, MatchDstPort: 7, DstPort: 2}, {DstPort: 3}}, mac: groupMAC, dst: group, dstPort: 2},
		"no match":                       {data: ether(groupMAC, 0x800, toGroup), rules: rules{{MatchDstPort: 8, DstPort: 1}, {MatchSrcPort: 1, DstPort: 2}, {MatchSrc: us, DstPort: 3}}, mac: groupMAC, dst: group, dstPort: 7},
		"a rule does not touch ARP":      {data: arp, rules: rules{{Dst: us, DstPort: 9}}, mac: broadcastMAC},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			link := max(tt.link, 1)
			f := mustOpen(t, pcapFile(t, link, true, []shot{{0, tt.data, 0}}))
			o := DefaultOptions(ourMAC)
			o.KeepMAC, o.Rewrite = tt.keep, tt.rules
			h := play(t, f, o)[0].Head
			require.Equal(t, tt.mac, h.DstMAC)
			require.Equal(t, tt.dst, h.Dst)
			require.Equal(t, tt.dstPort, h.DstPort)
		})
	}
}

func TestRewriteSourceAndPorts(t *testing.T) {
	tcp := ipPacket(sender, group, 7, 10)
	tcp[9] = skb.ProtoTCP
	f := mustOpen(t, pcapFile(t, 1, true, []shot{{0, datagram(7, 10), 0}, {time.Second, ether(peerMAC, 0x800, tcp), 0}}))
	o := DefaultOptions(ourMAC)
	o.Rewrite = []Rewrite{{MatchSrc: sender, Src: sender + 5, SrcPort: 99, DstPort: 14506}}
	fr := play(t, f, o)
	require.Equal(t, sender+5, fr[0].Head.Src)
	require.EqualValues(t, 99, fr[0].Head.SrcPort)
	require.EqualValues(t, 14506, fr[0].Head.DstPort)
	require.Equal(t, skb.ChecksumGood, fr[0].Head.UDPChecksum)
	require.Equal(t, sender+5, fr[1].Head.Src)
	require.Zero(t, fr[1].Head.DstPort, "TCP has no ports here")
}

// In steady state a source allocates nothing, whatever the format and however disordered the file.
func TestNoAllocation(t *testing.T) {
	shots := disordered(20_000, 5, rand.New(rand.NewPCG(5, 5)))
	for i := range shots {
		shots[i].data = datagram(uint16(i%8), 50+i%50)
	}
	var cookedShots []shot
	for _, s := range shots {
		cookedShots = append(cookedShots, shot{s.after, cat(sllHeader(sentToGroup, 0x800), s.data[14:]), 0})
	}
	for name, b := range map[string][]byte{
		"pcap": pcapFile(t, 1, true, shots), "pcapng": pcapngFile(t, 1, shots), "gzip": gzipped(t, pcapFile(t, 1, true, shots)),
		"cooked": pcapFile(t, 113, true, cookedShots),
	} {
		s, err := mustOpen(t, b).Source(DefaultOptions(ourMAC))
		require.NoError(t, err)
		buf := make([]skb.Frame, 64)
		for range 20 {
			s.Fill(buf)
		}
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Fill(buf) }), name)
		require.NoError(t, s.Close())
	}
}
