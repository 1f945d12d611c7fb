package kernel

import (
	"fmt"
	"strings"
)

// Evidence is what the value of a behaviour rests on.
type Evidence uint8

// Kinds of evidence, the strongest first.
const (
	// Recorded: a running kernel of that line was measured, and `rxpath verify` replays the recordings, or a test its numbers.
	Recorded Evidence = iota
	// FromSource: the source of that kernel was read, or that of a neighbour and the patches between.
	FromSource
	// FromMemory: written down from memory, the version plus or minus one.
	FromMemory
	// Inherited: nobody looked; as in the profile that this one begins with.
	Inherited
	// SetByScenario: somebody changed it.
	SetByScenario
)

// String implements fmt.Stringer.
func (e Evidence) String() string {
	return nameOf(int(e), "recorded", "source", "memory", "inherited", "set in the scenario")
}

// A provenance is where the behaviours of one profile come from: a line of names
// for each kind. A behaviour on no line is inherited from the profile as.
type provenance struct {
	as       string
	recorded string
	source   string
	memory   string
}

// provenances has every profile but the reference, all of which comes from source.
var provenances = map[string]provenance{
	"linux-3.10": {
		as: "linux-4.0",
		source: `repoll_same_run backlog_released_early flow_limit udp_early_demux ignored_multi device_tap_lists softnet_columns rps_single_cpu
			max_restart softirq_time_ms`,
		memory: "refill_after_loop affinity_hint_moves ixgbe_busy_poll rfs_hash_bits udp_gro_checksum netstat_columns",
	},
	"linux-6.1": {
		as: "linux-4.0",
		recorded: `softnet_columns send_paged_from small_head accept_rule release_rule fwd_alloc_rule udp_mem_limit udp_mem_drop filter_first condense
			peek_counts ovfl_always recv_skips_bad_checksum rcv_buf_clamped ignored_multi flow_limit subnet_zero_broadcast netdev_budget_usecs
			frag_overlap_fails xdp_truesize otherhost_counted local_source_only tun_receives routing_drop_reasons out_transmits timers_migrate
			netstat_columns rmem_max trace_text`,
		source: `socket_backlog fanout_lockless hash2_first reuseport_array early_demux_broadcast early_demux_member softirq_while_ksoftirqd
			poll_returns_work gro_normal_list net_rx_looks_again max_restart softirq_time_ms hash2_threshold ixgbe_build_skb ixgbe_legacy_head ixgbe_adaptive_itr
			ixgbe_max_ring ixgbe_lro repoll_same_run udp_early_demux skb_defer`,
		memory: `mem_reserve igb_build_skb udp_gro gro_fixed_ident napi_threaded napi_defer_hard_irqs early_demux_fragments frag_evictor
			frag_queue_size ixgbe_busy_poll napi_busy_loop zero_net_valid bad_checksum_marked zero_tag_inner connected_hash incoming_cpu`,
	},
	"linux-6.12": {
		as: "linux-6.1",
		recorded: `softnet_columns send_paged_from small_head accept_rule release_rule fwd_alloc_rule udp_mem_limit udp_mem_drop condense peek_counts
			ovfl_always recv_skips_bad_checksum rcv_buf_clamped flow_limit netdev_budget_usecs timers_migrate out_transmits netstat_columns`,
		source: `socket_backlog fanout_lockless hash2_first reuseport_array early_demux_broadcast early_demux_member softirq_while_ksoftirqd
			poll_returns_work gro_normal_list net_rx_looks_again max_restart softirq_time_ms hash2_threshold ixgbe_build_skb ixgbe_legacy_head ixgbe_adaptive_itr
			ixgbe_lro repoll_same_run udp_early_demux skb_defer rmem_max`,
		memory: `mem_reserve igb_build_skb udp_gro gro_fixed_ident trace_text ixgbe_max_ring napi_threaded napi_defer_hard_irqs early_demux_fragments
			frag_evictor frag_queue_size ixgbe_busy_poll napi_busy_loop zero_net_valid bad_checksum_marked zero_tag_inner connected_hash`,
	},
	"linux-6.18": {
		as: "linux-6.12",
		recorded: `zero_net_valid bad_checksum_marked zero_tag_inner connected_hash softnet_columns send_paged_from small_head accept_rule release_rule fwd_alloc_rule udp_mem_limit udp_mem_drop filter_first condense
			peek_counts ovfl_always recv_skips_bad_checksum rcv_buf_clamped ignored_multi flow_limit subnet_zero_broadcast netdev_budget_usecs
			frag_overlap_fails frag_queue_size xdp_truesize otherhost_counted local_source_only tun_receives routing_drop_reasons out_transmits
			timers_migrate netstat_columns rmem_max trace_text skb_defer early_demux_broadcast udp_gro gro_fixed_ident`,
		source: `socket_backlog fanout_lockless hash2_first reuseport_array early_demux_member softirq_while_ksoftirqd
			poll_returns_work gro_normal_list net_rx_looks_again max_restart softirq_time_ms hash2_threshold ixgbe_build_skb ixgbe_legacy_head ixgbe_adaptive_itr
			ixgbe_lro repoll_same_run udp_early_demux napi_threaded napi_defer_hard_irqs`,
		memory: `mem_reserve igb_build_skb ixgbe_max_ring early_demux_fragments frag_evictor ixgbe_busy_poll napi_busy_loop`,
	},
}

// Recorded reports whether recordings of such a kernel were compared with the
// profile. Without, it rests on source, or on memory.
func (p *Profile) Recorded() bool { return provenances[p.Name].recorded != "" }

// Evidence returns what the value of a behaviour in the profile rests on, and in
// words; "" and [Inherited] for an unknown one.
func (p *Profile) Evidence(name string) (e Evidence, words string) {
	if base, err := ProfileNamed(p.Name); err == nil && p.differs(&base, name) {
		return SetByScenario, SetByScenario.String()
	}
	from, ok := provenances[p.Name]
	if !ok {
		return FromSource, FromSource.String()
	}
	for kind, names := range []string{from.recorded, from.source, from.memory} {
		if listed(names, name) {
			return Evidence(kind), Evidence(kind).String()
		}
	}
	return Inherited, fmt.Sprintf("as in %s, not looked at", from.as)
}

// differs reports whether a behaviour is another one than in base.
func (p *Profile) differs(base *Profile, name string) bool {
	value := func(p *Profile) (out string) {
		p.Each(func(n string, v any, _ string) {
			if n == name {
				out = fmt.Sprint(v)
			}
		})
		return out
	}
	return value(p) != value(base)
}

// listed reports whether a name is one of those.
func listed(names, name string) bool {
	for _, n := range strings.Fields(names) {
		if n == name {
			return true
		}
	}
	return false
}
