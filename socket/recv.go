package socket

import (
	"errors"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// ErrAgain is EAGAIN: nothing to receive, or a datagram with a bad checksum was
// found and dropped (5.2).
var ErrAgain = errors.New("socket: resource temporarily unavailable (EAGAIN)")

// take models __skb_recv_datagram: the head leaves the queue but stays charged
// (RX-2, RX-8).
func (s *Sock) take(d *Datagram) bool {
	if s.queue.len() == 0 {
		return false
	}
	s.host.Ledger.Take()
	if !s.quarters() {
		*d = *s.queue.pop()
		return true
	}
	s.refill()
	*d = *s.queue.pop()
	s.released(int(d.Truesize))
	return true
}

// finish models the end of udp_recvmsg: the datagram counts now (RX-5), and its
// memory is released (RX-7). It reports false for a bad checksum, which is
// counted here and nowhere before (5.2.4).
func (s *Sock) finish(now engine.Time, d *Datagram, digest *engine.Digest) bool {
	u := &s.host.Net.UDP
	if d.Unverified && d.Head.UDPChecksum == skb.ChecksumBad {
		s.Drops++
		s.host.CsumDrops++
		u.InCsumErrors++
		u.InErrors++
		s.copied(d)
		s.host.Ledger.Drop(skb.UDPCsum)
		digest.Fold(now, digestFull+uint64(skb.UDPCsum)<<8)
		return false
	}
	if !d.Peeked || !s.host.Profile.PeekCounts {
		u.InDatagrams++
	}
	s.Delivered++
	s.Bytes += uint64(d.Payload)
	s.copied(d)
	s.host.Ledger.Consume()
	s.RxQueue.Record(now - d.Queued)
	s.WireToApp.Record(now - d.Arrived)
	digest.Fold(now, digestRead)
	return true
}

// copied gives the memory of a datagram back after its copy (RX-7, RX-8), in
// kernels that have not done so before.
func (s *Sock) copied(d *Datagram) {
	if !s.quarters() {
		s.uncharge(int(d.Truesize))
	}
}

// Recv reads one datagram from outside any core, at the given instant, without
// blocking: what an application's recvmsg would return. It models udp_recvmsg.
func (s *Sock) Recv(now engine.Time, digest *engine.Digest) (Datagram, error) {
	var d Datagram
	for s.take(&d) {
		if s.finish(now, &d, digest) {
			return d, nil
		}
		if !s.host.Profile.RecvSkipsBadChecksum {
			break
		}
	}
	return Datagram{}, ErrAgain
}

// SettleWith says that the core must be settled before the socket is looked at.
func (s *Sock) SettleWith(c *cpu.Core) { s.settle = c }
