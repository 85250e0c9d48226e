package locate

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Limits of one query.
const (
	queryLimit = 2 * time.Second // each server is given half of it at the first try
	maxAnswer  = 4 << 10
	maxRecords = 64
	maxServers = 3
)

// typeNAPTR is RFC 3403's; dnsmessage leaves its record to us.
const typeNAPTR = dnsmessage.Type(35)

// errNone says that the name has no such records: an answer, not a failure.
var errNone = errors.New("no such record")

// ask sends a question to the servers in turn and returns the answers and how
// long they hold.
func (l *Locator) ask(ctx context.Context, name string, kind dnsmessage.Type) ([]dnsmessage.Resource, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	query, id, err := question(name, kind)
	if err != nil {
		return nil, 0, err
	}
	last := errors.New("no DNS server")
	for _, server := range l.servers {
		for _, network := range []string{"udp", "tcp"} {
			answer, err := exchange(ctx, network, server, query)
			if err != nil {
				last = fmt.Errorf("dns %s: %w", server, err)
				break
			}
			records, ttl, cut, err := read(answer, id, name, kind)
			if err == nil && cut && network == "udp" {
				continue // RFC 7766: again over TCP
			}
			if err == nil || errors.Is(err, errNone) {
				return records, ttl, err
			}
			last = fmt.Errorf("dns %s: %w", server, err)
			break
		}
	}
	return nil, 0, last
}

func question(name string, kind dnsmessage.Type) (query []byte, id uint16, err error) {
	full, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, 0, fmt.Errorf("name %.80q: %w", name, err)
	}
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	id = binary.BigEndian.Uint16(b[:])
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: full, Type: kind, Class: dnsmessage.ClassINET}}}
	query, err = m.Pack()
	return query, id, err
}

func exchange(ctx context.Context, network, server string, query []byte) ([]byte, error) {
	var d net.Dialer
	ctx, cancel := context.WithTimeout(ctx, queryLimit/2)
	defer cancel()
	conn, err := d.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	end, _ := ctx.Deadline()
	if err := conn.SetDeadline(end); err != nil {
		return nil, err
	}
	if network == "tcp" {
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	}
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, maxAnswer)
	if network == "udp" {
		n, err := conn.Read(buf)
		return buf[:n], err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > maxAnswer {
		return nil, errors.New("answer too large")
	}
	_, err = io.ReadFull(conn, buf[:n])
	return buf[:n], err
}

// read takes the records of the kind out of an answer. Those of other names
// are taken only where a CNAME led to them: the server followed it.
func read(answer []byte, id uint16, name string, kind dnsmessage.Type) (out []dnsmessage.Resource, ttl time.Duration, cut bool, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(answer)
	if err != nil || !h.Response || h.ID != id {
		return nil, 0, false, errors.New("not an answer to the question")
	}
	q, err := p.Question()
	if err != nil || q.Type != kind || !strings.EqualFold(strings.TrimSuffix(q.Name.String(), "."), strings.TrimSuffix(name, ".")) {
		return nil, 0, false, errors.New("answer to another question")
	}
	switch {
	case h.RCode == dnsmessage.RCodeNameError:
		return nil, 0, false, errNone
	case h.RCode != dnsmessage.RCodeSuccess:
		return nil, 0, false, fmt.Errorf("rcode %s", h.RCode)
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, 0, false, err
	}
	least := uint32(longest / time.Second)
	for range maxRecords {
		r, err := p.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return nil, 0, h.Truncated, err
		}
		if r.Header.TTL < least {
			least = r.Header.TTL
		}
		if r.Header.Type == kind {
			out = append(out, r)
		}
	}
	if len(out) == 0 && !h.Truncated {
		return nil, 0, false, errNone
	}
	return out, time.Duration(least) * time.Second, h.Truncated, nil
}

// systemServers reads the nameservers of a resolv.conf.
func systemServers(file string) []string {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(io.LimitReader(f, 64<<10)); s.Scan() && len(out) < maxServers; {
		if w := strings.Fields(s.Text()); len(w) >= 2 && w[0] == "nameserver" {
			out = append(out, net.JoinHostPort(w[1], "53"))
		}
	}
	return out
}
