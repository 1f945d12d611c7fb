package sim

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/ipstack"
)

// placeFlowTables gives queues their flow tables (RPS-1). Only those whose size
// is another one than before are new, and empty.
func (h *Host) placeFlowTables(dev *ipstack.Device, was, counts map[string]int) {
	names := map[string]int{}
	for name := range was { // Any order: it fills a map.
		names[name] = 0 // its queue is gone, unless it is among counts
	}
	maps.Copy(names, counts)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if old, ok := was[name]; ok && old == names[name] {
			continue
		}
		queue, err := strconv.Atoi(strings.TrimPrefix(name, "rx-"))
		if err == nil {
			err = h.softnet.SetFlowCnt(dev.Index, queue, names[name])
		}
		if err != nil {
			panic("sim: " + err.Error()) // Validate has seen the names and the sizes
		}
	}
}

// markSteered marks the CPUs to which RFS may steer: those of connected
// sockets' readers, who tell it where they are. Readers that leave skbs to other
// CPUs disturb those.
func (h *Host) markSteered(busy []bool) {
	for _, s := range h.socks {
		for _, t := range s.readers {
			if h.sockets.DeferFree != nil || h.sockets.RecordFlow != nil && s.sock.SaveRXHash {
				busy[t.Task().Core().ID()] = true
			}
		}
	}
}
