package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
)

// wire is what a post is written in.
type wire string

const (
	wireJSON      wire = "json"
	wireXML       wire = "xml"
	wireForm      wire = "form"
	wireMultipart wire = "multipart"
)

// wires are the content types that say what a body is; "" leaves it to the look
// of it.
var wires = map[string]wire{
	"application/json": wireJSON, "text/json": wireJSON,
	"application/xml": wireXML, "text/xml": wireXML,
	"application/x-www-form-urlencoded": wireForm, "multipart/form-data": wireMultipart,
	"": "", "text/plain": "", "application/octet-stream": "",
}

// content is a body and what is said of it.
type content struct {
	wire    wire
	charset string
	mark    string // between the parts of a multipart body
	body    []byte
}

// readPost adds the fields of the request's body to f, and says what it was
// written in, as far as that is known. The error is a refusal, or Invalid with
// words for the publisher.
func readPost(w http.ResponseWriter, r *http.Request, f *fields) (wire, error) {
	c, err := readContent(w, r)
	if err != nil {
		return c.wire, err
	}
	if len(bytes.TrimSpace(c.body)) == 0 {
		if len(f.list) > 0 {
			return c.wire, nil // all of it stood in the address
		}
		return c.wire, ringbid.Errorf(ringbid.Invalid, "the body is empty")
	}
	return c.wire, c.read(f)
}

func (c content) read(f *fields) error {
	switch c.wire {
	case wireForm:
		return readForm(string(c.body), c.charset, f)
	case wireMultipart:
		return readMultipart(c.body, c.mark, c.charset, f)
	}
	text, err := decode(c.body, c.charset)
	if err != nil {
		return err
	}
	if c.wire == wireXML {
		return readXML(text, f)
	}
	return readJSON(text, f)
}

// readContent reads the body and finds out what it is.
func readContent(w http.ResponseWriter, r *http.Request) (c content, err error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) && r.Header.Get("Content-Type") != "" {
		return c, unsupported("the Content-Type cannot be read")
	}
	known := false
	if c.wire, known = wires[kind]; !known {
		if c.wire, known = byEnding(kind); !known {
			return c, unsupported("a body of this Content-Type is not read: send application/json, application/xml, application/x-www-form-urlencoded or multipart/form-data")
		}
	}
	c.charset, c.mark = params["charset"], params["boundary"]
	if c.body, err = readBody(w, r); err != nil {
		return c, err
	}
	if look := looksLike(c.body); c.wire == "" || c.wire == wireForm && look != wireForm && look != "" {
		c.wire = look // a form never begins like a document: curl -d says form of everything
	}
	if c.wire == "" && len(bytes.TrimSpace(c.body)) > 0 {
		return c, unsupported("the body is not JSON, XML or a form: say in Content-Type what it is")
	}
	if c.wire == wireXML && c.charset == "" {
		c.charset = declared(c.body)
	}
	return c, nil
}

func byEnding(kind string) (wire, bool) {
	switch {
	case strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"):
		return wireJSON, true
	case strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+xml"):
		return wireXML, true
	}
	return "", false
}

func looksLike(body []byte) wire {
	b := bytes.TrimSpace(bytes.TrimPrefix(body, []byte(utf8Mark)))
	switch {
	case len(b) == 0:
		return ""
	case b[0] == '{' || b[0] == '[':
		return wireJSON
	case b[0] == '<':
		return wireXML
	case bytes.IndexByte(b, '=') > 0:
		return wireForm
	}
	return ""
}

// readBody reads and unpacks the body, neither larger than maxPost.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPost))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge("the body is larger than 64 KB")
	case err != nil:
		return nil, ringbid.Errorf(ringbid.Invalid, "the body did not arrive whole")
	}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return b, nil
	case "gzip", "x-gzip":
		return unzip(b)
	}
	return nil, unsupported("of content encodings only gzip is read")
}

func unzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "Content-Encoding says gzip, and the body is not")
	}
	out, err := io.ReadAll(io.LimitReader(z, maxPost+1))
	switch {
	case len(out) > maxPost:
		return nil, tooLarge("the body is larger than 64 KB when it is unpacked")
	case err != nil:
		return nil, ringbid.Errorf(ringbid.Invalid, "the gzip of the body is damaged or ends in the middle")
	}
	return out, nil
}

const utf8Mark = "\xef\xbb\xbf"

var encodingForm = regexp.MustCompile(`^\s*<\?xml[^>]{0,100}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']`)

// declared returns the charset that an XML document claims for itself.
func declared(body []byte) string {
	m := encodingForm.FindSubmatch(bytes.TrimPrefix(body, []byte(utf8Mark)))
	if m == nil {
		return ""
	}
	return string(m[1])
}

// decode makes UTF-8 of a text in the charset.
func decode(b []byte, charset string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(charset)) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		b = bytes.TrimPrefix(b, []byte(utf8Mark))
		if !utf8.Valid(b) {
			return "", ringbid.Errorf(ringbid.Invalid, "the text is not UTF-8; if it is ISO-8859-1, say so in Content-Type: charset=ISO-8859-1")
		}
		return string(b), nil
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "windows-1252", "cp1252":
		return western(b), nil
	}
	return "", unsupported("of charsets only UTF-8 and ISO-8859-1 are read")
}

// westernHigh are the characters of the bytes 0x80 to 0x9f. Who says ISO-8859-1
// means Windows-1252 (WHATWG Encoding section 4.2), where quotes and dashes
// stand in the place of control characters.
const westernHigh = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

func western(b []byte) string {
	high := []rune(westernHigh)
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
		if c >= 0x80 && c < 0xa0 {
			out[i] = high[c-0x80]
		}
	}
	return string(out)
}
