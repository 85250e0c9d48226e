package sip

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// baresip is a softphone that answers by itself and hums.
type baresip struct {
	t    *testing.T
	addr string
	ctrl net.Conn
	out  lockedBuffer
}

func startBaresip(t *testing.T) *baresip {
	t.Helper()
	b := &baresip{t: t, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))}
	control, rtp := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t))), freePort(t)
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("testdata", "baresip", "config"))
	if err != nil {
		t.Fatal(err)
	}
	for token, value := range map[string]string{"[sip]": b.addr, "[control]": control, "[rtp]": fmt.Sprintf("%d-%d", rtp, rtp+20), "[sound]": filepath.Join(dir, "tone.wav")} {
		text = bytes.ReplaceAll(text, []byte(token), []byte(value))
	}
	account := "<sip:agent@" + b.addr + ">;regint=0;answermode=auto;audio_codecs=PCMU\n"
	for name, data := range map[string][]byte{"config": text, "accounts": []byte(account), "contacts": nil, "tone.wav": wavOf(tone(900, time.Minute))} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "baresip", "-f", dir)
	cmd.Stdout, cmd.Stderr = &b.out, &b.out
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("baresip (Debian package baresip): %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Log(b.out.String())
		}
	})
	eventually(t, "baresip", func() bool {
		b.ctrl, err = net.DialTimeout("tcp", control, time.Second)
		return err == nil
	})
	t.Cleanup(func() { b.ctrl.Close() })
	return b
}

// wavOf writes 8 kHz mono 16-bit PCM.
func wavOf(sound ringbid.Audio) []byte {
	le := binary.LittleEndian
	n := uint32(2 * len(sound))
	out := le.AppendUint32([]byte("RIFF"), 36+n)
	out = le.AppendUint32(append(out, "WAVEfmt "...), 16)
	out = append(out, 1, 0, 1, 0)
	out = le.AppendUint32(le.AppendUint32(out, 8000), 16000)
	out = append(out, 2, 0, 16, 0)
	out = le.AppendUint32(append(out, "data"...), n)
	for _, u := range sound {
		out = le.AppendUint16(out, uint16(media.DecodeULaw(u)))
	}
	return out
}

// say gives the softphone a command, as a netstring.
func (b *baresip) say(command string) {
	b.t.Helper()
	text := fmt.Sprintf(`{"command":%q}`, command)
	if _, err := fmt.Fprintf(b.ctrl, "%d:%s,", len(text), text); err != nil {
		b.t.Error(err)
	}
}

func TestSoftphoneHoldsAndResumes(t *testing.T) {
	t.Parallel()
	phone := startBaresip(t)
	talks := make(chan ringbid.Talk, 1)
	r := bareRig(t)
	r.trunks.put(&ringbid.Trunk{Name: "buyers", Address: phone.addr})
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		a := c.Dial(ctx, dialOf(c, &ringbid.Target{Name: "acme", Trunk: "buyers", User: "agent"}))
		if a.Verdict != ringbid.VerdictAnswered {
			t.Errorf("attempt %+v", a)
		}
		talks <- c.Bridge(ctx, 0)
	})
	caller := newPhone(t, nil).call(r, "+18005550100").talk()
	caller.hum(1100)
	caller.hears(900)
	phone.say("hold")
	caller.hears(700)
	phone.say("resume")
	caller.hears(900)
	phone.say("hangup")
	if talk := receive(t, "the talk", talks); talk.EndedBy != "buyer" {
		t.Errorf("talk %+v", talk)
	}
}
