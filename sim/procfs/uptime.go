package procfs

import (
	"fmt"
	"io"

	"github.com/seed-556df219/rxpath/sim/mib"
)

// WriteUptime writes /proc/uptime: virtual seconds since boot and the idle
// seconds of all CPUs together, both rounded down to hundredths. It models
// uptime_proc_show of fs/proc/uptime.c.
func WriteUptime(w io.Writer, s *mib.Snapshot) error {
	var up, idle clock
	up.add(s.TimePS)
	for i := range s.CPUs {
		idle.add(s.CPUs[i].Time.Idle)
	}
	_, err := fmt.Fprintf(w, "%d.%02d %d.%02d\n", up.ticks()/100, up.ticks()%100, idle.ticks()/100, idle.ticks()%100)
	return err
}
