package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/ringbid/ringbid"
)

// readForm adds the pairs of a form or of an address's query.
func readForm(text, charset string, f *fields) error {
	for pair := range strings.SplitSeq(strings.TrimSpace(text), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescape(name, charset)
		if err != nil {
			return err
		}
		if value, err = unescape(value, charset); err != nil {
			return err
		}
		if err := f.add(name, name, value); err != nil {
			return err
		}
	}
	return nil
}

func unescape(s, charset string) (string, error) {
	raw, err := url.QueryUnescape(s)
	if err != nil {
		return "", ringbid.Errorf(ringbid.Invalid, "the form is malformed: a %% is not followed by two digits")
	}
	return decode([]byte(raw), charset)
}

// readMultipart adds the parts of a form of parts. Files are not taken.
func readMultipart(body []byte, mark, charset string, f *fields) error {
	if mark == "" {
		return ringbid.Errorf(ringbid.Invalid, "the Content-Type names no boundary")
	}
	r := multipart.NewReader(bytes.NewReader(body), mark)
	for {
		part, err := r.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return ringbid.Errorf(ringbid.Invalid, "the form of parts is malformed or ends in the middle")
		}
		if err := readPart(part, charset, f); err != nil {
			return err
		}
	}
}

func readPart(part *multipart.Part, charset string, f *fields) error {
	kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	name, nameErr := decode([]byte(part.FormName()), charset)
	switch {
	case nameErr != nil:
		return nameErr
	case part.FileName() != "":
		f.problem(name, "is a file; only text is taken")
		return nil
	case err == nil && kind != "text/plain":
		f.problem(name, "is not plain text")
		return nil
	case err == nil && params["charset"] != "":
		charset = params["charset"]
	}
	b, err := io.ReadAll(io.LimitReader(part, maxValue+1))
	if err != nil {
		return ringbid.Errorf(ringbid.Invalid, "the form of parts ends in the middle")
	}
	text := string(b)
	if len(b) <= maxValue {
		if text, err = decode(b, charset); err != nil {
			return err
		}
	}
	return f.add(name, name, text)
}
