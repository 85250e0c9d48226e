package ringbid

import "log/slog"

// Secret is a text that must not be shown: it prints and logs as dots, and the
// store seals it before it is written. It marshals as itself, because the store
// has to see it; nothing else marshals documents for readers.
type Secret string

const dots = "••••••"

// String returns dots, or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return dots
}

// GoString returns dots, so that %#v shows nothing either.
func (s Secret) GoString() string { return s.String() }

// LogValue makes slog print dots.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// Secrets returns pointers to the document's secret fields, for sealing.
func Secrets(d Document) []*Secret {
	switch d := d.(type) {
	case *Trunk:
		return []*Secret{&d.Password, &d.Accept.Password, &d.TLS.Key}
	case *Bidder:
		return append(d.Auth.secrets(), &d.Token)
	case *Source:
		return []*Secret{&d.PostKey}
	case *Method:
		return d.Auth.secrets()
	case *Hook:
		return []*Secret{&d.Secret, &d.Before}
	}
	return nil
}
