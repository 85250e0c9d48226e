package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// Sender makes exchanges by plan. Its methods may be called from any goroutine.
type Sender struct {
	client *Client
	tokens TokenStore
	now    func() time.Time
}

// NewSender makes a sender. Without a store, tokens are kept in memory; without a
// clock, time.Now is asked.
func NewSender(client *Client, tokens TokenStore, now func() time.Time) *Sender {
	if tokens == nil {
		tokens = NewTokens()
	}
	if now == nil {
		now = time.Now
	}
	return &Sender{client, tokens, now}
}

// Preview makes the request of a plan without sending it, and returns its copy
// without secrets and what the map did. The error says what is unsound.
func (p *Plan) Preview(ask Ask) (string, mapping.Result, error) {
	mapped, err := p.mapped(ask)
	if err != nil {
		return "", mapped, err
	}
	cred := credentials{secret: p.x.Auth.Secret, token: Token{Access: redacted}}
	if p.x.Auth.oauth() && p.x.Settings["instance_url"] == "" {
		cred.token.Instance = standIn
	}
	if _, err := p.build(ask, mapped.Fields, cred); err != nil {
		return "", mapped, err
	}
	return p.render(ask, mapped.Fields, cred), mapped, nil
}

// mapped runs the map. Besides the lead's facts it reads settings, as "setting."
// and their name, and the delivery's id as "key".
func (p *Plan) mapped(ask Ask) (mapping.Result, error) {
	if p.x.Map == nil {
		return mapping.Result{}, nil
	}
	facts := make(map[string]string, len(ask.Facts)+len(p.x.Settings)+1)
	maps.Copy(facts, ask.Facts)
	for k, v := range p.x.Settings {
		facts["setting."+k] = v
	}
	facts["key"] = ask.Key
	r := p.x.Map.Apply(facts)
	if !r.OK() {
		return r, fmt.Errorf("map does not take the lead: %s", r.Problems[0])
	}
	return r, nil
}

// Send makes one exchange and says what came of it. It does not try again, but
// for one thing: where a token is refused, it gets another and asks once more,
// for a partner that does not know us has not taken anything.
func (s *Sender) Send(ctx context.Context, p *Plan, ask Ask) Outcome {
	mapped, err := p.mapped(ask)
	if err != nil {
		return Outcome{Class: ClassUnsound, Code: CodeMapping, Sent: SentNo, Reason: err.Error(), Mapped: mapped}
	}
	started := time.Now()
	out := s.send(ctx, p, ask, mapped.Fields)
	out.Mapped, out.Took = mapped, time.Since(started)
	return out
}

func (s *Sender) send(ctx context.Context, p *Plan, ask Ask, values []mapping.Value) Outcome {
	cred := credentials{secret: p.x.Auth.Secret}
	for stale, first := ringbid.Secret(""), true; ; first = false {
		if p.x.Auth.oauth() {
			token, refused := s.token(ctx, p.x.Auth, stale)
			if refused != nil {
				return Outcome{Class: refused.class, Code: refused.code, Sent: SentNo, Reason: p.clean(refused.text, cred), RetryAfter: refused.wait}
			}
			cred.token = token
		}
		r, err := p.build(ask, values, cred)
		if err != nil {
			return Outcome{Class: ClassUnsound, Code: CodeAddress, Sent: SentNo, Reason: err.Error()}
		}
		res, err := s.client.Do(ctx, r)
		if first && err == nil && res.Status == http.StatusUnauthorized && p.x.Auth.oauth() {
			stale = cred.token.Access
			continue
		}
		out := p.judge(res, err, s.now())
		text := readText(res.Header, res.Body)
		out.Request, out.Response = p.render(ask, values, cred), p.renderAnswer(res, text, cred)
		out.Reason, out.Note = p.clean(out.Reason, cred), p.clean(out.Note, cred)
		return out
	}
}

// judge classifies an exchange.
func (p *Plan) judge(res Response, err error, now time.Time) Outcome {
	out := Outcome{Status: res.Status, Sent: res.Sent, RetryAfter: retryAfter(res.Header, now)}
	if err != nil && !answeredAll(err, res) {
		return failed(out, err)
	}
	text := readText(res.Header, res.Body)
	if c, decided := byStatus(res.Status, out.RetryAfter); decided {
		out.Class, out.Code, out.Reason = c, CodeStatus, statusText(res.Status)
	}
	title, page := webPage(text)
	if page && p.rules.as != "text" {
		if out.Class == "" {
			out.Class, out.Code, out.Reason = ClassRejected, CodeWebPage, strings.TrimSuffix("answered with a web page: "+title, ": ")
		}
		return out
	}
	root, unread := readAnswer(text, p.rules.as)
	if res.Status/100 == 3 && res.Header.Get("Location") != "" && unread != nil {
		out.Class, out.Code, out.Reason = ClassRejected, CodeRedirect, "answered with a redirect, which is not followed"
		return out
	}
	if unread != nil {
		if out.Class == "" {
			out.Class, out.Code, out.Reason = ClassAmbiguous, CodeNotUnderstood, unread.Error()
			if res.Status >= 300 {
				out.Class = ClassRejected
			}
		}
		return out
	}
	p.byRules(&out, &view{status: res.Status, header: res.Header, text: text, root: root})
	return out
}

// byRules lets the rules speak. They may turn a status that decided into "later",
// and give it words, but not into success.
func (p *Plan) byRules(out *Outcome, v *view) {
	decided := out.Class != ""
	if !decided {
		out.Class, out.Code = ClassRejected, CodeRule
		if v.truth(p.rules.accepted) {
			out.Class, out.Code = ClassAccepted, ""
		}
		if v.contradiction != "" {
			out.Class, out.Code = ClassAmbiguous, CodeContradiction
			out.Reason = fmt.Sprintf("answer says %s twice, differently", v.contradiction)
			return
		}
	}
	if decided && out.Class == ClassServer && p.contradicts(v) {
		out.Class, out.Code = ClassAmbiguous, CodeContradiction
		out.Reason = fmt.Sprintf("%s beside words that say accepted", statusText(out.Status))
		return
	}
	if out.Class != ClassAccepted && v.truth(p.rules.retry) {
		out.Class, out.Code = ClassThrottled, CodeAsked
	}
	if seconds, err := strconv.ParseFloat(v.word(p.rules.await), 64); err == nil && out.Class == ClassThrottled && seconds > 0 {
		out.RetryAfter = max(out.RetryAfter, time.Duration(min(seconds, maxWait.Seconds())*float64(time.Second)))
	}
	out.ID = short(v.word(p.rules.id))
	if out.Class != ClassAccepted {
		if out.Class == ClassRejected {
			p.refusal(out, v)
		}
		out.Reason = short(cmp.Or(v.word(p.rules.reason), out.Reason, statusText(out.Status)))
		return
	}
	out.Unconfirmed = p.x.Answer.Unconfirmed
	if text := v.word(p.rules.price); text != "" {
		price, err := readPrice(text)
		if err != nil {
			out.Note = short(err.Error())
			return
		}
		out.Price = &price
	}
}

// refusal tells a partner who does not want it from one who could not read it,
// and both from one who said nothing at all.
func (p *Plan) refusal(out *Outcome, v *view) {
	if out.Status/100 == 2 && strings.TrimSpace(v.text) == "" {
		out.Class, out.Code, out.Reason = ClassAmbiguous, CodeNotUnderstood, "answer is empty"
		return
	}
	out.Declined = out.Code == CodeRule && out.Status/100 == 2 || out.Status == http.StatusConflict || v.truth(p.rules.declined)
}

// contradicts reports whether the words of an answer say that it was accepted,
// whatever the status says.
func (p *Plan) contradicts(v *view) bool {
	sound := &view{status: http.StatusOK, header: v.header, text: v.text, root: v.root}
	return sound.truth(p.rules.accepted) && sound.spoke
}

// readPrice reads an amount as partners write it, "$1,234.50" at the most.
func readPrice(s string) (ringbid.Money, error) {
	plain := strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "$")), ",", "")
	m, err := ringbid.ParseMoney(plain)
	if err == nil && m < 0 {
		return 0, ringbid.Errorf(ringbid.Invalid, "price %.40q is negative", s)
	}
	if err != nil {
		return 0, fmt.Errorf("price: %w", err)
	}
	return m, nil
}

// byStatus decides where the status alone does.
func byStatus(status int, wait time.Duration) (Class, bool) {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && wait > 0:
		return ClassThrottled, true
	case status == http.StatusUnauthorized, status == http.StatusProxyAuthRequired:
		return ClassAuth, true
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return ClassAmbiguous, true // the server behind may have it
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return ClassServer, true
	}
	return "", false
}

// answeredAll reports whether the partner's answer is known in spite of the
// error: a redirect that is not followed is an answer, and a status that says no
// needs no body.
func answeredAll(err error, res Response) bool {
	var e *Error
	return errors.As(err, &e) && (e.Code == CodeRedirect && res.Status != 0 || res.Status >= 400)
}

// failed classifies an exchange without a whole answer.
func failed(out Outcome, err error) Outcome {
	var e *Error
	out.Code, out.Reason = CodeProtocol, err.Error()
	if errors.As(err, &e) {
		out.Code = e.Code
	}
	switch {
	case out.Code == CodeAddress, out.Code == CodeBlocked && out.Sent != SentAnswered:
		out.Class, out.Sent = ClassUnsound, SentNo
	case out.Sent == SentNo || out.Sent == "":
		out.Class, out.Sent = ClassNeverSent, SentNo
	case out.Status == 0 && out.Sent == SentAnswered && (out.Code == CodeBlocked || out.Code == CodeRedirect):
		out.Class = ClassRejected // the answer was a redirect to where we do not go
	default:
		out.Class = ClassAmbiguous
	}
	return out
}

const maxWait = 7 * 24 * time.Hour

// retryAfter reads the header (RFC 9110, 10.2.3); 0 where it is not there.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Duration(min(max(n, 0), int64(maxWait/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(t.Sub(now), 0), maxWait)
	}
	return 0
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s", status, http.StatusText(status)))
}

// short bounds what a partner says of itself.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}
