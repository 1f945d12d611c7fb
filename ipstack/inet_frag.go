package ipstack

import (
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Sizes of the table of incomplete datagrams (INETFRAGS_*).
const (
	fragBuckets      = 1024
	fragMaxDepth     = 128 // queues in a bucket
	fragEvictBuckets = 128 // that one run of the worker looks at
	fragEvictMax     = 512 // queues after which it stops
	fragRebuildEvery = 5 * engine.Second
)

// fragUser is who reassembles: fragments of one never meet those of another.
type fragUser uint8

// Users (enum ip_defrag_users).
const (
	defragLocalDeliver fragUser = iota
	defragConntrack
)

// A fragKey tells datagrams apart (FR-1).
type fragKey struct {
	src, dst skb.Addr
	id       uint16
	proto    uint8
	user     fragUser
}

// hash models ipqhashfn.
func (k *fragKey) hash(rnd uint32) uint32 {
	return jhash3(uint32(bits.ReverseBytes16(k.id))<<16|uint32(k.proto), bits.ReverseBytes32(uint32(k.src)), bits.ReverseBytes32(uint32(k.dst)), rnd) % fragBuckets
}

// jhash3 models jhash_3words.
func jhash3(a, b, c, init uint32) uint32 {
	const golden = 0xdeadbeef + 3<<2
	rot := bits.RotateLeft32
	a, b, c = a+golden+init, b+golden+init, c+golden+init
	c = (c ^ b) - rot(b, 14)
	a = (a ^ c) - rot(c, 11)
	b = (b ^ a) - rot(a, 25)
	c = (c ^ b) - rot(b, 16)
	a = (a ^ c) - rot(c, 4)
	b = (b ^ a) - rot(a, 14)
	return (c ^ b) - rot(b, 24)
}

// A fragQueue is an incomplete datagram. It models struct ipq.
type fragQueue struct {
	key          fragKey
	bucket       uint32
	next         *fragQueue // in the bucket
	older, newer *fragQueue // by expiry
	expires      engine.Time
	first, last  bool // the first and the last fragment are in
	length, meat int  // of the whole datagram as far as known; of what is there
	rid          uint32
	ecn          uint8
	peer         *peer
	frags        []fragment // by offset
}

// A fragment is what is kept of one.
type fragment struct {
	offset, length int
	inRun          bool // it was appended to the run of the one before it
	frame          skb.Frame
	truesize       uint32
	ifindex        int32
	pktType        skb.PacketType
	summed         skb.IPSummed
	kmalloc        bool // its head came from kmalloc
	tailRoom       uint32
	cut            bool // of it, only a part is the datagram's
	pulled         bool // eight bytes behind the IP header are in the head
}

// frags holds the incomplete datagrams of a namespace. It models struct
// inet_frags and struct netns_frags.
type frags struct {
	buckets [fragBuckets]*fragQueue
	oldest  *fragQueue
	newest  *fragQueue
	free    *fragQueue // linked by next
	mem     int
	held    uint64 // fragments

	nextBucket  uint32
	rnd         uint32
	rebuild     bool
	rebuilt     engine.Time
	workPending bool         // on whatever CPU
	headers     skb.Interner // of assembled datagrams
}

// fragFind models inet_frag_find with the creation of what is not there. It returns
// nil if memory or the chain is too long (FR-2).
func (l *Layer) fragFind(c *cpu.Core, key fragKey) *fragQueue {
	f, cfg := &l.frags, &l.Config
	if l.Profile.FragEvictor {
		if f.mem > cfg.IPFragLowThresh {
			l.fragWork(c) // FR-4
		}
	} else if f.mem > cfg.IPFragHighThresh {
		return nil
	}
	depth, bucket := 0, key.hash(f.rnd)
	for q := f.buckets[bucket]; q != nil; q = q.next {
		if q.key == key {
			return q
		}
		depth++
	}
	switch {
	case !l.Profile.FragEvictor:
	case depth > fragMaxDepth:
		if f.rebuilt == 0 || c.Now()-f.rebuilt > fragRebuildEvery {
			f.rebuild = true
			l.fragWork(c)
		}
		return nil
	case f.mem > cfg.IPFragHighThresh:
		l.fragWork(c)
		return nil
	}
	q := f.free
	if q == nil {
		q = &fragQueue{}
	} else {
		f.free = q.next
	}
	*q = fragQueue{key: key, bucket: bucket, peer: l.peer(key.src, c.Now()), next: f.buckets[bucket], frags: q.frags[:0]}
	f.buckets[bucket] = q
	f.charge(l.Profile.FragQueueSize)
	l.fragStartTimer(c, q)
	return q
}

func (f *frags) charge(n int) { f.mem += n }

// fragStartTimer makes the queue expire net.ipv4.ipfrag_time from now, at a tick.
func (l *Layer) fragStartTimer(c *cpu.Core, q *fragQueue) {
	f := &l.frags
	q.expires = c.TickAt(c.Jiffies() + max(c.JiffiesOf(engine.Time(l.Config.IPFragTime)*engine.Second), 1))
	q.older, q.newer = f.newest, nil
	if f.newest != nil {
		f.newest.newer = q
	} else {
		f.oldest = q
	}
	f.newest = q
}

// stopTimer takes the queue out of the order of expiry.
func (f *frags) stopTimer(q *fragQueue) {
	if q.older != nil {
		q.older.newer = q.newer
	} else {
		f.oldest = q.newer
	}
	if q.newer != nil {
		q.newer.older = q.older
	} else {
		f.newest = q.older
	}
	q.older, q.newer = nil, nil
}

// fragRemove models ipq_kill and inet_frag_destroy: the queue is gone, and so is the
// memory that it was charged for. Its fragments must have been retired.
func (l *Layer) fragRemove(q *fragQueue) {
	f := &l.frags
	f.stopTimer(q)
	at := &f.buckets[q.bucket]
	for *at != q {
		at = &(*at).next
	}
	*at = q.next
	f.charge(-l.Profile.FragQueueSize)
	q.next, f.free = f.free, q
}

// fragPurge retires what a queue holds, without a core that would spend time on it.
func (l *Layer) fragPurge(q *fragQueue, r skb.DropReason) {
	f := &l.frags
	l.Ledger.Lose(r, uint64(len(q.frags)))
	f.held -= uint64(len(q.frags))
	for i := range q.frags {
		f.charge(-int(q.frags[i].truesize))
	}
	q.frags = q.frags[:0]
}

// settleFrags lets the timers expire that are due at t. They show in counters
// only, so nobody needs to be there when they do.
//
// Not modelled:
//   - The expiry of a fragment queue (ip_expire) takes no time in the TIMER
//     softirq.
func (l *Layer) settleFrags(t engine.Time) {
	for q := l.frags.oldest; q != nil && q.expires <= t; q = l.frags.oldest {
		l.ipExpire(q)
	}
}

// fragWork models inet_frag_schedule_worker: a thread of this CPU will evict,
// unless the one piece of work is queued already.
func (l *Layer) fragWork(c *cpu.Core) {
	if !l.frags.workPending {
		l.frags.workPending = true
		l.worker(c).schedule(c, (*fragEviction)(l))
	}
}

// A fragEviction is the layer as work of a thread.
type fragEviction Layer

// run implements work. It models inet_frag_worker (FR-4): buckets in turn, until
// enough queues are gone.
func (e *fragEviction) run(c *cpu.Core, w *worker) {
	l := (*Layer)(e)
	f := &l.frags
	f.workPending = false
	l.settleFrags(c.Now())
	evicted, freed := 0, uint64(0)
	for range fragEvictBuckets {
		n, m := l.fragEvictBucket(c, f.nextBucket)
		evicted, freed = evicted+n, freed+m
		f.nextBucket = (f.nextBucket + 1) % fragBuckets
		if evicted > fragEvictMax {
			break
		}
	}
	if f.rebuild {
		f.rehash(c.Now())
	}
	w.task.Continue(engine.Time(freed)*l.Costs.FreeDrop.Fixed, false)
}

// fragEvictBucket models inet_evict_bucket: every queue that it sees while
// memory is above the low threshold goes; it looks at memory before it frees.
func (l *Layer) fragEvictBucket(c *cpu.Core, bucket uint32) (queues int, freed uint64) {
	f := &l.frags
	if f.mem < l.Config.IPFragLowThresh {
		return 0, 0
	}
	for q := f.buckets[bucket]; q != nil; q = f.buckets[bucket] {
		l.Net.IP.ReasmFails++ // and not ReasmTimeout, and no ICMP
		freed += uint64(len(q.frags))
		c.Digest.Fold(c.Now(), digestDrop+uint64(skb.FragMem))
		l.fragPurge(q, skb.FragMem)
		l.fragRemove(q)
		queues++
	}
	return queues, freed
}

// rehash models inet_frag_secret_rebuild.
func (f *frags) rehash(now engine.Time) {
	f.rebuild, f.rebuilt = false, now
	f.rnd = f.rnd*1664525 + 1013904223
	var all []*fragQueue
	for i := range f.buckets {
		for q := f.buckets[i]; q != nil; q = q.next {
			all = append(all, q)
		}
		f.buckets[i] = nil
	}
	for _, q := range all {
		q.bucket = q.key.hash(f.rnd)
		q.next = f.buckets[q.bucket]
		f.buckets[q.bucket] = q
	}
}

// FragMemory returns the bytes that incomplete datagrams are charged for (FR-3).
func (l *Layer) FragMemory() int { return l.frags.mem }

// Fragments returns how many fragments wait for the rest of their datagrams.
func (l *Layer) Fragments() uint64 { return l.frags.held }
