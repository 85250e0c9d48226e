package speech

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// rendering is part of every key; a new one makes everything be said again.
const rendering = "1"

// Cache is a Voice that keeps what another one said in a folder, one file for
// each text and voice. Several processes may share the folder.
type Cache struct {
	dir   string
	voice Voice
}

// NewCache keeps in the folder what the voice says. The folder is made when
// there is something to keep.
func NewCache(dir string, voice Voice) *Cache { return &Cache{dir: dir, voice: voice} }

// NewEspeak returns the voice of espeak-ng with a cache in the folder.
func NewEspeak(dir string) *Cache { return NewCache(dir, new(Espeak)) }

// Say returns what is kept, or has it said and keeps it. A file that is not
// whole is said again. Where it cannot be kept, what was said is returned all
// the same.
func (c *Cache) Say(ctx context.Context, text, voice string) ([]byte, error) {
	path := filepath.Join(c.dir, key(text, voice)+".wav")
	if wav, err := os.ReadFile(path); err == nil && whole(wav) {
		return wav, nil
	}
	wav, err := c.voice.Say(ctx, text, voice)
	if err != nil {
		return nil, err
	}
	_ = c.keep(path, wav) // the next start says it again, no more
	return wav, nil
}

// keep writes beside the name and renames, so that nobody reads half a file.
func (c *Cache) keep(path string, wav []byte) error {
	if err := os.MkdirAll(c.dir, 0o750); err != nil {
		return fmt.Errorf("keep prompt: %w", err)
	}
	f, err := os.CreateTemp(c.dir, "part-")
	if err != nil {
		return fmt.Errorf("keep prompt: %w", err)
	}
	_, err = f.Write(wav)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("keep prompt: %w", err)
	}
	return nil
}

func key(text, voice string) string {
	sum := sha256.Sum256([]byte(rendering + "\x00" + voice + "\x00" + text))
	return hex.EncodeToString(sum[:])
}

// whole reports whether the file is as long as its RIFF header says.
func whole(wav []byte) bool {
	return len(wav) > 44 && string(wav[:4]) == "RIFF" && string(wav[8:12]) == "WAVE" &&
		uint64(binary.LittleEndian.Uint32(wav[4:8]))+8 == uint64(len(wav))
}
