package mib_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/mib"
)

func TestSubKeepsLevels(t *testing.T) {
	before := mib.Snapshot{TimePS: 5, Processes: 7, ProcsRunning: 2, FragMemory: 9, CPUs: []mib.CPU{
		{Softnet: mib.Softnet{Processed: 10}, BacklogLen: 8, InputQueueLen: 6, Softirqs: [mib.NumSoftirqs]uint64{mib.SoftirqNetRX: 3}},
	}}
	after := mib.Snapshot{TimePS: 15, Processes: 8, ProcsRunning: 3, FragMemory: 4, CPUs: []mib.CPU{
		{Softnet: mib.Softnet{Processed: 110}, BacklogLen: 5, InputQueueLen: 1, Softirqs: [mib.NumSoftirqs]uint64{mib.SoftirqNetRX: 4}},
	}}
	require.Equal(t, mib.Snapshot{TimePS: 10, Processes: 1, ProcsRunning: 3, FragMemory: 4, CPUs: []mib.CPU{
		{Softnet: mib.Softnet{Processed: 100}, BacklogLen: 5, InputQueueLen: 1, Softirqs: [mib.NumSoftirqs]uint64{mib.SoftirqNetRX: 1}},
	}, Devices: []mib.Device{}, IRQs: []mib.IRQ{}, Sockets: []mib.Socket{}}, after.Sub(before))
	require.EqualValues(t, 110, after.CPUs[0].Softnet.Processed, "the receiver has changed")
}
