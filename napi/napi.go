// Package napi models a NAPI instance and what GRO does with UDP. It models
// the parts of include/linux/netdevice.h and net/core/dev.c that concern one
// struct napi_struct.
//
//	          Schedule                     Poll used its weight
//	Idle ────────────────▶ Scheduled ◀───────────────┐
//	  ▲                      │    └──────────────────┘
//	  └────── Complete ──────┘
//
// Not modelled: NAPI_STATE_DISABLE and NAPI_STATE_NPSVC (netpoll), held TCP
// packets (TCP is counted and ends at the protocol table).
package napi

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
)

// Weight is NAPI_POLL_WEIGHT, the weight of every driver here (POLL-1).
const Weight = 64

// State is the state of an Instance.
type State uint8

// States.
const (
	Idle      State = iota
	Scheduled       // NAPI_STATE_SCHED: on a poll list, or being polled
)

// A Driver polls its rings for an instance. *nic.Vector implements it.
type Driver interface {
	// PollRings takes up to weight packets off the rings on core c and returns
	// what net_rx_action is charged (POLL-3). It calls Complete if it is done.
	PollRings(c *cpu.Core, weight int) int
}

// An Instance is one struct napi_struct.
type Instance struct {
	state  State
	driver Driver
	// Name is the device's, for traces.
	Name string
	// Raise puts the instance at the tail of the core's poll list and raises
	// NET_RX (softirq.Schedule).
	Raise func(*cpu.Core, *Instance)
}

// New returns an idle instance that polls d.
func New(name string, d Driver) *Instance { return &Instance{driver: d, Name: name} }

// State returns the state.
func (n *Instance) State() State { return n.state }

// Schedule models napi_schedule. In state Scheduled it changes nothing: a
// second interrupt is counted as an interrupt, and no more (NAPI-1).
func (n *Instance) Schedule(c *cpu.Core) {
	switch n.state {
	case Idle:
		n.state = Scheduled
		n.Raise(c, n)
	case Scheduled:
	}
}

// Complete models napi_complete: the instance may be scheduled again (NAPI-3).
func (n *Instance) Complete() { n.state = Idle }

// Weight returns the weight, which no sysctl changes (POLL-1).
func (n *Instance) Weight() int { return Weight }

// Poll models napi_poll: an instance that is not scheduled does no work (NAPI-6b).
func (n *Instance) Poll(c *cpu.Core, weight int) int {
	if n.state != Scheduled {
		return 0
	}
	work := n.driver.PollRings(c, weight)
	if work > weight {
		panic("napi: poll did more work than its weight")
	}
	return work
}
