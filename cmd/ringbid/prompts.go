package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"maps"
	"strconv"
	"sync"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/ivr/speech"
	"github.com/ringbid/ringbid/sip/media"
)

// prompts holds every prompt of the published documents as sound, made ready
// before a call asks for it.
type prompts struct {
	voice speech.Voice
	log   *slog.Logger

	mu    sync.RWMutex
	sound map[[32]byte]ringbid.Audio
}

func newPrompts(voice speech.Voice, log *slog.Logger) *prompts {
	return &prompts{voice: voice, log: log, sound: map[[32]byte]ringbid.Audio{}}
}

// get returns a prompt's sound; Unavailable where it is not ready, so that the
// call goes on without it instead of waiting.
func (p *prompts) get(doc *ringbid.Prompt) (ringbid.Audio, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if a, ok := p.sound[content(doc)]; ok {
		return a, nil
	}
	return nil, ringbid.Errorf(ringbid.Unavailable, "prompt %s is not ready", doc.Name)
}

// prepare makes the sound of every prompt of the book that is not ready yet. A
// prompt that cannot be made is logged; the others are made all the same.
func (p *prompts) prepare(ctx context.Context, book *ringbid.Book) {
	for _, doc := range book.Prompts {
		key := content(doc)
		p.mu.RLock()
		_, ok := p.sound[key]
		p.mu.RUnlock()
		if ok {
			continue
		}
		a, err := p.make(ctx, doc)
		if err != nil {
			p.log.Error("prompt not made", "prompt", doc.Name, "error", err)
			continue
		}
		p.mu.Lock()
		p.sound[key] = a
		p.mu.Unlock()
	}
}

// forget drops the sound of prompts that the book does not hold.
func (p *prompts) forget(book *ringbid.Book) {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := make(map[[32]byte]bool, len(book.Prompts))
	for _, doc := range book.Prompts {
		held[content(doc)] = true
	}
	maps.DeleteFunc(p.sound, func(key [32]byte, _ ringbid.Audio) bool { return !held[key] })
}

func (p *prompts) make(ctx context.Context, doc *ringbid.Prompt) (ringbid.Audio, error) {
	if doc.Music > 0 {
		return ringbid.Audio(speech.Music(doc.Music)), nil
	}
	wav := doc.WAV
	if doc.Text != "" {
		var err error
		if wav, err = p.voice.Say(ctx, doc.Text, doc.Voice); err != nil {
			return nil, err
		}
	}
	clip, err := media.ReadWAV(bytes.NewReader(wav), ringbid.MaxPromptWAV)
	if err != nil {
		return nil, err
	}
	return ringbid.Audio(clip.ULaw()), nil
}

// content names a prompt by what is heard, so that a renamed or unchanged one
// is not made again.
func content(doc *ringbid.Prompt) [32]byte {
	h := sha256.New()
	for _, s := range []string{doc.Text, doc.Voice, strconv.Itoa(doc.Music)} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(doc.WAV)
	return [32]byte(h.Sum(nil))
}
