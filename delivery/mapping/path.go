package mapping

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// step is one segment of a path.
type step struct {
	name  string
	index int // of a list; -1 for a name
}

// parsePath reads a target's path.
func parsePath(s string) ([]step, error) {
	if len(s) > maxPath || !utf8.ValidString(s) {
		return nil, fmt.Errorf("path is longer than %d bytes or not UTF-8", maxPath)
	}
	var (
		steps []step
		b     strings.Builder
		plain = true // no escape in this segment
	)
	end := func() error {
		st, err := newStep(b.String(), plain)
		steps, plain = append(steps, st), true
		b.Reset()
		return err
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
			plain = false
		case c == '.':
			if err := end(); err != nil {
				return nil, err
			}
		default:
			b.WriteByte(c)
		}
	}
	if err := end(); err != nil {
		return nil, err
	}
	if len(steps) > maxDepth {
		return nil, fmt.Errorf("path is deeper than %d", maxDepth)
	}
	return steps, nil
}

func newStep(name string, plain bool) (step, error) {
	if name == "" {
		return step{}, errors.New("path has an empty segment")
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return step{}, errors.New("path has control characters")
	}
	if !plain || strings.Trim(name, "0123456789") != "" {
		return step{name, -1}, nil
	}
	n, err := strconv.Atoi(name)
	if err != nil || n > maxIndex {
		return step{}, fmt.Errorf("place in a list is beyond %d", maxIndex)
	}
	return step{name, n}, nil
}
