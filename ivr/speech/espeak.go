package speech

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	defaultVoice = "en-us"
	wordsAMinute = 155 // a little slower than its own 175: phones swallow consonants
	sayTimeout   = 30 * time.Second
	maxWAV       = 32 << 20 // bytes; ten minutes at 22 kHz are 26 MB
)

// ErrMissing is wrapped by Say where espeak-ng is not installed.
var ErrMissing = errors.New("espeak-ng is not installed: install the Debian package espeak-ng")

// voiceForm is what a voice's name may look like: espeak-ng would take a path
// for one as well.
var voiceForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+_-]{0,31}$`)

// Espeak speaks with the espeak-ng program. It looks for it whenever it speaks,
// so that installing it later is enough. The zero Espeak is ready for use.
type Espeak struct {
	// Command is the program; "espeak-ng" where empty.
	Command string
}

// Say runs espeak-ng once, for at most half a minute. The text goes in by
// standard input and is never read as an option.
func (e *Espeak) Say(ctx context.Context, text, voice string) ([]byte, error) {
	if voice == "" {
		voice = defaultVoice
	}
	if err := sayable(text, voice); err != nil {
		return nil, err
	}
	command := e.Command
	if command == "" {
		command = "espeak-ng"
	}
	path, err := exec.LookPath(command)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	dir, err := os.MkdirTemp("", "ringbid-say-")
	if err != nil {
		return nil, fmt.Errorf("say prompt: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	// Into a file: only there does espeak-ng write the true length.
	out := filepath.Join(dir, "say.wav")
	ctx, cancel := context.WithTimeout(ctx, sayTimeout)
	defer cancel()
	run := exec.CommandContext(ctx, path, "-v", voice, "-s", strconv.Itoa(wordsAMinute), "-b", "1", "--stdin", "-w", out)
	var complaint bytes.Buffer
	run.Stdin, run.Stderr, run.WaitDelay = strings.NewReader(text), &complaint, time.Second
	if err := run.Run(); err != nil {
		return nil, fmt.Errorf("say prompt with voice %s: %w: %.200s", voice, err, strings.TrimSpace(complaint.String()))
	}
	info, err := os.Stat(out)
	if err != nil {
		return nil, fmt.Errorf("say prompt with voice %s: %w", voice, err)
	}
	if info.Size() > maxWAV {
		return nil, fmt.Errorf("say prompt: %d bytes of sound are over the limit of %d", info.Size(), maxWAV)
	}
	wav, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("say prompt: %w", err)
	}
	if !whole(wav) {
		return nil, fmt.Errorf("say prompt with voice %s: espeak-ng wrote no whole WAV file", voice)
	}
	return wav, nil
}

func sayable(text, voice string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("say prompt: there is no text")
	case len(text) > MaxText:
		return fmt.Errorf("say prompt: text is longer than %d bytes", MaxText)
	case !voiceForm.MatchString(voice):
		return fmt.Errorf("say prompt: %.40q is not the name of a voice", voice)
	}
	return nil
}
