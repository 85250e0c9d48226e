package main

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

	"github.com/ringbid/ringbid/sip/media"
)

// baresip is a softphone that answers by itself and hums.
type baresip struct {
	addr string
	ctrl net.Conn
}

func startBaresip(t *testing.T, hz float64) *baresip {
	t.Helper()
	b := &baresip{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))}
	control, rtp := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t))), freePort(t)
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("testdata", "baresip", "config"))
	if err != nil {
		t.Fatal(err)
	}
	for token, value := range map[string]string{"[sip]": b.addr, "[control]": control, "[rtp]": fmt.Sprintf("%d-%d", rtp, rtp+5), "[sound]": filepath.Join(dir, "tone.wav")} {
		text = bytes.ReplaceAll(text, []byte(token), []byte(value))
	}
	account := "<sip:sales@" + b.addr + ">;regint=0;answermode=auto;audio_codecs=PCMU\n"
	for name, data := range map[string][]byte{"config": text, "accounts": []byte(account), "contacts": nil, "tone.wav": wavOf(tone(hz, time.Minute))} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "baresip", "-f", dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("baresip (Debian package baresip): %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Log(out.String())
		}
	})
	eventually(t, 10*time.Second, "baresip listens", func() bool {
		b.ctrl, err = net.DialTimeout("tcp", control, time.Second)
		return err == nil
	})
	t.Cleanup(func() { b.ctrl.Close() })
	return b
}

// say gives the softphone a command, as a netstring.
func (b *baresip) say(t *testing.T, command string) {
	t.Helper()
	text := fmt.Sprintf(`{"command":%q}`, command)
	if _, err := fmt.Fprintf(b.ctrl, "%d:%s,", len(text), text); err != nil {
		t.Error(err)
	}
}

// wavOf writes µ-law as 8 kHz mono 16-bit PCM.
func wavOf(sound []byte) []byte {
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
