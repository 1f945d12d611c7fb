package skb

import "fmt"

// A Ledger accounts for every packet: Born == Consumed + Merged + all Dropped + live,
// where live is counted independently, from what the queues hold and what is
// in hand. It is a plain value: a copy is a snapshot.
type Ledger struct {
	// Frames counts frames offered on the wire.
	Frames uint64
	// Clones counts the copies made beyond the first: multicast listeners, taps.
	Clones uint64
	// Consumed counts datagrams that an application has read, and tap copies it took.
	Consumed uint64
	// Dropped counts the others, by reason.
	Dropped [NumReasons]uint64
	// Merged counts fragments that became part of another packet: all but one of each datagram.
	Merged uint64
	// Coalesced counts those of Merged that GRO made part of a train.
	Coalesced uint64
	// Finer tells apart what newer kernels have reasons of their own for; all of it is in Dropped.
	Finer Finer
	// Chained counts the buffers behind the first of datagrams of which no copy was taken; ChainedRead those of datagrams
	// that were read. They are parts of datagrams, and in no sum.
	Chained, ChainedRead uint64
	// Hand counts packets between two queues: with a core that carries them up, or with a reader that copies them.
	Hand uint64
}

// Finer counts drops that share a reason here, and not in newer kernels.
type Finer struct {
	// Localnet are those of IPInvalidSource with an address of 127.0.0.0/8, LocalSource those with one of the host's own.
	Localnet, LocalSource uint64
	// Options are those of IPInHdr with malformed options.
	Options uint64
	// IPShort are those of PktTooSmall without room for an IP header, UDPShort those without room for a UDP header.
	IPShort, UDPShort uint64
	// IPv6Off are those of HandledElsewhere that IPv6 refused because it is switched off, LLC those of 802.3 that nobody wanted.
	IPv6Off, LLC uint64
	// Waited are those of FragInvalid that were waiting for the rest of their datagrams.
	Waited uint64
	// ZeroDest are those of IPInvalidDest in 0.0.0.0/8.
	ZeroDest uint64
	// Tapped are those of UnhandledProto that a packet socket had taken.
	Tapped uint64
}

// Born counts everything that ever lived.
func (l *Ledger) Born() uint64 { return l.Frames + l.Clones }

// Take says that a packet was taken out of a queue and is in hand.
func (l *Ledger) Take() { l.Hand++ }

// Put says that a packet in hand was put into a queue.
func (l *Ledger) Put() { l.Hand-- }

// Clone says that a packet in hand became two. It models skb_clone.
func (l *Ledger) Clone() {
	l.Clones++
	l.Hand++
}

// Merge says that n packets that nobody had in hand are part of another one now.
func (l *Ledger) Merge(n uint64) { l.Merged += n }

// Coalesce is Merge of datagrams that GRO made part of a train.
func (l *Ledger) Coalesce(n uint64) {
	l.Merged += n
	l.Coalesced += n
}

// Consume retires a packet in hand that reached its reader. It models consume_skb.
func (l *Ledger) Consume() {
	l.Consumed++
	l.Hand--
}

// Drop retires a packet in hand that did not. It models kfree_skb_reason.
func (l *Ledger) Drop(r DropReason) {
	l.Lose(r, 1)
	l.Hand--
}

// Lose retires n packets that nobody had in hand: on the wire, or purged from a queue.
func (l *Ledger) Lose(r DropReason, n uint64) {
	if r == NotDropped {
		panic("skb: drop without a reason")
	}
	l.Dropped[r] += n
}

// Drops counts losses for lack of room, memory or time.
func (l *Ledger) Drops() (n uint64) { return l.count(true) }

// Rejects counts refusals on purpose.
func (l *Ledger) Rejects() (n uint64) { return l.count(false) }

func (l *Ledger) count(lost bool) (n uint64) {
	for r, v := range l.Dropped {
		if DropReason(r).Lost() == lost {
			n += v
		}
	}
	return n
}

// Live returns how many packets must still be somewhere.
func (l *Ledger) Live() uint64 {
	return l.Born() - l.Consumed - l.Merged - l.Drops() - l.Rejects()
}

// Check compares the ledger with the number of packets found in the queues.
func (l *Ledger) Check(queued uint64) error {
	live := queued + l.Hand
	if want := l.Live(); want != live {
		return fmt.Errorf("skb: ledger broken: born %d - consumed %d - merged %d - drops %d - rejects %d = %d, but queues and hands hold %d",
			l.Born(), l.Consumed, l.Merged, l.Drops(), l.Rejects(), want, live)
	}
	return nil
}
