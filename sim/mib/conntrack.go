package mib

// Conntrack is a CPU's row of /proc/net/stat/nf_conntrack, without its first
// column. It models struct ip_conntrack_stat.
type Conntrack struct {
	// Searched counts entries that were looked at in vain; a measure of how long the chains are.
	// Incremented in net/netfilter/nf_conntrack_core.c:____nf_conntrack_find.
	Searched uint64 `kernel:"searched"`
	// Found counts packets of connections that were in the table.
	// Incremented in net/netfilter/nf_conntrack_core.c:____nf_conntrack_find.
	Found uint64 `kernel:"found"`
	// New counts packets that began a connection, also those that were dropped before it was entered.
	// Incremented in net/netfilter/nf_conntrack_core.c:init_conntrack (NF-4).
	New uint64 `kernel:"new"`
	// Invalid counts packets that no connection can be made of: malformed ones, bad checksums. They go on.
	// Incremented in net/netfilter/nf_conntrack_core.c:nf_conntrack_in.
	Invalid uint64 `kernel:"invalid"`
	// Insert counts connections that were entered.
	// Incremented in net/netfilter/nf_conntrack_core.c:__nf_conntrack_confirm.
	Insert uint64 `kernel:"insert"`
	// InsertFailed counts packets that were dropped because another of the same new connection was quicker.
	// Incremented in net/netfilter/nf_conntrack_core.c:__nf_conntrack_confirm (NF-3).
	InsertFailed uint64 `kernel:"insert_failed"`
	// Drop counts packets that were dropped because the table was full and no entry could go.
	// Incremented in net/netfilter/nf_conntrack_core.c:nf_conntrack_in (NF-3).
	Drop uint64 `kernel:"drop"`
	// EarlyDrop counts entries that had to go for a new one before their time.
	// Incremented in net/netfilter/nf_conntrack_core.c:early_drop (NF-3).
	EarlyDrop uint64 `kernel:"early_drop"`
}
