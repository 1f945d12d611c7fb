package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/seed-556df219/rxpath/socket"
	"github.com/stretchr/testify/require"
)

var (
	sender = netip.MustParseAddrPort("10.0.0.1:5000")
	local  = netip.MustParseAddrPort("10.0.0.2:5001")
)

// TestV1 is test vector V1: 300 unicast datagrams of 100 bytes to a socket that
// nobody reads; then ten reads make room for exactly ten more.
func TestV1(t *testing.T) {
	h, err := NewHost(Linux40())
	require.NoError(t, err)
	s, err := h.Bind(socket.Config{Local: local})
	require.NoError(t, err)
	for range 300 {
		h.Inject(h.UDPFrame(sender, local, 100))
	}
	h.Advance(10 * time.Millisecond)
	require.NoError(t, h.CheckLedger())
	got := h.Snapshot()
	u := got.Net.UDP
	require.Equal(t, 238, s.Queued())
	require.Equal(t, 213248, got.Sockets[0].RxQueue)
	require.Equal(t, 53, got.UDPMemPages)
	require.EqualValues(t, 62, s.Drops())
	require.EqualValues(t, 62, u.RcvbufErrors)
	require.EqualValues(t, 62, u.InErrors)
	require.EqualValues(t, 0, u.InDatagrams)
	require.EqualValues(t, 300, got.Net.IP.InReceives)
	require.EqualValues(t, 300, got.Net.IP.InDelivers)

	for range 10 {
		_, err := s.Recv()
		require.NoError(t, err)
	}
	require.EqualValues(t, 10, h.Snapshot().Net.UDP.InDatagrams)
	require.Equal(t, 204288, h.Snapshot().Sockets[0].RxQueue)
	for range 12 {
		h.Inject(h.UDPFrame(sender, local, 100))
	}
	h.Advance(time.Millisecond)
	require.EqualValues(t, 64, s.Drops())
	require.NoError(t, h.CheckLedger())
}
