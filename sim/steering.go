package sim

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/ipstack"
)

// placeFlowTables gives queues their flow tables (RPS-1).
func (h *Host) placeFlowTables(dev *ipstack.Device, counts map[string]int) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		queue, err := strconv.Atoi(strings.TrimPrefix(name, "rx-"))
		if err == nil {
			err = h.softnet.SetFlowCnt(dev.Index, queue, counts[name])
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
