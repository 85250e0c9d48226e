package ringbid

import (
	"slices"
	"strings"
)

// Prompt is something a caller or an agent hears: text for the local speech
// synthesiser, or a recording.
type Prompt struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
	// Voice is the synthesiser's voice, such as "en-us".
	Voice string `json:"voice,omitempty"`
	// File is a WAV beside the document; apply reads it into WAV.
	File string `json:"file,omitempty"`
	// WAV is the recording itself, at most 4 MB.
	WAV []byte `json:"wav,omitempty"`
	// Music is a made-up hold tune of so many seconds, for installations
	// without one of their own.
	Music int `json:"music_seconds,omitempty"`
}

// MaxPromptWAV bounds a recorded prompt, in bytes.
const MaxPromptWAV = 4 << 20

// Key identifies the prompt.
func (p *Prompt) Key() Key { return Key{KindPrompt, p.Name} }

func (p *Prompt) refs(func(string, Key)) {}

// Validate returns what is unsound in the prompt.
func (p *Prompt) Validate() []Problem {
	c := check(p)
	c.name()
	given := 0
	for _, set := range []bool{p.Text != "", p.File != "" || len(p.WAV) > 0, p.Music > 0} {
		if set {
			given++
		}
	}
	c.that(given == 1, "text", "exactly one of text, file and music_seconds is given")
	c.that(len(p.Text) <= 4000, "text", "is longer than 4000 bytes")
	c.that(len(p.WAV) <= MaxPromptWAV, "wav", "is longer than %d bytes", MaxPromptWAV)
	c.between("music_seconds", p.Music, 0, 120)
	return c.problems
}

// Role is what a user may see and do.
type Role string

// The roles.
const (
	RoleOperator  Role = "operator"  // everything
	RoleQA        Role = "qa"        // calls, recordings, scores
	RoleAgent     Role = "agent"     // own screen pops
	RoleBuyer     Role = "buyer"     // the rows of one buyer
	RolePublisher Role = "publisher" // the rows of one publisher
)

// User is someone who signs in.
type User struct {
	Name      string `json:"name"` // what they sign in with
	Title     string `json:"title,omitempty"`
	Role      Role   `json:"role"`
	Buyer     string `json:"buyer,omitempty"`     // for agents and buyers
	Publisher string `json:"publisher,omitempty"` // for publishers
	// Password is plain in the operator's document only: apply replaces it by
	// PasswordHash (bcrypt) before anything is stored.
	Password     string `json:"password,omitempty"`
	PasswordHash string `json:"password_hash,omitempty"`
	Disabled     bool   `json:"disabled,omitempty"`
	// Phone rings when the user supervises a call: an operator or QA only.
	Phone *Extension `json:"phone,omitempty"`
}

// Key identifies the user.
func (u *User) Key() Key { return Key{KindUser, u.Name} }

func (u *User) refs(need func(string, Key)) {
	if u.Buyer != "" {
		need("buyer", Key{KindBuyer, u.Buyer})
	}
	if u.Publisher != "" {
		need("publisher", Key{KindPublisher, u.Publisher})
	}
	if u.Phone != nil {
		need("phone.trunk", Key{KindTrunk, u.Phone.Trunk})
	}
}

// Validate returns what is unsound in the user.
func (u *User) Validate() []Problem {
	c := check(u)
	c.name()
	roles := []Role{RoleOperator, RoleQA, RoleAgent, RoleBuyer, RolePublisher}
	c.that(slices.Contains(roles, u.Role), "role", "%.20q is not operator, qa, agent, buyer or publisher", u.Role)
	c.that((u.Role != RoleBuyer && u.Role != RoleAgent) || u.Buyer != "", "buyer", "is missing for a %s", u.Role)
	c.that(u.Role != RolePublisher || u.Publisher != "", "publisher", "is missing for a publisher")
	c.that(u.Password == "" || len(u.Password) >= 8 && len(u.Password) <= 72, "password", "needs 8 to 72 bytes")
	c.that(u.Password != "" || strings.HasPrefix(u.PasswordHash, "$2"), "password", "is missing")
	if p := u.Phone; p != nil {
		c.that(u.Role == RoleOperator || u.Role == RoleQA, "phone", "is for an operator or qa only")
		c.that(p.Trunk != "", "phone.trunk", "is missing")
		c.that(SIPUser(p.User), "phone.user", "%.80q is not a number or SIP user", p.User)
	}
	return c.problems
}
