package recording

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// crashDir names the folder into which the test binary, started again as a
// child, records until it is killed.
const crashDir = "RINGBID_TEST_CRASH_DIR"

const crashCalls = 200

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		recordForEver(dir)
	}
	useTestCredentials()
	os.Exit(m.Run())
}

// recordForEver records calls in real time and prints how far they are.
func recordForEver(dir string) {
	r, err := Open(Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	files := make([]*File, crashCalls)
	for i := range files {
		if files[i], err = r.Start(ringbid.Invite{CallID: fmt.Sprintf("call-%d", i), Received: time.Now()}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	began := time.Now()
	said := int64(0)
	for range time.Tick(frame * time.Second / sampleRate) {
		for due := int64(time.Since(began) / (frame * time.Second / sampleRate)); said < due; said++ {
			for _, f := range files {
				speak(f, said)
			}
		}
		fmt.Println(said)
		if said > 3000 {
			os.Exit(1) // nobody killed us
		}
	}
}

// TestKill kills a process that records twenty calls and repairs what it left:
// every file is whole but for its last two seconds.
func TestKill(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := t.TempDir()
	said := killAfter(t, dir, 170)
	var found shelf
	r := setup(t, Config{Dir: dir, Found: found.put})
	<-r.Settled()
	for i := range crashCalls {
		rec := found.take(t, fmt.Sprintf("call-%d", i))
		got := load(t, rec)
		frames := int64(len(got)) / 2 / frame
		if frames < said-100 || frames > said+5 {
			t.Errorf("%s holds %d frames of %d said: more than 2 s are lost", rec.ID, frames, said)
		}
		want := sound(frames+1, nil)[:len(got)]
		if n := bytesEqual(got, want); n != len(got) {
			t.Errorf("%s: %d bytes are not what was said", rec.ID, len(got)-n)
		}
		if age := time.Since(rec.Started); age < 0 || age > time.Minute {
			t.Errorf("%s started %s ago", rec.ID, age)
		}
	}
	if left, err := parts(dir); err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
}

// killAfter starts the child and kills it once it has said so many frames. It
// returns the last number it printed.
func killAfter(t *testing.T, dir string, frames int64) int64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := int64(0)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
			said = n
		}
		if said >= frames {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // it was killed, and says so
	if said < frames {
		t.Fatalf("the child ended after %d frames: %s", said, complaint.String())
	}
	return said
}

// TestRepair repairs files as a crash or a loss of power can leave them.
func TestRepair(t *testing.T) {
	t.Parallel()
	whole := sound(100, nil)
	head := func(frames int64) []byte { h := header(frames); return h[:] }
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	zeros := make([]byte, 200_000)
	for name, c := range map[string]struct {
		file []byte
		want []byte // nil: the file goes
	}{
		"nothing":               {nil, nil},
		"half a header":         {head(0)[:30], nil},
		"a header only":         {head(0), nil},
		"first data, no sync":   {join(head(0), whole), whole},
		"synced in between":     {join(head(50*frame), whole), whole},
		"half a frame at last":  {join(head(50*frame), whole[:9999]), whole[:9998]},
		"zeros behind the sync": {join(head(50*frame), whole[:20000], zeros), whole[:20000]},
		"zeros after the sync":  {join(head(100*frame), whole, zeros), whole},
		"zeros that were said":  {join(head(200*frame), whole, zeros[:32000]), join(whole, zeros[:32000])},
		"only zeros":            {join(head(0), zeros), nil},
		"a header of zeros":     {join(zeros[:headerBytes], whole), whole},
		"shorter than promised": {join(head(100*frame), whole[:5000]), whole[:5000]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "2026", "call.wav")
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+partSuffix, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			var found shelf
			r := setup(t, Config{Dir: dir, Found: found.put})
			<-r.Settled()
			if _, err := os.Stat(path + partSuffix); !os.IsNotExist(err) {
				t.Error("the part is still there:", err)
			}
			if c.want == nil {
				if found.has("call") {
					t.Error("a recording without sound was found")
				}
				return
			}
			if got := load(t, found.take(t, "call")); string(got) != string(c.want) {
				t.Errorf("%d bytes repaired, want %d", len(got), len(c.want))
			}
		})
	}
}

// TestReadableWhileItGrows plays a file that is not sealed.
func TestReadableWhileItGrows(t *testing.T) {
	t.Parallel()
	r := setup(t, Config{Sync: time.Millisecond})
	f := start(t, r, "call")
	say(t, f, 0, 300)
	var clip *media.Clip
	until(t, "a second can be heard", func() bool {
		h, err := os.Open(f.path + partSuffix)
		if err != nil {
			return false
		}
		defer h.Close()
		clip, err = media.ReadWAV(h, 1<<20)
		return err == nil && clip.Duration() > time.Second
	})
}
