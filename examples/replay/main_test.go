package main

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/capture"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
)

const feed = "../captures/feed.pcapng"

func TestOutput(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out, feed, 20))
	want, err := os.ReadFile("testdata/replay.out")
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

// TestCountersMatchTheFile says that what the host counts is what is in the
// file: every frame is offered, every multicast datagram of a joined group is
// counted, and each port's datagrams end at its socket.
func TestCountersMatchTheFile(t *testing.T) {
	for name, file := range map[string]string{
		"recorded feed":   feed,
		"exchange sample": "../../../shared/captures/deribit-sample_capture_v1_6.pcapng",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(file); err != nil {
				t.Skipf("%s is not here: %v", file, err)
			}
			f, err := capture.Open(file)
			require.NoError(t, err)
			sc := scenario.Default()
			sc.NICs = []scenario.NIC{sim.DefaultNIC("eth0")}
			sc.Captures = []scenario.Capture{{Name: "feed", To: "eth0", File: file, SpeedMilli: 1000, Loops: 1}}
			sc.Apps = readers(&f.Info)
			sc.Run.Sample = 0
			sc.Run.For = engine.FromDuration(f.Info.Duration) + engine.Second
			res, err := sim.Run(context.Background(), &sc, sim.Options{OpenCapture: func(_ scenario.Capture, mac skb.MAC) (skb.FrameSource, []string, error) {
				src, err := f.Source(capture.Options{SpeedMilli: 1000, Loops: 1, MAC: mac, Rewrite: fromOutside})
				return src, nil, err
			}})
			require.NoError(t, err)
			l := res.Snapshot.Ledger
			require.Equal(t, f.Info.Frames, l.Frames)
			require.Zero(t, l.Live(), "a second after the last frame nothing is on its way")
			var inGroups uint64
			for _, g := range f.Info.Groups {
				inGroups += g.Frames
			}
			require.Equal(t, inGroups, res.Snapshot.Net.IPExt.InMcastPkts)
			require.Len(t, res.Sockets, len(f.Info.Ports))
			for i, p := range f.Info.Ports {
				s := res.Sockets[i]
				require.EqualValues(t, p.Port, s.LocalPort)
				require.Equal(t, p.Frames, s.Delivered+s.Drops+uint64(s.Queued), "port %d", p.Port)
			}
		})
	}
}
