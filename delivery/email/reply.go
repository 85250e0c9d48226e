package email

import (
	"fmt"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// refusal is a recipient whom the server does not take.
type refusal struct {
	recipient string
	told      *textproto.Error
}

type refusals []refusal

// note says who does not get the letter though it was accepted.
func (r refusals) note(offered int) string {
	if len(r) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d recipients refused: %s", len(r), offered, strings.Join(r.texts(), "; "))
}

func (r refusals) texts() []string {
	var all []string
	for _, x := range r {
		all = append(all, fmt.Sprintf("%s: %d %s", x.recipient, x.told.Code, x.told.Msg))
	}
	return all
}

// mildest returns the refusal that decides where there is no other recipient:
// one that may be taken later, before one that never will.
func (r refusals) mildest() *textproto.Error {
	for _, x := range r {
		if x.told.Code/100 == 4 {
			return x.told
		}
	}
	return r[0].told
}

// greyPause is how long a server that greylists is given; most let a sender in
// after five minutes.
const greyPause = 5 * time.Minute

const maxPause = 24 * time.Hour

var (
	waitRE  = regexp.MustCompile(`(?i)gr[ea]y|try again|try later|retry|too many|too much|\brate\b|throttl|defer|limit|slow down|busy|\b4\.7\.[0-9]`)
	pauseRE = regexp.MustCompile(`(?i)\b([0-9]{1,6}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b`)
)

// asksToWait reports whether a 4yz says that it is us who should slow down. What
// it says of its own state (RFC 3463, 4.3) is not that.
func asksToWait(text string) bool {
	return !strings.HasPrefix(text, "4.3.") && waitRE.MatchString(text)
}

// pause reads for how long, "try again in 300 seconds"; 0 where it is not said.
func pause(text string) time.Duration {
	m := pauseRE.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	unit := time.Second
	switch strings.ToLower(m[2])[0] {
	case 'm':
		unit = time.Minute
	case 'h':
		unit = time.Hour
	}
	return min(time.Duration(n)*unit, maxPause)
}

// queueREs find the server's own id in the reply to a whole letter, as the common
// servers write it.
var queueREs = []*regexp.Regexp{
	regexp.MustCompile(`(?i)queued as ([^\s,;>]+)`),
	regexp.MustCompile(`\bInternalId=([0-9]+)`),
	regexp.MustCompile(`\bid=([^\s,;>]+)`),
	regexp.MustCompile(`([^\s,;>]+) Message accepted for delivery`),
	regexp.MustCompile(`(?i)^(?:2\.[0-9]+\.[0-9]+ )?ok:? +([A-Za-z0-9][A-Za-z0-9._@-]{5,})`),
}

const maxQueueID = 200 // bytes

func queueID(reply string) string {
	_, text, _ := strings.Cut(reply, " ")
	for _, re := range queueREs {
		if m := re.FindStringSubmatch(text); m != nil {
			return strings.ToValidUTF8(m[1][:min(len(m[1]), maxQueueID)], "")
		}
	}
	return ""
}
