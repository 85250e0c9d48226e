package load

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// errBencode is wrapped by what cannot be read.
var errBencode = errors.New("not bencode")

// maxDepth bounds how deep values may lie in one another.
const maxDepth = 8

// bencode writes a string, an int, a list or a map of such values.
func bencode(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString(strconv.Itoa(len(v)) + ":" + v)
	case int:
		b.WriteString("i" + strconv.Itoa(v) + "e")
	case []string:
		b.WriteByte('l')
		for _, one := range v {
			bencode(b, one)
		}
		b.WriteByte('e')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b.WriteByte('d')
		for _, k := range keys {
			bencode(b, k)
			bencode(b, v[k])
		}
		b.WriteByte('e')
	}
}

// bdecode reads one value: string, int, []any or map[string]any.
func bdecode(s string) (any, error) {
	v, rest, err := bvalue(s, 0)
	if err == nil && rest != "" {
		err = fmt.Errorf("%w: %d bytes behind the value", errBencode, len(rest))
	}
	return v, err
}

func bvalue(s string, depth int) (v any, rest string, err error) {
	switch {
	case depth > maxDepth:
		return nil, "", fmt.Errorf("%w: deeper than %d", errBencode, maxDepth)
	case s == "":
		return nil, "", fmt.Errorf("%w: ends too soon", errBencode)
	case s[0] == 'i':
		digits, rest, ok := strings.Cut(s[1:], "e")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil {
			return nil, "", fmt.Errorf("%w: number %.20q", errBencode, digits)
		}
		return n, rest, nil
	case s[0] == 'l':
		return blist(s[1:], depth)
	case s[0] == 'd':
		return bdict(s[1:], depth)
	}
	return bstring(s)
}

func bstring(s string) (v any, rest string, err error) {
	digits, rest, ok := strings.Cut(s, ":")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || n > len(rest) {
		return nil, "", fmt.Errorf("%w: string %.20q", errBencode, s)
	}
	return rest[:n], rest[n:], nil
}

func blist(s string, depth int) (v any, rest string, err error) {
	list := []any{}
	for !strings.HasPrefix(s, "e") {
		if v, s, err = bvalue(s, depth+1); err != nil {
			return nil, "", err
		}
		list = append(list, v)
	}
	return list, s[1:], nil
}

func bdict(s string, depth int) (v any, rest string, err error) {
	dict := map[string]any{}
	for !strings.HasPrefix(s, "e") {
		var key any
		if key, s, err = bvalue(s, depth+1); err != nil {
			return nil, "", err
		}
		name, ok := key.(string)
		if !ok {
			return nil, "", fmt.Errorf("%w: a key that is no string", errBencode)
		}
		if v, s, err = bvalue(s, depth+1); err != nil {
			return nil, "", err
		}
		dict[name] = v
	}
	return dict, s[1:], nil
}
