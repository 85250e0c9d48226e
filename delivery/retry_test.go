package delivery

import (
	"regexp"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

func TestRetry(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	r := retry{func() time.Time { return now }}
	var total time.Duration
	for n := range maxTries - 1 {
		job := &rivertype.JobRow{Errors: make([]rivertype.AttemptError, n)}
		d := r.NextRetry(job).Sub(now)
		want := []time.Duration{2, 4, 8, 16, 32, 60}
		ideal := slowEvery
		if n < len(want) {
			ideal = want[n] * time.Second
		}
		if d < ideal*9/10 || d > ideal*11/10 {
			t.Errorf("after failure %d: %v, want about %v", n+1, d, ideal)
		}
		total += ideal
	}
	if total < giveUp || total > giveUp+time.Hour {
		t.Errorf("gives up after %v", total)
	}
}

func TestTimeoutGrowsWithSize(t *testing.T) {
	t.Parallel()
	w := &uploadWorker{}
	for bytes, want := range map[int64]time.Duration{0: uploadFor, 250_000_000: uploadFor + 1000*time.Second, -5: uploadFor} {
		if got := w.Timeout(&river.Job[UploadArgs]{Args: UploadArgs{Bytes: bytes}}); got != want {
			t.Errorf("%d bytes: %v", bytes, got)
		}
	}
}

func TestUploadQueue(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	form := regexp.MustCompile(`^(?:[a-z0-9])+(?:[_|\-]?[a-z0-9]+)*$`) // as the queue wants it
	for _, node := range []string{"a", "A", "node-1", "node_1", "node.1", "", "_", "Überall", "x-"} {
		name := uploadQueue(node)
		if other, twice := seen[name]; twice {
			t.Errorf("%q and %q share %q", node, other, name)
		}
		seen[name] = node
		if !form.MatchString(name) || len(name) > 128 {
			t.Errorf("%q is no name of a queue", name)
		}
	}
}
