package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringbid/ringbid"
)

// sealedPrefix begins every sealed text: "sealed:<key id>:<base64>".
const sealedPrefix = "sealed:"

// keyset seals secrets with AES-256-GCM. New secrets are sealed with the last
// key of the file; older keys still open what they sealed.
type keyset struct {
	keys map[string]cipher.AEAD
	last string
}

// loadKeys reads a key file: a line a key, "<id> <64 hex digits>". A missing
// file is made, with one key, readable by its owner only.
func loadKeys(path string) (*keyset, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		b, err = makeKeys(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s can be read by others: chmod 600 it (%w)", path, errors.Join(err, os.ErrPermission))
	}
	k := &keyset{keys: map[string]cipher.AEAD{}}
	for line := range strings.Lines(string(b)) {
		id, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if id == "" {
			continue
		}
		key, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil || len(key) != 32 || strings.Contains(id, ":") {
			return nil, fmt.Errorf("key file %s: key %.20q is not 64 hex digits", path, id)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		if k.keys[id], err = cipher.NewGCM(block); err != nil {
			return nil, err
		}
		k.last = id
	}
	if k.last == "" {
		return nil, fmt.Errorf("key file %s is empty", path)
	}
	return k, nil
}

// makeKeys writes a fresh key file beside its place and links it there, so that
// of two processes one wins and both read the same.
func makeKeys(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	var id [4]byte
	var key [32]byte
	_, _ = rand.Read(id[:]) // crypto/rand never fails on supported systems
	_, _ = rand.Read(key[:])
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "%x %x\n", id, key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

func (k *keyset) seal(owner ringbid.Key, plain string) string {
	if plain == "" {
		return ""
	}
	aead := k.keys[k.last]
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	box := aead.Seal(nonce, nonce, []byte(plain), []byte(owner.String()))
	return sealedPrefix + k.last + ":" + base64.RawStdEncoding.EncodeToString(box)
}

func (k *keyset) open(owner ringbid.Key, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	rest, ok := strings.CutPrefix(sealed, sealedPrefix)
	id, text, _ := strings.Cut(rest, ":")
	aead := k.keys[id]
	if !ok || aead == nil {
		return "", fmt.Errorf("secret of %s is sealed with key %.20q, which is not in the key file", owner, id)
	}
	box, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(box) < aead.NonceSize() {
		return "", fmt.Errorf("secret of %s is damaged", owner)
	}
	plain, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], []byte(owner.String()))
	if err != nil {
		return "", fmt.Errorf("secret of %s does not open with the key file's key %s", owner, id)
	}
	return string(plain), nil
}
