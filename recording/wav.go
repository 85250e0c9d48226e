package recording

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The layout of a recording: RIFF/WAVE, format 7 (ITU-T G.711 µ-law), 8 kHz,
// two channels of one byte, with the fact chunk that compressed formats need.
const (
	headerBytes = 58
	frameBytes  = 2 // one byte per channel
	sampleRate  = 8000
	silence     = 0xFF                   // µ-law zero
	maxFrames   = 24 * 3600 * sampleRate // a day; 1.4 GB, well inside RIFF's 4 GiB
)

// header returns the file header for so many frames.
func header(frames int64) [headerBytes]byte {
	var h [headerBytes]byte
	le := binary.LittleEndian
	data := uint32(frames * frameBytes)
	copy(h[0:], "RIFF")
	le.PutUint32(h[4:], headerBytes-8+data)
	copy(h[8:], "WAVEfmt ")
	le.PutUint32(h[16:], 18)
	le.PutUint16(h[20:], 7) // WAVE_FORMAT_MULAW
	le.PutUint16(h[22:], frameBytes)
	le.PutUint32(h[24:], sampleRate)
	le.PutUint32(h[28:], sampleRate*frameBytes)
	le.PutUint16(h[32:], frameBytes)
	le.PutUint16(h[34:], 8)
	le.PutUint16(h[36:], 0)
	copy(h[38:], "fact")
	le.PutUint32(h[42:], 4)
	le.PutUint32(h[46:], uint32(frames))
	copy(h[50:], "data")
	le.PutUint32(h[54:], data)
	return h
}

// framesIn reads a recording's header and returns how many frames it promises.
func framesIn(r io.Reader) (int64, error) {
	var h [headerBytes]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, fmt.Errorf("read wav header: %w", err)
	}
	data := int64(binary.LittleEndian.Uint32(h[54:]))
	if want := header(data / frameBytes); h != want || data%frameBytes != 0 {
		return 0, fmt.Errorf("read wav header: not a recording of ours")
	}
	return data / frameBytes, nil
}

// offset returns where in the file the position is.
func offset(pos int64) int64 { return headerBytes + frameBytes*pos }
