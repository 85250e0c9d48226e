package siptest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SoftphoneConfig describes a baresip softphone (Debian package baresip).
type SoftphoneConfig struct {
	User    string   // default "agent"
	Account string   // more parameters of its account, such as ";mediaenc=srtp"
	Modules []string // beside g711, aubridge, aufile, account, menu and ctrl_tcp
	Config  []string // more lines of its configuration
	Hz      float64  // what it hums; default 900
	Codecs  string   // default "PCMU"
	Manual  bool     // does not answer by itself
}

// Softphone is a running baresip that answers by itself and hums.
type Softphone struct {
	t testing.TB
	// Addr is where it listens for SIP, "127.0.0.1:port".
	Addr string
	// Output is all it prints.
	Output Output
	ctrl   net.Conn
}

// StartSoftphone starts baresip and waits until it takes commands.
func StartSoftphone(t testing.TB, c SoftphoneConfig) *Softphone {
	t.Helper()
	if c.User == "" {
		c.User = "agent"
	}
	if c.Hz == 0 {
		c.Hz = 900
	}
	if c.Codecs == "" {
		c.Codecs = "PCMU"
	}
	p := &Softphone{t: t, Addr: Loopback(FreePort(t))}
	control, rtp, dir := Loopback(FreePort(t)), FreePort(t), t.TempDir()
	mode := ";answermode=auto"
	if c.Manual {
		mode = ""
	}
	account := fmt.Sprintf("<sip:%s@%s>;regint=0%s;audio_codecs=%s%s\n", c.User, p.Addr, mode, c.Codecs, c.Account)
	if strings.HasPrefix(c.Account, "<") {
		account = c.Account + "\n"
	}
	files := map[string][]byte{
		"accounts": []byte(account), "contacts": nil, "tone.wav": Wav(Tone(c.Hz, time.Minute)),
		"config": []byte(softphoneConfig(c, p.Addr, control, rtp, dir)),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "baresip", "-f", dir)
	cmd.Stdout, cmd.Stderr = &p.Output, &p.Output
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("baresip (Debian package baresip): %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Log(p.Output.String())
		}
	})
	Eventually(t, "baresip", func() (ok bool) {
		var err error
		p.ctrl, err = net.DialTimeout("tcp", control, time.Second)
		return err == nil
	})
	t.Cleanup(func() { p.ctrl.Close() })
	return p
}

func softphoneConfig(c SoftphoneConfig, sip, control string, rtp int, dir string) string {
	lines := []string{
		"sip_listen " + sip, "audio_player aubridge,loop", "audio_source aufile," + filepath.Join(dir, "tone.wav"),
		"audio_alert aubridge,alert", "ausrc_srate 8000", "auplay_srate 8000", "ausrc_channels 1", "auplay_channels 1",
		fmt.Sprintf("rtp_ports %d-%d", rtp, rtp+3), "net_interface 127.0.0.1", "ctrl_tcp_listen " + control,
		"module_path /usr/lib/baresip/modules",
	}
	for _, m := range append([]string{"g711", "aubridge", "aufile"}, c.Modules...) {
		lines = append(lines, "module "+m+".so")
	}
	lines = append(lines, "module_app account.so", "module_app menu.so", "module_app ctrl_tcp.so")
	return strings.Join(append(lines, c.Config...), "\n") + "\n"
}

// Say gives the softphone a command with its parameters, such as "dial" and
// "sip:+18005550100@127.0.0.1:5060", "hold", "resume", "hangup" or "transfer".
func (p *Softphone) Say(command string, params ...string) {
	p.t.Helper()
	text := fmt.Sprintf(`{"command":%q,"params":%q}`, command, strings.Join(params, " "))
	if _, err := fmt.Fprintf(p.ctrl, "%d:%s,", len(text), text); err != nil {
		p.t.Error(err)
	}
}
