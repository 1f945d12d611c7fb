package verify

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
)

// randomCase makes up a case as a recorder could have recorded it: its set-up
// and its stimulus, and of what it observed the keys, with nothing in them.
func randomCase(seed uint64) map[string]any {
	r := rand.New(rand.NewPCG(seed, 1))
	kind := oneOf(r, "sends", "sends", "frames", "frames", "fragments", "script", "lo", "tap", "bursts")
	p := place{kind: "veth", mtu: 1500, rx: addr("10.77.0.2"), tx: addr("10.77.0.1"), rxMAC: []byte{2, 0, 0, 0, 0, 2}, txMAC: []byte{2, 0, 0, 0, 0, 1}}
	switch {
	case kind == "lo", kind == "script" && seldom(r, 2):
		p = place{kind: "lo", mtu: 65536, rx: addr("127.0.0.1"), tx: addr("127.0.0.1")}
	case kind == "tap":
		p.kind = "tap"
	}
	setup := map[string]any{"env": p.env(r), "sysctls": "sysctls_" + p.kind + ".json"}
	doc := map[string]any{"name": fmt.Sprintf("R_%s_%d", kind, seed), "group": "R", "kernel": "6.18.44", "description": "made up", "runs": 1, "deterministic": true, "setup": setup}
	switch kind {
	case "script":
		setup["sockets"] = []any{p.bufferSocket(r)}
		doc["stimulus"], doc["observed"] = map[string]any{"ops": randomOps(r)}, scriptObserved()
		return doc
	case "bursts":
		setup["sockets"] = p.randomSockets(r)
		if seldom(r, 2) {
			setup["env"].(map[string]any)["rx_gro"] = true
			setup["env"].(map[string]any)["tx_tso"] = false
			for _, s := range setup["sockets"].([]any) {
				delete(s.(map[string]any), "UDP_GRO")
			}
		}
		setup["env"].(map[string]any)["tx_udp_segmentation_offload"] = false
		doc["stimulus"], doc["observed"] = p.randomSegmented(r), sendsObserved()
		return doc
	}
	setup["sockets"] = p.randomSockets(r)
	if note := p.randomNote(r); note != "" {
		setup["note"] = note
	}
	if _, err := exec.LookPath("nft"); err == nil && p.kind == "veth" && seldom(r, 12) {
		doc["description"] = oneOf(r, "nft input: udp dport 5000 drop", "nft prerouting: udp dport 5000 drop", "nft ingress: udp dport 5000 drop", "nft input reject")
	}
	var stimulus []any
	for range 1 + r.IntN(8) {
		switch {
		case kind == "fragments" || kind == "tap" && seldom(r, 4):
			for _, f := range p.randomFragments(r) {
				stimulus = append(stimulus, inject(f.bytes(), 1))
			}
		case kind == "frames" || kind == "tap":
			stimulus = append(stimulus, inject(p.randomPacket(r).bytes(), pickOne(r, 1, 2, 3, 20)))
		default:
			stimulus = append(stimulus, p.randomSend(r))
		}
	}
	if first := setup["sockets"].([]any)[0].(map[string]any); first["join"] == nil && seldom(r, 12) { // who leaves a group says so
		stimulus = append(stimulus, map[string]any{"op": "close", "socket": 0})
		if kind == "sends" || kind == "lo" {
			stimulus = append(stimulus, p.randomSend(r))
		}
	}
	doc["stimulus"], doc["observed"] = stimulus, sendsObserved()
	return doc
}

// env is the network as a case has it.
func (p *place) env(r *rand.Rand) map[string]any {
	e := map[string]any{"kind": p.kind, "rx_addr": p.rx.String(), "tx_addr": p.tx.String(), "pinned_cpu": 0, "rx_dev": "lo", "mtu": 65536}
	if p.kind == "lo" {
		return e
	}
	e["rx_mac"], e["tx_mac"] = "02:00:00:00:00:02", "02:00:00:00:00:01"
	e["rx_dev"], e["mtu"] = "vr0", 1500
	if p.kind == "tap" {
		e["rx_dev"], e["iff_napi"] = "tap0", seldom(r, 3)
		return e
	}
	if seldom(r, 6) {
		p.mtu = oneOf(r, 9000, 1280, 576)
		e["mtu"] = p.mtu
	}
	e["rx_gro"], e["xdp_pass"], e["tx_tso"], e["tx_udp_segmentation_offload"] = seldom(r, 5), false, !seldom(r, 5), !seldom(r, 5)
	return e
}

// groups are those that random sockets join.
var randomGroups = []string{"239.1.2.3", "239.1.2.3", "239.1.2.4", "224.0.0.1", "224.5.6.7"}

// randomSockets returns a few sockets, some of which see each other's datagrams.
func (p *place) randomSockets(r *rand.Rand) []any {
	var out []any
	if seldom(r, 30) {
		return []any{map[string]any{"bind": []any{"0.0.0.0", 7777}}}
	}
	share := pickOne(r, "reuseaddr", "reuseport", "both")
	seen := map[string]bool{}
	for range pickOne(r, 1, 2, 3, 4, 12, 34) {
		s := map[string]any{}
		if share != "reuseport" {
			s["reuseaddr"] = true
		}
		if share != "reuseaddr" {
			s["reuseport"] = true
		}
		// Which of several sockets a group picks goes by a secret of the kernel (udp_ehash_secret).
		if share != "reuseaddr" {
			delete(s, "reuseport")
			s["reuseaddr"] = true
			if !seen["reuseport"] {
				s["reuseport"], seen["reuseport"] = true, true
			}
		}
		bind := pickOne(r, "0.0.0.0", p.rx.String(), "239.1.2.3", "10.77.0.255", "127.0.0.1", "255.255.255.255", "239.1.2.4", "0.0.0.0")
		if p.kind == "lo" && bind == "10.77.0.255" {
			bind = "127.0.0.2"
		}
		s["bind"] = []any{bind, pickOne(r, receiverPort, receiverPort, receiverPort, receiverPort+1)}
		if seldom(r, 3) {
			s["join"] = oneOf(r, randomGroups...)
			if seldom(r, 4) {
				s["join"] = []any{"239.1.2.3", "239.1.2.4"}
			}
			s["join_if"] = -1
			if seldom(r, 6) {
				s["join_if"] = 1
			}
		}
		if seldom(r, 5) && bind != "127.0.0.1" || p.kind == "lo" && seldom(r, 5) {
			s["connect"] = oneOf(r, []any{p.tx.String(), senderPort}, []any{p.tx.String(), senderPort + 1})
		}
		if seldom(r, 5) {
			s["mcast_all"] = r.IntN(2)
		}
		if seldom(r, 8) {
			s["bindtodevice"] = oneOf(r, p.device(), p.device(), "lo")
		}
		p.options(r, s)
		out = append(out, s)
	}
	return out
}

func (p *place) device() string {
	return map[string]string{"lo": "lo", "veth": "vr0", "tap": "tap0"}[p.kind]
}

// options sets what decides about the queue of a socket.
func (p *place) options(r *rand.Rand, s map[string]any) {
	switch r.IntN(6) {
	case 0:
		s["SO_RCVBUF_asked"] = oneOf(r, 0, 1, 1152, 1153, 1664, 2304, 2500, 4160, 10000, 32768)
	case 1:
		s["SO_RCVBUFFORCE"] = oneOf(r, 1, 2000, 5000, 10000, 20000, 1<<20, 1<<24)
	}
	if seldom(r, 8) {
		s["SO_RXQ_OVFL"] = 1
	}
	if seldom(r, 8) {
		s["UDP_GRO"] = true
	}
	if seldom(r, 10) {
		s["filt"] = randomFilter(r)
	}
}

// bufferSocket is one socket of which the queue matters.
func (p *place) bufferSocket(r *rand.Rand) map[string]any {
	s := map[string]any{"bind": []any{"0.0.0.0", receiverPort}}
	p.options(r, s)
	delete(s, "filt")
	return s
}

// randomFilter returns a program of classic BPF.
func randomFilter(r *rand.Rand) []any {
	ret := func(n int) []any { return []any{6, 0, 0, n} }
	switch r.IntN(4) {
	case 0:
		return []any{ret(oneOf(r, 0, 1, 4, 7, 8, 9, 40, 200, 65535))}
	case 1: // by the source port
		return []any{[]any{0x28, 0, 0, 0}, []any{0x15, 0, 1, senderPort}, ret(0xffff), ret(0)}
	case 2: // by the length
		return []any{[]any{0x80, 0, 0, 0}, []any{0x25, 1, 0, 200}, ret(0xffff), ret(0)}
	}
	return []any{[]any{0x28, 0, 0, 4}, []any{0x25, 0, 1, 100}, ret(30), ret(0xffff)} // by the UDP length: cut
}

// randomNote returns the clauses of a note.
func (p *place) randomNote(r *rand.Rand) string {
	if p.kind != "veth" || !seldom(r, 4) {
		return ""
	}
	d := "net.ipv4.conf.vr0."
	note := oneOf(r, d+"rp_filter=1", d+"rp_filter=2", d+"accept_local=1", d+"route_localnet=1", d+"accept_source_route=0",
		"net.ipv4.ip_early_demux=0", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.all.accept_local=1",
		"net.ipv4.conf.all.accept_source_route=1", "net.ipv4.conf.all.route_localnet=1",
		"ip route add 192.0.2.0/24 dev lo", "ip route add 192.0.2.0/24 dev vr0", d+"rp_filter=1; ip route add 192.0.2.0/24 dev lo",
		"net.ipv4.ipfrag_max_dist=1", "net.ipv4.ipfrag_max_dist=0", "net.ipv4.ipfrag_low_thresh=0; net.ipv4.ipfrag_high_thresh=5000", "net.ipv4.ipfrag_low_thresh=0; net.ipv4.ipfrag_high_thresh=20000",
		"net.ipv4.conf.all.accept_source_route=1", "XDP_DROP program on vr0, generic", "XDP_PASS program on vr0, generic", "XDP_DROP program on vr0, native")
	if p.mtu > 3500 && strings.HasSuffix(note, "native") { // a packet has to fit into a page
		return ""
	}
	return note
}

// randomSend is a send from the sender's socket.
func (p *place) randomSend(r *rand.Rand) map[string]any {
	dst := []string{p.rx.String(), "239.1.2.3", "239.1.2.4", "224.0.0.1", "239.9.9.9", "224.5.6.7"}
	if p.kind == "lo" {
		dst = append(dst, "127.0.0.2", "127.255.255.255", "127.0.0.77")
	} else {
		dst = append(dst, "10.77.0.255", "255.255.255.255", "10.77.0.255")
	}
	to := pickOne(r, dst[0], dst[1:]...)
	payload := oneOf(r, payloads...)
	switch r.IntN(8) {
	case 0:
		payload = r.IntN(1473)
	case 1:
		payload = oneOf(r, 1473, 1684, 1685, 2000, 2952, 2953, 4000, 8000, 8972, 8973, 16004, 16005, 20000, 65507, r.IntN(65508))
	}
	m := map[string]any{"op": "send", "dst": []any{to, pickOne(r, receiverPort, receiverPort, receiverPort+1, 9)}, "payload": payload, "count": pickOne(r, 1, 2, 3, 10, 40)}
	if seldom(r, 8) {
		segment := min(oneOf(r, 1, 20, 100, 200, 212, 213, 500, 548, 1000), p.mtu-28)
		m["op"], m["payload"], m["dst"] = fmt.Sprintf("send UDP_SEGMENT=%d", segment), segment*(1+r.IntN(20))+r.IntN(segment), []any{p.rx.String(), receiverPort}
	}
	if p.kind == "tap" {
		return inject(p.randomPacket(r).bytes(), 1)
	}
	return m
}

// randomSegmented are sends that a device cuts, each into a burst.
func (p *place) randomSegmented(r *rand.Rand) (out []any) {
	for range 1 + r.IntN(6) {
		segment := min(oneOf(r, 1, 18, 20, 100, 197, 200, 212, 213, 500, 548, 1000, 1200), p.mtu-28)
		n := 1 + r.IntN(min(60, 60000/segment))
		out = append(out, map[string]any{"op": fmt.Sprintf("send UDP_SEGMENT=%d", segment), "payload": segment*n - r.IntN(segment), "count": 1 + r.IntN(4), "dst": []any{"10.77.0.2", pickOne(r, receiverPort, receiverPort, receiverPort+1)}})
		if seldom(r, 3) {
			out = append(out, map[string]any{"op": "send", "payload": oneOf(r, payloads...), "count": 1 + r.IntN(10), "dst": []any{"10.77.0.2", receiverPort}})
		}
	}
	return out
}

// randomOps are the operations of a script.
func randomOps(r *rand.Rand) (out []any) {
	for range 1 + r.IntN(25) {
		payload := oneOf(r, payloads...)
		switch r.IntN(6) {
		case 0:
			payload = r.IntN(2000)
		case 1:
			payload = r.IntN(65508)
		}
		switch r.IntN(12) {
		case 0, 1, 2, 3:
			out = append(out, []any{"s", payload, 1 + r.IntN(12)})
		case 4:
			out = append(out, []any{"f", oneOf(r, 600, 1000, 1472, 4000, 9000), 1 + r.IntN(3), "quiet"})
		case 5, 6:
			out = append(out, []any{"r", 1 + r.IntN(8)})
		case 7:
			out = append(out, []any{"rq", 1 + r.IntN(60)})
		case 8:
			out = append(out, []any{"r0", 1 + r.IntN(3)})
		case 9:
			out = append(out, []any{"peek", 1 + r.IntN(3)})
		case 10:
			out = append(out, oneOf(r, []any{"inq"}, []any{"poll"}))
		case 11:
			out = append(out, []any{"setbuf", oneOf(r, 0, 1, 2304, 5000, 20000, 100000, 1<<20, r.IntN(60000))})
		}
	}
	return out
}

// The keys of what is observed, without anything in it.
func stageObserved() map[string]any {
	o := map[string]any{}
	for _, k := range []string{"Udp", "Ip", "IpExt", "dev", "stats64_rx", "other_nonzero"} {
		o[k] = map[string]any{}
	}
	o["softnet"] = map[string]any{"0": map[string]any{}}
	o["sockets"] = []any{map[string]any{
		"SO_MEMINFO": map[string]any{"rmem_alloc": 0, "rcvbuf": 0, "fwd_alloc": 0, "backlog": 0, "drops": 0},
		"proc_udp":   map[string]any{"rx_queue": 0, "drops": 0},
	}}
	return o
}

func sendsObserved() map[string]any {
	return map[string]any{"after_send": stageObserved(), "drop_reasons": map[string]any{},
		"after_drain": map[string]any{"Udp": map[string]any{}, "received": []any{}, "drop_reasons": map[string]any{}, "sockets": stageObserved()["sockets"]}}
}

func scriptObserved() map[string]any {
	columns := []any{"op", "arg", "result", "SO_MEMINFO.rmem_alloc", "proc_udp.rx_queue", "fwd_alloc", "drops", "InDatagrams"}
	return map[string]any{"after": stageObserved(), "received": 0, "left_in_queue": 0, "steps": map[string]any{"columns": columns, "rows": []any{}, "result": ""}}
}
