// Package live makes a receiver and a sender of the Linux kernel that runs this
// program, in network namespaces of their own, and reads what it counts there.
//
// Everything belongs to one thread, which [Run] locks and throws away: the
// namespaces have no name, so they and their devices end with the thread, however
// it ends; the mount namespace, in which sysfs and tracefs are mounted, too. No
// setting outside the namespaces is written, and no packet leaves them: they are
// joined to each other and to nothing else.
//
//	Run ── Open ─▶ Net: namespace of the receiver ── lo, veth or tap ── that of the sender
//	                 │ Socket, Sender, Frame
//	                 ▼
//	               Counters: snmp, netstat, dev, rtnetlink, softnet_stat, kfree_skb
//
// It works on Linux, for root; elsewhere there is only this page.
package live
