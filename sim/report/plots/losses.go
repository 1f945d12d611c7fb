package plots

import (
	"fmt"
	"image/color"
	"slices"
	"strconv"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// The places where packets are lost, in the order of the path.
var lossPlaces = []struct {
	name    string
	reasons []skb.DropReason
	color   color.Color
}{
	{"FIFO", []skb.DropReason{skb.HWFIFO}, blue},
	{"ring", []skb.DropReason{skb.HWNoDesc, skb.HWReset}, vermilion},
	{"backlog", []skb.DropReason{skb.CPUBacklog, skb.FullRing}, green},
	{"socket", []skb.DropReason{skb.NoMem, skb.SocketRcvbuff, skb.SocketBacklog, skb.ProtoMem, skb.CopyFault}, purple},
	{"tap", []skb.DropReason{skb.TapFull}, orange},
}

// losses draws the rate at which packets were lost over time, the places on top
// of each other.
func losses(res *sim.Result) *figure {
	f := &figure{title: title(res, "losses by place"), panel: 260 * pixel}
	s := samples(res)
	p := newPanel("")
	unit := timeAxis(p, res.Time)
	var layers []area
	var below []skb.DropReason // the reasons of this place and those before it
	for _, place := range lossPlaces {
		n := lost(&res.Snapshot.Ledger, place.reasons)
		if n == 0 {
			continue
		}
		below = append(below[:len(below):len(below)], place.reasons...)
		reasons := below
		layers = append(layers, area{rates(s, unit, func(s *sim.Sample) float64 { return float64(lost(&s.Ledger, reasons)) }), place.color})
		f.legend = append(f.legend, entry{name: place.name + ": " + grouped(n), fill: place.color})
	}
	top := 0.0
	if len(layers) > 0 {
		top = highest(layers[len(layers)-1].xys)
	}
	scale := scaleFor(top, rateScales)
	for _, l := range slices.Backward(layers) { // each layer is drawn from 0, over the one above it
		for i := range l.xys {
			l.xys[i].Y /= scale.size
		}
		p.Add(l)
	}
	p.Y.Max = ceiling(top / scale.size)
	p.Y.Tick.Marker = linear{6}
	p.Y.Label.Text = "lost, " + scale.name
	l := &res.Snapshot.Ledger
	f.note = fmt.Sprintf("%s lost of %s frames and their copies; mean of each interval", grouped(l.Drops()), grouped(l.Born()))
	if len(layers) == 0 {
		f.note = fmt.Sprintf("no loss among %s frames", grouped(l.Frames))
		say(p, "nothing was lost")
	}
	f.panels = append(f.panels, p)
	return f
}

// lost counts packets lost for any of the reasons.
func lost(l *skb.Ledger, reasons []skb.DropReason) (n uint64) {
	for _, r := range reasons {
		n += l.Dropped[r]
	}
	return n
}

// grouped prints a number with its thousands apart.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
