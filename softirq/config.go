package softirq

import (
	"errors"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
)

// Config holds the sysctls of the receive softirq.
type Config struct {
	// NetdevBudget is the number of packets of one net_rx_action; 0 and below work (NAPI-9).
	NetdevBudget int `sysctl:"net.core.netdev_budget"`
	// NetdevBudgetUsecs is the time limit of one net_rx_action in microseconds, rounded up to jiffies; 0: two jiffies, as in kernels before 4.12, which do not have it.
	NetdevBudgetUsecs int `sysctl:"net.core.netdev_budget_usecs"`
	// DevWeight is the weight of the backlog, effective one poll later (RPS-13); drivers have their own.
	DevWeight int `sysctl:"net.core.dev_weight"`
	// NetdevMaxBacklog is the largest length of input_pkt_queue at which a packet is still accepted; negative: no limit (RPS-8).
	NetdevMaxBacklog int `sysctl:"net.core.netdev_max_backlog"`
	// RPSSockFlowEntries is the size of the socket flow table, rounded up to a power of two; 0: no RFS (RPS-1).
	RPSSockFlowEntries int `sysctl:"net.core.rps_sock_flow_entries"`
	// FlowLimitCPUs are the CPUs that have a flow limit table (RPS-11).
	FlowLimitCPUs []int `sysctl:"net.core.flow_limit_cpu_bitmap"`
	// FlowLimitTableLen is the number of its buckets, a power of two.
	FlowLimitTableLen int `sysctl:"net.core.flow_limit_table_len"`
	// GRONormalBatch is the number of packets that go up together in kernels that batch them (5.4).
	GRONormalBatch int `sysctl:"net.core.gro_normal_batch"`
	// BusyPoll is the time in microseconds that poll and select, since 4.12 epoll, too, busy-poll the device.
	BusyPoll int `sysctl:"net.core.busy_poll"`
	// BusyRead is SO_BUSY_POLL of new sockets: the time in microseconds that a receive call busy-polls the device.
	BusyRead int `sysctl:"net.core.busy_read"`
	// SKBDeferMax is the number of skbs that wait to be freed on the CPU that made them, in kernels that let readers do so (6.18).
	SKBDeferMax int `sysctl:"net.core.skb_defer_max"`
	// TstampPrequeue takes receive timestamps before RPS (CORE-1); 0: behind it, on the target CPU.
	TstampPrequeue int `sysctl:"net.core.netdev_tstamp_prequeue"`
}

// DefaultConfig returns the defaults of Linux 4.0 (NAPI-4).
func DefaultConfig() Config {
	return Config{NetdevBudget: 300, DevWeight: 64, NetdevMaxBacklog: 1000, FlowLimitTableLen: 4096, GRONormalBatch: 8, SKBDeferMax: 64, TstampPrequeue: 1}
}

// Validate reports every field out of range. The kernel takes any int for the
// first three; a backlog weight below 1 would never drain and is refused.
func (c *Config) Validate() error {
	return errors.Join(
		cfgerr.Range("net.core.netdev_budget", c.NetdevBudget, -1<<31, 1<<31-1),
		cfgerr.Range("net.core.netdev_budget_usecs", c.NetdevBudgetUsecs, 0, 1<<31-1),
		cfgerr.Range("net.core.dev_weight", c.DevWeight, 1, 1<<20),
		cfgerr.Range("net.core.netdev_max_backlog", c.NetdevMaxBacklog, -1<<31, 1<<31-1),
		c.validateTableLen(),
		cfgerr.Range("net.core.rps_sock_flow_entries", c.RPSSockFlowEntries, 0, maxFlowEntries),
		cfgerr.Range("net.core.busy_poll", c.BusyPoll, -1<<31, 1<<31-1),
		cfgerr.Range("net.core.busy_read", c.BusyRead, -1<<31, 1<<31-1),
		cfgerr.Range("net.core.gro_normal_batch", c.GRONormalBatch, 0, 1<<31-1),
		cfgerr.Range("net.core.skb_defer_max", c.SKBDeferMax, 0, 1<<31-1),
		cfgerr.Range("net.core.netdev_tstamp_prequeue", c.TstampPrequeue, 0, 1),
	)
}

// validateTableLen reports a length that net.core.flow_limit_table_len refuses.
func (c *Config) validateTableLen() error {
	n := c.FlowLimitTableLen
	return cfgerr.Check(n > 0 && n&(n-1) == 0 && n <= 1<<20, "net.core.flow_limit_table_len", n, "a power of two up to 1048576")
}
