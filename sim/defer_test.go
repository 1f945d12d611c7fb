package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/socket"
)

// 6.18 section 3.7: 5000 datagrams that wait in a socket, read on another CPU
// than the one that received them: an interrupt and a NET_RX run there for every
// 33 to 64 of them (124 were measured); read on the same CPU, and in 6.12: none.
func TestDeferredFree(t *testing.T) {
	for _, tc := range []struct {
		name   string
		kernel kernel.Profile
		cpu    int
		least  uint64
		most   uint64
	}{
		{"6.18/3.7.4 another CPU", kernel.Linux618(), 2, 5000 / 64, 5000 / 33},
		{"6.18/3.7.4 the same CPU", kernel.Linux618(), 0, 0, 0},
		{"6.18/3.7 not of UDP before", kernel.Linux612(), 2, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := socket.Config{Local: local, RcvBufForce: 16 << 20}
			h := hostOf(t, func(cfg *Config) {
				cfg.Kernel = tc.kernel
				cfg.Apps = []scenario.App{{Name: "reader", CPUs: []int{tc.cpu}, Sockets: []socket.Config{c},
					Read: scenario.Read{Service: law.Constant(0), PauseEvery: 50 * engine.Millisecond, PauseFor: 40 * engine.Millisecond}}}
			})
			f := h.UDPFrame(sender, local, 100)
			h.Advance(50 * time.Millisecond)
			h.Inject(f) // the reader comes out of its call, and pauses
			h.Advance(time.Millisecond)
			for range 50 {
				for range 100 {
					h.Inject(f)
				}
				h.Advance(200 * time.Microsecond)
			}
			h.Advance(10 * time.Millisecond)
			before := h.Snapshot()
			require.EqualValues(t, 5000, before.Sockets[0].Queued)
			h.Advance(79 * time.Millisecond)
			d := h.Snapshot().Sub(before)
			require.EqualValues(t, 5000, d.Net.UDP.InDatagrams)
			ipis := d.CPUs[0].CallFunction
			require.GreaterOrEqual(t, ipis, tc.least)
			require.LessOrEqual(t, ipis, tc.most)
			require.Equal(t, ipis, d.CPUs[0].Softirqs[mib.SoftirqNetRX])
			require.Zero(t, d.CPUs[0].Softnet.ReceivedRPS)
		})
	}
}
