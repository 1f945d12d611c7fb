package kernel_test

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// A machine with slower context switches than the default one.
func ExampleCosts_Set() {
	c := kernel.DefaultCosts()
	fmt.Println(c.Set("switch", kernel.Cost{Fixed: 3 * engine.Microsecond, Source: "lat_ctx on the production host"}))
	fmt.Println(c.Set("swich", kernel.Cost{Fixed: 3 * engine.Microsecond}))
	base := kernel.DefaultCosts()
	for _, line := range c.Changed(&base) {
		fmt.Println(line)
	}
	// Output:
	// <nil>
	// swich = 3µs: want the key of a cost; the nearest is "switch"
	// switch: 3µs (bdw-3.6ghz: 1.5µs)
}

// What the reader of one datagram spends on each machine.
func ExampleCostProfiles() {
	for _, c := range kernel.CostProfiles() {
		fmt.Printf("%-12s %v\n", c.Name, c.Syscall.Fixed+c.Dequeue.Fixed+c.Copy.For(18)+c.RemoteSocket.Fixed)
	}
	// Output:
	// bdw-3.6ghz   432.6ns
	// p3-e1000     2.406µs
	// xeon-2.0ghz  1.836µs
}

// The small costs of the default machine that nobody measured.
func ExampleCosts_Each() {
	c := kernel.DefaultCosts()
	c.Each(func(key string, cost *kernel.Cost) {
		if cost.Assumed && cost.PerByte == 0 && cost.Fixed < 100*engine.Nanosecond {
			fmt.Println(key, cost.Fixed, cost.Source)
		}
	})
	// Output:
	// softirq 50ns interrupt flags, accounting and a loop; xdp25 shows 0.1 ns a packet for __do_softirq itself
	// backlog 40ns the packet's first cache line comes from another core
	// tap_filter 30ns some ten instructions of a translated classic program, from memory
	// timestamp 25ns one reading of the time-stamp counter through ktime_get_real, 20 to 30 ns from memory
	// no_port 25ns part of U14 - U15; the rate limit refuses nearly all, a few tens of nanoseconds
	// filter 40ns a few instructions of a just-in-time compiler
	// dequeue 80ns part of U13
	// poll_fd 60ns a list entry and a lock
	// epoll_wake 60ns a lock and a list
	// lock_transfer 50ns one cache line moves over; of the order of remote_socket
	// remote_socket 50ns part of U13; of the order of remote_enqueue
}

// A kernel between two profiles.
func ExampleProfile_Set() {
	p := kernel.Linux40()
	fmt.Println(p.Set("repoll_same_run", "true"))
	fmt.Println(p.Set("max_restarts", "20"))
	fmt.Println(p.Changed(kernel.Linux40()))
	// Output:
	// <nil>
	// max_restarts = 20: want the name of a behaviour; the nearest is "max_restart"
	// [repoll_same_run: true (linux-4.0: false)]
}
