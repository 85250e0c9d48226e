package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ringbid/ringbid/sip/media"
)

// pcmHeader is the size of a plain PCM header.
const pcmHeader = 44

// pcm shows a recording as 16-bit linear PCM.
type pcm struct {
	src    io.ReadSeeker
	head   [pcmHeader]byte
	table  *[256]uint16
	size   int64 // of what is shown
	at     int64
	srcAt  int64 // where src stands; -1 = not known
	buffer [4096]byte
}

// PCM returns a recording of ours as a WAV file of 16-bit PCM, two channels,
// 8 kHz, for players that do not know µ-law. It converts while it is read and
// may be read at any place, so that http.ServeContent can serve ranges of it.
func PCM(recording io.ReadSeeker) (io.ReadSeeker, error) {
	frames, err := length(recording)
	if err != nil {
		return nil, err
	}
	p := &pcm{src: recording, srcAt: -1, table: new([256]uint16)}
	for i := range p.table {
		p.table[i] = uint16(media.DecodeULaw(byte(i)))
	}
	data := frames * frameBytes * 2
	p.size = pcmHeader + data
	le := binary.LittleEndian
	h := p.head[:]
	copy(h[0:], "RIFF")
	le.PutUint32(h[4:], uint32(p.size-8))
	copy(h[8:], "WAVEfmt ")
	le.PutUint32(h[16:], 16)
	le.PutUint16(h[20:], 1) // WAVE_FORMAT_PCM
	le.PutUint16(h[22:], frameBytes)
	le.PutUint32(h[24:], sampleRate)
	le.PutUint32(h[28:], sampleRate*frameBytes*2)
	le.PutUint16(h[32:], frameBytes*2)
	le.PutUint16(h[34:], 16)
	copy(h[36:], "data")
	le.PutUint32(h[40:], uint32(data))
	return p, nil
}

// length returns how many frames a recording has: what its header promises, or
// less where the file ends before.
func length(r io.ReadSeeker) (int64, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, fmt.Errorf("read recording: %w", err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("read recording: %w", err)
	}
	frames, err := framesIn(r)
	if err != nil {
		return 0, err
	}
	return min(frames, (size-headerBytes)/frameBytes), nil
}

func (p *pcm) Read(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, nil
	case p.at >= p.size:
		return 0, io.EOF
	case p.at < pcmHeader:
		n := copy(b, p.head[p.at:])
		p.at += int64(n)
		return n, nil
	}
	sample, half := (p.at-pcmHeader)/2, (p.at-pcmHeader)%2
	if want := headerBytes + sample; p.srcAt != want {
		if _, err := p.src.Seek(want, io.SeekStart); err != nil {
			return 0, err
		}
		p.srcAt = want
	}
	left := (p.size - p.at + half) / 2
	want := min(int64(len(p.buffer)), left, (int64(len(b))+half+1)/2)
	got, err := io.ReadFull(p.src, p.buffer[:want])
	p.srcAt += int64(got)
	if got == 0 {
		return 0, err
	}
	n := p.expand(b, p.buffer[:got], half)
	p.at += int64(n)
	return n, nil
}

// expand writes the samples of src, from its half on, as far as b goes.
func (p *pcm) expand(b, src []byte, half int64) int {
	n := 0
	for _, u := range src {
		v := p.table[u]
		if half == 0 && n < len(b) {
			b[n] = byte(v)
			n++
		}
		half = 0
		if n < len(b) {
			b[n] = byte(v >> 8)
			n++
		}
	}
	return n
}

func (p *pcm) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	p.at = offset
	return offset, nil
}
