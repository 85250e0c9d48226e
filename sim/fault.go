package sim

import (
	"bytes"
	"compress/gzip"
	"net"
	"net/http"
	"strconv"
	"time"
)

// misbehave answers in the way of the fault; sound is what a good bidder would
// have said.
func (b *Bidders) misbehave(w http.ResponseWriter, r *http.Request, f Fault, sound []byte) {
	switch f {
	case FaultHuge:
		b.pour(w, `{"padding":"`, bytes.Repeat([]byte("x"), 64<<10), 256)
	case FaultGarbage:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body><h1>It works!</h1></body></html>"))
	case FaultEmpty:
	case FaultStatus:
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(sound)
	case FaultRedirect:
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	case FaultGzip:
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb())
	case FaultTrickle:
		b.trickle(w, r)
	case FaultLying, FaultCut:
		hangUpInside(w, f, sound)
	default:
		_, _ = w.Write(sound)
	}
}

// pour writes head and then the block so many times.
func (b *Bidders) pour(w http.ResponseWriter, head string, block []byte, times int) {
	if _, err := w.Write([]byte(head)); err != nil {
		return
	}
	for range times {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// trickle sends a space ten times a second until somebody has enough.
func (b *Bidders) trickle(w http.ResponseWriter, r *http.Request) {
	for b.wait(r.Context(), 100*time.Millisecond) {
		if _, err := w.Write([]byte(" ")); err != nil {
			return
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
}

// hangUpInside promises more than it sends. A cut connection is reset, a lying
// one closed in good order.
func hangUpInside(w http.ResponseWriter, f Fault, sound []byte) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, out, err := h.Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	promise := len(sound) + 1000
	if f == FaultCut {
		promise, sound = len(sound), sound[:len(sound)/2]
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	_, _ = out.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(promise) + "\r\n\r\n")
	_, _ = out.Write(sound)
	_ = out.Flush()
}

// bomb is a gigabyte of spaces in one megabyte: a compressed file may be many
// files in a row (RFC 1952 section 2.2).
func bomb() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 1<<20))
	_ = z.Close()
	return bytes.Repeat(b.Bytes(), 1<<10)
}
