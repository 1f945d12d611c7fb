package softirq

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// NetifReceiveSKB models netif_receive_skb_internal: RPS, or the stack at once
// on this CPU (CORE-1, RPS-3).
func (sd *SoftnetData) NetifReceiveSKB(c *cpu.Core, b *skb.Buff) {
	c.Trace.Enter(b, "netif_receive_skb_internal")
	if sd.host.NetStamp.Before() {
		sd.stamp(c, b)
	}
	if sd.host.RPS {
		if cpu, f := sd.host.rpsCPU(b); cpu >= 0 {
			c.Spend(sd.host.Costs.RPS.Fixed)
			sd.enqueueToBacklog(sd.host.CPUs[cpu], b, f)
			c.Trace.Leave("netif_receive_skb_internal")
			return
		}
	}
	sd.host.Stack.ReceiveSKB(c, b)
	c.Trace.Leave("netif_receive_skb_internal")
}

// NetifReceiveSKBList models netif_receive_skb_list_internal: all packets are
// stamped, then all are steered, and those that stay go to the stack together.
func (sd *SoftnetData) NetifReceiveSKBList(c *cpu.Core, list []skb.Buff) {
	c.Trace.Call("netif_receive_skb_list_internal")
	if sd.host.NetStamp.Before() {
		for i := range list {
			sd.stamp(c, &list[i])
		}
	}
	if sd.host.RPS {
		stay := list[:0]
		for i := range list {
			if cpu, f := sd.host.rpsCPU(&list[i]); cpu >= 0 {
				c.Spend(sd.host.Costs.RPS.Fixed)
				sd.enqueueToBacklog(sd.host.CPUs[cpu], &list[i], f)
				c.Trace.Leave("enqueue_to_backlog")
				continue
			}
			stay = append(stay, list[i])
		}
		list = stay
	}
	sd.host.Stack.ReceiveSKBList(c, list)
	c.Trace.Leave("netif_receive_skb_list_internal")
}

// stamp models net_timestamp_check before RPS (CORE-1): while anybody on the host
// needs timestamps, every packet gets one (CORE-2).
func (sd *SoftnetData) stamp(c *cpu.Core, b *skb.Buff) {
	if b.TStamp == 0 {
		b.TStamp = c.Now()
		c.Spend(sd.host.Costs.Timestamp.Fixed)
	}
}

// rpsCPU models get_rps_cpu: the CPU of the flow's reader, else one of the map;
// -1 means the present CPU, without backlog (RPS-2). The flow, if any, is that of
// the queue's flow table.
func (h *Host) rpsCPU(b *skb.Buff) (int, *flow) {
	cpus := h.Device(b.IfIndex).RPSMap(b.Queue)
	if len(cpus) == 0 && len(h.flowTable(b.IfIndex, b.Queue)) == 0 {
		return -1, nil
	}
	if len(cpus) == 1 && h.Profile.RPSSingleCPU && len(h.flowTable(b.IfIndex, b.Queue)) == 0 {
		return cpus[0], nil // K310-15: whatever the packet
	}
	hash := h.flowHash(b)
	if hash == 0 {
		return -1, nil
	}
	if cpu, f := h.flowCPU(b, hash); cpu >= 0 {
		return cpu, f
	}
	if len(cpus) == 0 {
		return -1, nil
	}
	return cpus[uint64(hash)*uint64(len(cpus))>>32], nil
}

// flowHash models skb_get_hash: ixgbe's hash is marked as one of addresses
// only, so the kernel computes its own, over addresses and ports (RPS-4,
// RPS-5). A packet that cannot be dissected keeps what it has: 0 if it is not IP.
func (h *Host) flowHash(b *skb.Buff) uint32 {
	if b.SWHash {
		return b.Hash
	}
	hd := b.Head
	if k := &hd.Keys; k.Found {
		return h.hashKeys(b, k.Src, k.Dst, uint16(k.Ports>>16), uint16(k.Ports))
	}
	if hd.EtherType != skb.EtherTypeIPv4 || hd.IPVersion != 4 || hd.IHL < 5 {
		return b.Hash
	}
	sport, dport := hd.SrcPort, hd.DstPort
	if hd.Fragment() {
		sport, dport = 0, 0
	}
	return h.hashKeys(b, uint32(hd.Src), uint32(hd.Dst), sport, dport)
}

// hashKeys models __flow_hash_from_keys: addresses and ports are ordered first,
// so that both directions of a flow have one hash, which is never 0.
func (h *Host) hashKeys(b *skb.Buff, src, dst uint32, sport, dport uint16) uint32 {
	if dst < src || dst == src && dport < sport {
		src, dst, sport, dport = dst, src, dport, sport
	}
	b.Hash = max(jenkins3(dst, src, uint32(sport)<<16|uint32(dport), h.HashSecret), 1)
	b.SWHash = true
	return b.Hash
}

// jenkins3 is `jhash.h:jhash_3words`.
func jenkins3(a, b, c, secret uint32) uint32 {
	init := skb.JhashInit + 3<<2 + secret
	return skb.Jhash(a+init, b+init, c+init)
}

// enqueueToBacklog models enqueue_to_backlog (RPS-8 to RPS-10): the comparison
// is <= and comes before the packet is added, so one more than
// netdev_max_backlog fits. The flow, if any, learns where its last packet is. It
// returns why the packet was dropped, if it was.
func (sd *SoftnetData) enqueueToBacklog(target *SoftnetData, b *skb.Buff, f *flow) skb.DropReason {
	h := sd.host
	sd.core.Trace.Enter(b, "enqueue_to_backlog")
	qlen := target.inputPktQueue.len()
	if limit := h.Config.NetdevMaxBacklog; limit >= 0 && qlen > limit || sd.flowLimited(b, qlen) {
		target.stats.Softnet.Dropped++
		h.Device(b.IfIndex).CountDropped()
		h.Ledger.Drop(skb.CPUBacklog)
		sd.core.Trace.KfreeSKB(skb.CPUBacklog, "")
		sd.core.Digest.Fold(sd.core.Now(), digestBacklogDrop)
		sd.core.Spend(h.Costs.FreeDrop.Fixed)
		return skb.CPUBacklog
	}
	if qlen == 0 && !target.backlog.scheduled {
		target.backlog.scheduled = true
		if target == sd {
			sd.Schedule(&sd.backlog)
		} else {
			sd.rpsIPIList = append(sd.rpsIPIList, target)
			if !sd.inNetRX && !sd.inThread {
				sd.raise(mib.SoftirqNetRX)
			}
		}
	}
	b.Queued = sd.core.Now()
	target.inputPktQueue.push(b)
	if target.inputQueueTail++; f != nil {
		f.lastQtail = target.inputQueueTail
	}
	h.Ledger.Put()
	return skb.NotDropped
}

// netRPSActionAndIRQEnable models net_rps_action_and_irq_enable: one interrupt
// for each CPU that was put on the list (RPS-14).
func (sd *SoftnetData) netRPSActionAndIRQEnable() {
	for i := 0; i < len(sd.rpsIPIList); i++ {
		sd.call(sd.rpsIPIList[i], callRPS)
	}
	sd.rpsIPIList = sd.rpsIPIList[:0]
}

// rpsTriggerSoftirq models rps_trigger_softirq, on the target: received_rps
// counts interrupts, not packets (RPS-14).
func (sd *SoftnetData) rpsTriggerSoftirq() {
	sd.stats.Softnet.ReceivedRPS++
	sd.Schedule(&sd.backlog)
}
