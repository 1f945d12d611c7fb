package scenariofile_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/seed-556df219/rxpath/sim/scenariofile"
)

func ExampleParse() {
	s, err := scenariofile.Parse("feed.yaml", []byte(`
traffic: [{rate: 250kpps, size: 128, dst: 239.193.4.65:14506}]
apps: [{name: gateway, cpu: 2, sockets: [{bind: 0.0.0.0:14506, join: [239.193.4.65], rcvbuf: 64KiB}]}]
`), scenariofile.Set{Path: "net.core.rmem_max", Value: "65536"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Name, "on", s.NICs[0].Name, "for", s.Run.For)
	fmt.Println("sk_rcvbuf:", s.Host.Limits.EffectiveRcvBuf(&s.Host.Kernel, &s.Apps[0].Sockets[0]))
	// Output:
	// feed on eth0 for 1s
	// sk_rcvbuf: 131072
}

// Everything that is wrong is reported at once, with its place.
func ExampleFaults() {
	_, err := scenariofile.Parse("feed.yaml", []byte(`
nics: [{name: eth0, rign: {rx: 512}}]
traffic: [{to: eth0, rate: 10Gb/s, size: 128, dst: 239.193.4.65:14506}]
`), scenariofile.Set{Path: "run.for", Value: "ten"})
	var faults scenariofile.Faults
	if errors.As(err, &faults) {
		_, _ = faults.WriteTo(os.Stdout)
	}
	// Output:
	// feed.yaml:2:21: nics[0].rign: unknown key; did you mean "ring"?
	//     2 | nics: [{name: eth0, rign: {rx: 512}}]
	//       |                     ^
	// feed.yaml:3:28: traffic[0].rate = "10Gb/s": a bit rate: want a rate in packets per second such as 250kpps, 14.88Mpps or 1/s
	//     3 | traffic: [{to: eth0, rate: 10Gb/s, size: 128, dst: 239.193.4.65:14506}]
	//       |                            ^
	// --set run.for=ten: no number: want a time such as 67.2ns, 10us, 20ms, 4s or 1m
}
