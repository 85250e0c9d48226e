package locate

import (
	"encoding/binary"
	"slices"
	"strings"
)

// naptr is one record of RFC 3403 section 4.1.
type naptr struct {
	order, preference           uint16
	flags, services, expression string
	replacement                 string
}

// parseNAPTR reads the data of a record. The replacement must not be
// compressed.
func parseNAPTR(b []byte) (n naptr, ok bool) {
	if len(b) < 4 {
		return n, false
	}
	n.order, n.preference = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	b = b[4:]
	for _, s := range []*string{&n.flags, &n.services, &n.expression} {
		if len(b) < 1 || len(b) < 1+int(b[0]) {
			return n, false
		}
		*s, b = string(b[1:1+b[0]]), b[1+b[0]:]
	}
	var labels []string
	for len(b) > 0 && b[0] != 0 {
		if b[0] > 63 || len(b) < 1+int(b[0]) {
			return n, false
		}
		labels, b = append(labels, string(b[1:1+b[0]])), b[1+b[0]:]
	}
	if len(b) != 1 {
		return n, false
	}
	n.replacement = strings.Join(labels, ".")
	return n, len(n.replacement) <= 253
}

// service is how a transport is written in NAPTR (RFC 3263 section 4.1, RFC
// 7118 section 10.4).
func service(network string) string {
	switch network {
	case "udp":
		return "SIP+D2U"
	case "tcp":
		return "SIP+D2T"
	case "tls":
		return "SIPS+D2T"
	case "ws":
		return "SIP+D2W"
	}
	return "SIPS+D2W"
}

// srvName is where SRV records of a transport are when no NAPTR names them.
func srvName(network, domain string) string {
	switch network {
	case "udp":
		return "_sip._udp." + domain
	case "tcp":
		return "_sip._tcp." + domain
	case "tls":
		return "_sips._tcp." + domain
	case "ws":
		return "_sip._ws." + domain
	}
	return "_sips._ws." + domain
}

// chosen returns the SRV names that NAPTR records give for a transport, the
// preferred first.
func chosen(list []naptr, network string) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(n naptr) bool {
		return !strings.EqualFold(n.flags, "s") || n.expression != "" || n.replacement == "" || !strings.EqualFold(n.services, service(network))
	})
	slices.SortStableFunc(list, func(a, b naptr) int {
		if a.order != b.order {
			return int(a.order) - int(b.order)
		}
		return int(a.preference) - int(b.preference)
	})
	var out []string
	for _, n := range list {
		out = append(out, n.replacement)
	}
	return out
}
