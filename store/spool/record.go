package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A record is, in little-endian order:
//
//	magic    4 bytes
//	kind     1 byte: 'A' holds a record, 'R' says that the named one is done
//	nameLen  2 bytes
//	dataLen  4 bytes
//	checksum 4 bytes, CRC-32C over kind, lengths, name and data
//	name, data
const headSize = 15

const (
	kindAppend = 'A'
	kindRemove = 'R'
)

// MaxRecord bounds the data of one record, in bytes.
const MaxRecord = 16 << 20

// MaxName bounds a record's name, in bytes.
const MaxName = 200

var magic = [4]byte{0xd1, 'R', 'B', 0x9e}

type record struct {
	kind byte
	name string
	data []byte
}

func checksum(head, name, data []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, head)
	sum = crc32.Update(sum, table, name)
	return crc32.Update(sum, table, data)
}

func encode(r record) []byte {
	b := make([]byte, headSize, headSize+len(r.name)+len(r.data))
	copy(b, magic[:])
	b[4] = r.kind
	binary.LittleEndian.PutUint16(b[5:], uint16(len(r.name)))
	binary.LittleEndian.PutUint32(b[7:], uint32(len(r.data)))
	binary.LittleEndian.PutUint32(b[11:], checksum(b[4:11], []byte(r.name), r.data))
	b = append(b, r.name...)
	return append(b, r.data...)
}

// found is what scan met at an offset: a sound record, or bytes that are none.
type found struct {
	record
	at   int
	size int
	torn bool // not a record; size bytes to set aside
}

// scan walks over the bytes of a segment. Whatever it is given, every byte is
// reported exactly once, as part of a record or as torn.
func scan(b []byte, each func(found)) {
	torn := -1
	flush := func(end int) {
		if torn >= 0 {
			each(found{at: torn, size: end - torn, torn: true})
			torn = -1
		}
	}
	for at := 0; at < len(b); {
		r, size, ok := decode(b[at:])
		if ok {
			flush(at)
			each(found{record: r, at: at, size: size})
			at += size
			continue
		}
		if torn < 0 {
			torn = at
		}
		next := bytes.Index(b[at+1:], magic[:])
		if next < 0 {
			break
		}
		at += 1 + next
	}
	flush(len(b))
}

// decode reads the record that b begins with. The data shares b's memory.
func decode(b []byte) (r record, size int, ok bool) {
	if len(b) < headSize || !bytes.Equal(b[:4], magic[:]) {
		return record{}, 0, false
	}
	name, data := int(binary.LittleEndian.Uint16(b[5:])), int(binary.LittleEndian.Uint32(b[7:]))
	size = headSize + name + data
	if name > MaxName || data > MaxRecord || size > len(b) || (b[4] != kindAppend && b[4] != kindRemove) {
		return record{}, 0, false
	}
	r = record{kind: b[4], name: string(b[headSize : headSize+name]), data: b[headSize+name : size]}
	sum := checksum(b[4:11], b[headSize:headSize+name], r.data)
	return r, size, sum == binary.LittleEndian.Uint32(b[11:])
}
