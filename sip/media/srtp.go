package media

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
)

// Suite is an SRTP crypto suite, by its name in SDP (RFC 4568 section 6.2, RFC
// 7714 section 14.2).
type Suite string

// The suites of the plane.
const (
	AESCM80 Suite = "AES_CM_128_HMAC_SHA1_80"
	AESCM32 Suite = "AES_CM_128_HMAC_SHA1_32"
	AESGCM  Suite = "AEAD_AES_128_GCM"
)

// Key is an SRTP master key followed by its salt, for one direction: 16 and 14
// bytes for AES_CM, 16 and 12 for AEAD_AES_128_GCM.
type Key struct {
	Suite  Suite
	Master []byte
}

const (
	masterKeyLen = 16
	gcmSaltLen   = 12
	cmSaltLen    = 14
	gcmTagLen    = 16
	shaTagLen    = 10 // of AES_CM suites, for SRTP of _80 and SRTCP of both
	srtcpTrailer = 4  // E flag and index (RFC 3711 section 3.4)
	maxTagLen    = gcmTagLen + srtcpTrailer
)

// Labels of the key derivation (RFC 3711 section 4.3.2).
const (
	labelRTP  = 0
	labelRTCP = 3
)

// cryption seals and opens packets with the session keys of one master key, one
// for RTP and one for RTCP. It owns the memory it works in, so that nothing is
// allocated for a packet.
type cryption struct {
	block cipher.Block // AES_CM
	mac   hash.Hash
	tag   int         // bytes of the tag
	aead  cipher.AEAD // AEAD_AES_128_GCM, nil for AES_CM
	salt  [cmSaltLen]byte

	iv, stream [aes.BlockSize]byte
	nonce      [gcmSaltLen]byte
	word       [4]byte
	sum        [sha1.Size]byte
	aad        [12]byte
}

// newCryption derives the session keys; rtcp says for which kind of packet.
func newCryption(k Key, rtcp bool) (*cryption, error) {
	salt := cmSaltLen
	switch k.Suite {
	case AESCM80, AESCM32:
	case AESGCM:
		salt = gcmSaltLen
	default:
		return nil, fmt.Errorf("srtp: suite %.40q is not known", string(k.Suite))
	}
	if len(k.Master) != masterKeyLen+salt {
		return nil, fmt.Errorf("srtp: key of %d bytes for %s", len(k.Master), k.Suite)
	}
	label := byte(labelRTP)
	if rtcp {
		label = labelRTCP
	}
	block, err := aes.NewCipher(derive(k.Master, label, masterKeyLen))
	if err != nil {
		return nil, fmt.Errorf("srtp: %w", err)
	}
	c := &cryption{block: block, tag: shaTagLen}
	copy(c.salt[:salt], derive(k.Master, label+2, salt))
	switch {
	case k.Suite == AESGCM:
		c.tag = gcmTagLen
		if c.aead, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("srtp: %w", err)
		}
	case k.Suite == AESCM32 && !rtcp:
		c.tag = 4
	}
	if c.aead == nil {
		c.mac = hmac.New(sha1.New, derive(k.Master, label+1, sha1.Size))
	}
	return c, nil
}

// derive is the key derivation of RFC 3711 section 4.3 at rate 0: a key stream
// of AES in counter mode from the salt and the label.
func derive(master []byte, label byte, size int) []byte {
	block, _ := aes.NewCipher(master[:masterKeyLen]) // 16 bytes are a key
	var iv [aes.BlockSize]byte
	copy(iv[:cmSaltLen], master[masterKeyLen:])
	iv[7] ^= label
	out := make([]byte, size)
	cipher.NewCTR(block, iv[:]).XORKeyStream(out, out)
	return out
}

// seal writes the RTP packet src, whose header is head bytes long, encrypted and
// with its tag to dst, which has room for maxTagLen more, and returns its length.
func (c *cryption) seal(dst, src []byte, head int, index uint64) int {
	ssrc := binary.BigEndian.Uint32(src[8:])
	n := copy(dst, src[:head])
	if c.aead != nil {
		c.gcmNonce(ssrc, index)
		return len(c.aead.Seal(dst[:n], c.nonce[:], src[head:], dst[:n]))
	}
	c.counter(dst[head:len(src)], src[head:], ssrc, index)
	binary.BigEndian.PutUint32(c.word[:], uint32(index>>16))
	return len(src) + copy(dst[len(src):], c.digest(dst[:len(src)])[:c.tag])
}

// open checks the tag of the packet b and decrypts it in place; it returns the
// length without the tag. What does not pass is left as it was.
func (c *cryption) open(scratch, b []byte, head int, index uint64) (n int, ok bool) {
	n = len(b) - c.tag
	if n < head {
		return 0, false
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	if c.aead != nil {
		c.gcmNonce(ssrc, index)
		clear, err := c.aead.Open(scratch[:0], c.nonce[:], b[head:], b[:head])
		copy(b[head:], clear)
		return n, err == nil
	}
	binary.BigEndian.PutUint32(c.word[:], uint32(index>>16))
	if subtle.ConstantTimeCompare(c.digest(b[:n])[:c.tag], b[n:]) != 1 {
		return 0, false
	}
	c.counter(b[head:n], b[head:n], ssrc, index)
	return n, true
}

// sealReport is seal for a compound RTCP packet (RFC 3711 section 3.4, RFC 7714
// section 9).
func (c *cryption) sealReport(dst, src []byte, index uint32) int {
	const head = 8
	ssrc := binary.BigEndian.Uint32(src[4:])
	n := copy(dst, src[:head])
	binary.BigEndian.PutUint32(c.word[:], 1<<31|index)
	if c.aead != nil {
		c.gcmReport(ssrc, index, src)
		n = len(c.aead.Seal(dst[:n], c.nonce[:], src[head:], c.aad[:]))
		return n + copy(dst[n:n+srtcpTrailer], c.word[:])
	}
	c.counter(dst[head:len(src)], src[head:], ssrc, uint64(index))
	n = len(src)
	tag := c.digest(dst[:n])
	n += copy(dst[n:n+srtcpTrailer], c.word[:])
	return n + copy(dst[n:], tag[:c.tag])
}

// openReport is open for RTCP. A packet that is not encrypted is refused: none
// of the suites allows that.
func (c *cryption) openReport(scratch, b []byte, index uint32) (n int, ok bool) {
	const head = 8
	n = len(b) - c.tag - srtcpTrailer
	if n < head {
		return 0, false
	}
	ssrc := binary.BigEndian.Uint32(b[4:])
	if c.aead != nil {
		copy(c.word[:], b[len(b)-srtcpTrailer:])
		c.gcmReport(ssrc, index, b)
		clear, err := c.aead.Open(scratch[:0], c.nonce[:], b[head:len(b)-srtcpTrailer], c.aad[:])
		copy(b[head:], clear)
		return n, err == nil
	}
	copy(c.word[:], b[n:])
	if subtle.ConstantTimeCompare(c.digest(b[:n])[:c.tag], b[n+srtcpTrailer:]) != 1 {
		return 0, false
	}
	c.counter(b[head:n], b[head:n], ssrc, uint64(index))
	return n, true
}

// reportIndex is the E flag and the index of a sealed RTCP packet.
func (c *cryption) reportIndex(b []byte) (index uint32, encrypted bool) {
	at := len(b) - srtcpTrailer
	if c.aead == nil {
		at -= c.tag
	}
	if at < 8 {
		return 0, false
	}
	word := binary.BigEndian.Uint32(b[at:])
	return word &^ (1 << 31), word>>31 == 1
}

// counter is AES in counter mode (RFC 3711 section 4.1.1).
func (c *cryption) counter(dst, src []byte, ssrc uint32, index uint64) {
	c.iv = [aes.BlockSize]byte{}
	copy(c.iv[:], c.salt[:])
	xor32(c.iv[4:], ssrc)
	xor32(c.iv[8:], uint32(index>>16))
	c.iv[12] ^= byte(index >> 8)
	c.iv[13] ^= byte(index)
	for i := uint16(0); len(src) > 0; i++ {
		binary.BigEndian.PutUint16(c.iv[14:], i)
		c.block.Encrypt(c.stream[:], c.iv[:])
		n := subtle.XORBytes(dst, src, c.stream[:])
		dst, src = dst[n:], src[n:]
	}
}

// digest is the tag over b and c.word.
func (c *cryption) digest(b []byte) []byte {
	c.mac.Reset()
	_, _ = c.mac.Write(b)
	_, _ = c.mac.Write(c.word[:])
	return c.mac.Sum(c.sum[:0])
}

// gcmNonce is the nonce of RFC 7714 section 8.1.
func (c *cryption) gcmNonce(ssrc uint32, index uint64) {
	copy(c.nonce[:], c.salt[:])
	xor32(c.nonce[2:], ssrc)
	xor32(c.nonce[6:], uint32(index>>16))
	c.nonce[10] ^= byte(index >> 8)
	c.nonce[11] ^= byte(index)
}

// gcmReport is the nonce and the associated data of RFC 7714 section 9.
func (c *cryption) gcmReport(ssrc, index uint32, b []byte) {
	copy(c.nonce[:], c.salt[:])
	xor32(c.nonce[2:], ssrc)
	xor32(c.nonce[8:], index)
	copy(c.aad[:], b[:8])
	copy(c.aad[8:], c.word[:])
}

func xor32(b []byte, v uint32) {
	binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)^v)
}
