package skb

import "fmt"

// A Ledger accounts for every packet: Born == Consumed + all Dropped + live,
// where live is counted independently, from what the queues hold. It is a
// plain value: a copy is a snapshot.
type Ledger struct {
	// Frames counts frames offered on the wire.
	Frames uint64
	// Clones counts the copies made beyond the first: multicast listeners, taps.
	Clones uint64
	// Consumed counts datagrams that an application has read, and tap copies it took.
	Consumed uint64
	// Dropped counts the others, by reason.
	Dropped [NumReasons]uint64
}

// Born counts everything that ever lived.
func (l *Ledger) Born() uint64 { return l.Frames + l.Clones }

// Consume retires a packet that reached its reader. It models consume_skb.
func (l *Ledger) Consume() { l.Consumed++ }

// Drop retires a packet that did not. It models kfree_skb_reason.
func (l *Ledger) Drop(r DropReason) {
	if r == NotDropped {
		panic("skb: drop without a reason")
	}
	l.Dropped[r]++
}

// DropN retires n packets at once.
func (l *Ledger) DropN(r DropReason, n uint64) { l.Dropped[r] += n }

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
	return l.Born() - l.Consumed - l.Drops() - l.Rejects()
}

// Check compares the ledger with the packets found in the queues.
func (l *Ledger) Check(live uint64) error {
	if want := l.Live(); want != live {
		return fmt.Errorf("skb: ledger broken: born %d - consumed %d - drops %d - rejects %d = %d, but the queues hold %d",
			l.Born(), l.Consumed, l.Drops(), l.Rejects(), want, live)
	}
	return nil
}
