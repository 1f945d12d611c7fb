package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/socket"
)

// RPS-7: packets follow the reader of a connected socket, from the second call of
// recvmsg on; an unconnected socket's stay where they were polled, as do those of
// a host without the tables.
func TestRPS7OnlyConnected(t *testing.T) {
	for _, tc := range []struct {
		name      string
		connected bool
		entries   int
		processed [4]uint64 // by CPU, of ten packets
	}{
		{"RPS-7 connected", true, 4096, [4]uint64{1, 0, 9, 0}},
		{"RPS-7 unconnected", false, 4096, [4]uint64{10, 0, 0, 0}},
		{"RPS-7 no socket flow table", true, 0, [4]uint64{10, 0, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), 5001)}
			if tc.connected {
				c.Remote = sender
			}
			h := hostOf(t, func(cfg *Config) {
				cfg.Softirq.RPSSockFlowEntries = tc.entries
				cfg.NICs[0].RPSFlowCnt = map[string]int{"rx-0": 4096}
				cfg.Apps = []scenario.App{{Name: "reader", CPUs: []int{2}, Sockets: []socket.Config{c},
					Read: scenario.Read{Service: law.Constant(int64(engine.Microsecond))}}}
			})
			h.Advance(time.Millisecond)
			for range 10 {
				h.Inject(h.UDPFrame(sender, local, 100))
				h.Advance(time.Millisecond)
			}
			var got [4]uint64
			for i, s := range h.Snapshot().CPUs {
				got[i] = s.Softnet.Processed
			}
			require.Equal(t, tc.processed, got)
			require.EqualValues(t, 10, h.Snapshot().Net.UDP.InDatagrams)
		})
	}
}

// The scenario's queues must exist, and their tables be of a size.
func TestRPSFlowCntRefused(t *testing.T) {
	for want, counts := range map[string]map[string]int{
		"nics[0].rps_flow_cnt.rx-9":              {"rx-9": 1},
		"nics[0].rps_flow_cnt.rx-0 = -1":         {"rx-0": -1},
		"nics[0].rps_flow_cnt.rx-0 = 1073741824": {"rx-0": 1 << 30},
	} {
		cfg := Linux40()
		cfg.NICs[0].RPSFlowCnt = counts
		_, err := NewHost(cfg)
		require.ErrorContains(t, err, want)
	}
}
