package verify

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A rulebook is what the findings say of a kernel, in twenty lines: it predicts
// the cases below without the model.
type rulebook struct {
	small, smallTo int  // truesize of small packets, and the data area that they have
	fits           bool // a datagram must fit; otherwise the buffer may be passed once
}

var rulebooks = map[string]rulebook{
	"6.1":  {768, 192, false},
	"6.12": {960, 384, false},
	"6.18": {832, 256, true},
}

// truesize is what a datagram from a socket over lo is charged with.
func (r *rulebook) truesize(payload int) int {
	area := payload + 59
	if area <= r.smallTo {
		return r.small
	}
	for head := 1024; ; head *= 2 {
		if area <= head-320 {
			return head + 256
		}
	}
}

// accepted is how many equal datagrams an idle socket takes.
func (r *rulebook) accepted(truesize, rcvbuf int) int {
	if r.fits {
		return max(1, rcvbuf/truesize)
	}
	return rcvbuf/truesize + 1
}

// TestMutatedCases: cases that nobody recorded, made of recorded ones by another
// payload, buffer or count, follow the rules; and those rules' numbers are the
// only ones that they are ok with.
func TestMutatedCases(t *testing.T) {
	const base = "cases/A_lo_p1000_rbmin.json"
	for _, tt := range []struct {
		kernel               string
		payload, asked, over int
	}{
		{"6.18", 3, 3000, 5}, {"6.18", 197, 4999, 1}, {"6.18", 198, 4999, 3}, {"6.18", 777, 123456, 40}, {"6.18", 2001, 1 << 20, 7},
		{"6.1", 3, 3000, 5}, {"6.1", 133, 7001, 2}, {"6.1", 134, 7001, 2}, {"6.1", 5000, 50000, 9},
		{"6.12", 325, 10001, 4}, {"6.12", 326, 10001, 4},
	} {
		t.Run(fmt.Sprintf("%s payload %d SO_RCVBUF %d", tt.kernel, tt.payload, tt.asked), func(t *testing.T) {
			rules := rulebooks[tt.kernel]
			ts := rules.truesize(tt.payload)
			n := rules.accepted(ts, 2*tt.asked)
			expect := func(accepted int) Verdict {
				fsys, file := edited(t, "6.18/"+base, func(c map[string]any) {
					c["kernel"] = tt.kernel + ".1"
					in(c, "stimulus")["payload"], in(c, "stimulus")["count"] = tt.payload, accepted+tt.over
					spec := in(c, "setup")["sockets"].([]any)[0].(map[string]any)
					spec["SO_RCVBUF_asked"], spec["SO_RCVBUF_got"] = tt.asked, 2*tt.asked
					sent, ip := accepted+tt.over, tt.payload+28
					c["observed"] = map[string]any{
						"truesize_first": ts, "accepted_before_first_drop": accepted, "accepted_total": accepted,
						"trace_rle": map[string]any{"columns": []any{"repeat", "d_rmem_alloc", "d_drops"},
							"rows": []any{[]any{accepted, ts, 0}, []any{tt.over, 0, 1}}},
						"after_send": map[string]any{
							"Udp": map[string]any{"OutDatagrams": sent, "InErrors": tt.over, "RcvbufErrors": tt.over},
							"dev": map[string]any{"rx_packets": sent, "tx_packets": sent, "rx_bytes": sent * ip, "tx_bytes": sent * ip},
						},
						"after_drain": map[string]any{"Udp": map[string]any{"InDatagrams": accepted}, "received": accepted},
					}
				})
				return RunFile(fsys, file).Verdict
			}
			require.Equal(t, OK, expect(n))
			require.Equal(t, Differs, expect(n+1))
			require.Equal(t, Differs, expect(n-1))
		})
	}
}
