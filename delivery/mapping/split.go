package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// splitParts returns the parts of a kind, or nil for no such kind.
func splitParts(as string) []string {
	switch as {
	case "name":
		return []string{"first", "middle", "last", "suffix"}
	case "address":
		return []string{"number", "street", "unit", "city", "state", "zip", "plus4"}
	case "zip":
		return []string{"zip", "plus4"}
	}
	return nil
}

// split takes one part of a text. A part that is not there is "".
func split(as, part, s string) (string, error) {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "", nil
	}
	switch as {
	case "name":
		return splitName(s)[part], nil
	case "address":
		return splitAddress(s)[part], nil
	case "zip":
		m := zipForm.FindStringSubmatch(s)
		if m == nil {
			return "", fmt.Errorf("%.40q is not a ZIP code", s)
		}
		return map[string]string{"zip": m[1], "plus4": m[2]}[part], nil
	}
	return "", fmt.Errorf("cannot split as %q", as)
}

// splitName reads "Ann Marie van Dyke Jr." and "Dyke, Ann Marie". Particles that
// are written small belong to the last name; a name of one word is a first name.
func splitName(s string) map[string]string {
	out := map[string]string{}
	if last, rest, ok := strings.Cut(s, ","); ok && !suffix(rest) {
		out["last"] = strings.TrimSpace(last)
		words := strings.Fields(rest)
		if n := len(words); n > 1 && suffix(words[n-1]) {
			out["suffix"], words = words[n-1], words[:n-1]
		}
		if len(words) > 0 {
			out["first"], out["middle"] = words[0], strings.Join(words[1:], " ")
		}
		return out
	}
	words := strings.Fields(strings.ReplaceAll(s, ",", " "))
	if n := len(words); n > 2 && suffix(words[n-1]) {
		out["suffix"], words = words[n-1], words[:n-1]
	}
	if len(words) == 0 {
		return out
	}
	out["first"], words = words[0], words[1:]
	at := len(words) - 1
	for i, w := range words {
		if particle(w) && i < at {
			at = i
		}
	}
	if at >= 0 {
		out["middle"], out["last"] = strings.Join(words[:at], " "), strings.Join(words[at:], " ")
	}
	return out
}

func suffix(s string) bool {
	s = strings.ToLower(strings.Trim(s, " ."))
	return slices.Contains([]string{"jr", "sr", "ii", "iii", "iv", "md", "phd", "esq"}, s)
}

func particle(s string) bool {
	return slices.Contains([]string{
		"al", "bin", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "la", "le", "ten", "ter", "van", "von", "zu",
	}, s)
}

var (
	zipForm     = regexp.MustCompile(`^(\d{5})(?:[- ]?(\d{4}))?$`)
	addressTail = regexp.MustCompile(`^(.*?)[, ]*\b([A-Za-z]{2})[, ]+(\d{5})(?:-?(\d{4}))?$`)
	zipTail     = regexp.MustCompile(`^(.*?)[, ]+(\d{5})(?:-(\d{4}))?$`)
	houseNumber = regexp.MustCompile(`^(\d+[A-Za-z]?(?:[-/]\d+[A-Za-z]?)?)(?: (.*))?$`)
	unitTail    = regexp.MustCompile(`(?i)^(.*?)[, ]+((?:apt|apartment|unit|suite|ste|floor|fl|room|rm)\.? *#?[\w-]+|# ?[\w-]+)$`)
)

// splitAddress reads "123B Main St Apt 4, Austin, TX 78701-1234" and shorter
// forms of it, down to "123 Main St". Without commas, what is between the number
// and the state is all street: where a city begins cannot be told.
func splitAddress(s string) map[string]string {
	out := map[string]string{}
	if m := addressTail.FindStringSubmatch(s); m != nil && stateName(m[2]) != "" {
		s, out["state"], out["zip"], out["plus4"] = m[1], strings.ToUpper(m[2]), m[3], m[4]
	} else if m := zipTail.FindStringSubmatch(s); m != nil {
		s, out["zip"], out["plus4"] = m[1], m[2], m[3]
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	street := parts[0]
	if rest := parts[1:]; len(rest) > 0 {
		if unitTail.MatchString("x " + rest[0]) {
			out["unit"], rest = rest[0], rest[1:]
		}
		if n := len(rest); n > 1 && out["state"] == "" && stateCode(rest[n-1]) != "" {
			out["state"], rest = stateCode(rest[n-1]), rest[:n-1]
		}
		out["city"] = strings.Join(rest, ", ")
	}
	if m := houseNumber.FindStringSubmatch(street); m != nil {
		out["number"], street = m[1], m[2]
	}
	if m := unitTail.FindStringSubmatch(street); m != nil && out["unit"] == "" {
		street, out["unit"] = m[1], m[2]
	}
	out["street"] = street
	return out
}
