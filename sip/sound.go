package sip

import (
	"bytes"
	"sync"
	"time"
	"unsafe"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// maxClips bounds the prompts kept ready to be played.
const maxClips = 128

// clips keeps prompts in the form the media plane plays. Prompts are shared and
// never change, so that the place in memory names one; a kept prompt keeps its
// place.
type clips struct {
	mu       sync.Mutex
	ready    map[soundKey]keptClip
	ringback *media.Clip
	music    *media.Clip
	silence  *media.Clip
}

type soundKey struct {
	at *byte
	n  int
}

type keptClip struct {
	audio ringbid.Audio
	clip  *media.Clip
}

func newClips(music ringbid.Audio) *clips {
	c := &clips{ready: map[soundKey]keptClip{}, ringback: media.Ringback(),
		silence: media.ClipFromULaw(bytes.Repeat([]byte{0xff}, 160))}
	if len(music) > 0 {
		c.music = media.ClipFromULaw(music)
	} else {
		c.music = media.Tone([]float64{440, 554.37}, 400*time.Millisecond, 3600*time.Millisecond, 4*time.Second, 0.1)
	}
	return c
}

func keyOf(a ringbid.Audio) soundKey { return soundKey{unsafe.SliceData(a), len(a)} }

// of returns the clip of a prompt.
func (c *clips) of(a ringbid.Audio) *media.Clip {
	if len(a) == 0 {
		return &media.Clip{}
	}
	key := keyOf(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.ready[key]; ok {
		return k.clip
	}
	if len(c.ready) >= maxClips {
		clear(c.ready)
	}
	k := keptClip{a, media.ClipFromULaw(a)}
	c.ready[key] = k
	return k.clip
}
