package skb

import "encoding/binary"

// Types of IP options (RFC 791, RFC 2113).
const (
	optEnd         = 0
	optNoOp        = 1
	optRecordRoute = 7
	optTimestamp   = 68
	optLooseRoute  = 131
	optCIPSO       = 134
	optStrictRoute = 137
	optRouterAlert = 148
)

// parseOptions reads the options of an IPv4 header. It models ip_options_compile
// for a packet that was received: which options are malformed (IF-3), and where
// a source route goes.
func parseOptions(opts []byte) (kind Options, next Addr) {
	seen := map[byte]bool(nil)
	for len(opts) > 0 {
		switch opts[0] {
		case optEnd:
			return kind, next
		case optNoOp:
			opts = opts[1:]
			continue
		}
		if len(opts) < 2 || opts[1] < 2 || int(opts[1]) > len(opts) {
			return OptionsBad, 0
		}
		opt := opts[:opts[1]]
		opts = opts[opts[1]:]
		class := opt[0]
		if class == optStrictRoute {
			class = optLooseRoute // either, and only once
		}
		switch class {
		case optLooseRoute, optRecordRoute, optTimestamp:
			if seen[class] {
				return OptionsBad, 0
			}
			if seen == nil {
				seen = map[byte]bool{}
			}
			seen[class] = true
		}
		if !wellFormed(opt) {
			return OptionsBad, 0
		}
		if class == optLooseRoute {
			kind, next = sourceRoute(opt)
		}
	}
	return kind, next
}

// wellFormed reports whether an option of at least two bytes passes. Its third
// byte points at what is to be filled in next, counted from 1.
func wellFormed(opt []byte) bool {
	n := len(opt)
	switch opt[0] {
	case optLooseRoute, optStrictRoute:
		return n >= 3 && opt[2] >= 4
	case optRecordRoute:
		return n >= 3 && opt[2] >= 4 && (int(opt[2]) > n || int(opt[2])+3 <= n)
	case optTimestamp:
		return n >= 4 && opt[2] >= 5 && timestampFits(opt)
	case optRouterAlert:
		return n >= 4
	case optCIPSO: // cipso_v4_validate: of no domain that anybody has told the kernel of
		return false
	}
	return true
}

// timestampFits reports whether a timestamp option has room for the next stamp,
// or at least for counting one more host that had none.
func timestampFits(opt []byte) bool {
	const withAddress, prespecified = 1, 3
	pointer, flag, overflow := int(opt[2]), opt[3]&15, opt[3]>>4
	if pointer > len(opt) {
		return flag == prespecified || overflow < 15
	}
	if flag == withAddress || flag == prespecified {
		return pointer+7 <= len(opt)
	}
	return pointer+3 <= len(opt)
}

// sourceRoute says where a well-formed source route goes next. It models the
// first turn of ip_options_rcv_srr.
func sourceRoute(opt []byte) (Options, Addr) {
	pointer := int(opt[2])
	switch {
	case pointer > len(opt):
		return SourceRouteDone, 0
	case pointer+3 > len(opt):
		return SourceRouteBad, 0
	}
	next := Addr(binary.BigEndian.Uint32(opt[pointer-1:]))
	if opt[0] == optStrictRoute {
		return SourceRouteStrict, next
	}
	return SourceRouteLoose, next
}
