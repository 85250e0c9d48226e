package media

import (
	"errors"
	"io"
)

// ErrWAV is wrapped by the errors of ReadWAV about a file that is not usable audio.
var ErrWAV = errors.New("unusable wav file")

// ReadWAV reads a RIFF/WAVE file.
func ReadWAV(r io.Reader, limit int64) (*Clip, error) { return nil, ErrWAV }
