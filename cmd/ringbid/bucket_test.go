package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ringbid/ringbid"
)

const (
	bucketAccess = "recorder"
	bucketSecret = "recorder-secret"
)

// useBucketCredentials puts the credentials where the platform looks for them.
var useBucketCredentials = sync.OnceFunc(func() {
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": bucketAccess, "AWS_SECRET_ACCESS_KEY": bucketSecret, "AWS_SESSION_TOKEN": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		_ = os.Setenv(k, v)
	}
})

// gateway is an S3 server that can be away for a while.
type gateway struct {
	addr, dir string
	cmd       *exec.Cmd
	ended     chan struct{}
}

// newGateway starts the server with a bucket named calls.
func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{addr: freeAddress(t), dir: t.TempDir()}
	g.start(t)
	t.Cleanup(g.stop)
	if _, err := g.client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("calls")}); err != nil {
		t.Fatal(err)
	}
	return g
}

// freeAddress is an address of loopback for a server to come; its port is below
// those the system gives away by itself.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 50 {
		addr := fmt.Sprint("127.0.0.1:", 10000+rand.IntN(22000))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (g *gateway) start(t *testing.T) {
	t.Helper()
	var out bytes.Buffer
	g.cmd = exec.Command(findGateway(t), "--port", g.addr, "--access", bucketAccess, "--secret", bucketSecret, "posix", g.dir)
	g.cmd.Stdout, g.cmd.Stderr = &out, &out
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	g.ended = ended
	go func() { _ = g.cmd.Wait(); close(ended) }()
	eventually(t, 20*time.Second, "the S3 server answers", func() bool {
		select {
		case <-ended:
			t.Fatalf("the S3 server has ended: %s", out.String())
		default:
		}
		res, err := http.Get("http://" + g.addr)
		return err == nil && res.Body.Close() == nil
	})
}

// stop may be called twice.
func (g *gateway) stop() {
	_ = g.cmd.Process.Kill()
	<-g.ended
}

func (g *gateway) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + g.addr), Region: "us-east-1", UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: bucketAccess, SecretAccessKey: bucketSecret}, nil
		}),
	})
}

// findGateway looks where the Makefile installs the server.
func findGateway(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path
	}
	out, err := exec.Command("go", "env", "GOPATH").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "bin", "versitygw")
	if _, err := os.Stat(path); err != nil {
		t.Fatal("versitygw is missing; make needs-test installs it: ", err)
	}
	return path
}

// TestBucket keeps recordings in a bucket: after the call it has the file, the
// folder has not, and the page plays it; a bucket that is away during the call
// and after it changes nothing but the time of the upload.
func TestBucket(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes two calls of a quarter of a minute")
	}
	useBucketCredentials()
	g := newGateway(t)
	c := testConfig(t)
	c.Recordings = "s3://calls/prod?endpoint=http://" + g.addr + "&region=us-east-1&path_style=true"
	s := startStage(t, c)
	client := s.client(t, "operator")

	story := s.place(t, "+18005550100", 4*time.Second)
	call := s.uploaded(t, story.CallID, 30*time.Second)
	g.holds(t, call)
	s.playsTo(t, client, call)

	g.stop()
	story = s.place(t, "+18005550100", 4*time.Second)
	if !story.Heard || story.AnswerMS > 500 || story.Lost > 0 {
		t.Errorf("the call felt that the bucket is away: %+v", story)
	}
	call = s.settled(t, story.CallID)
	if call.Outcome != ringbid.OutcomeBridged || call.Recording == nil || call.Recording.URL != "" {
		t.Fatalf("%s, recording %+v", call.Outcome, call.Recording)
	}
	sound(t, call)
	s.playsTo(t, client, call)
	eventually(t, 60*time.Second, "an upload has failed", func() bool { return s.failures(t) >= 1 })
	g.start(t)
	call = s.uploaded(t, story.CallID, 90*time.Second)
	g.holds(t, call)
	s.playsTo(t, client, call)
}

// failures reads from the metrics how many uploads went wrong.
func (s *stage) failures(t *testing.T) (n float64) {
	t.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "ringbid_delivery_failures_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// uploaded waits until the row says where the recording is and the folder has
// it no more.
func (s *stage) uploaded(t *testing.T, sipCallID string, limit time.Duration) *ringbid.Call {
	t.Helper()
	c := s.settled(t, sipCallID)
	eventually(t, limit, "the recording is uploaded", func() bool {
		rec, err := s.store.Recording(t.Context(), c.ID)
		if err != nil || rec.URL == "" {
			return false
		}
		c.Recording = rec
		_, err = os.Stat(rec.Path)
		return errors.Is(err, fs.ErrNotExist)
	})
	if !strings.HasPrefix(c.Recording.URL, "s3://calls/prod/") {
		t.Errorf("the row says %s", c.Recording.URL)
	}
	return c
}

// holds compares what the bucket has with the row's hash.
func (g *gateway) holds(t *testing.T, c *ringbid.Call) {
	t.Helper()
	key := strings.TrimPrefix(c.Recording.URL, "s3://calls/")
	got, err := g.client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("calls"), Key: aws.String(key)})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, got.Body)
	if err != nil || n != c.Recording.Bytes || hex.EncodeToString(sum.Sum(nil)) != c.Recording.SHA256 {
		t.Errorf("the bucket holds %d bytes with another hash than %+v, %v", n, c.Recording, err)
	}
}

// client returns an HTTP client that is signed in.
func (s *stage) client(t *testing.T, user string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	res, err := c.PostForm("http://"+s.httpAddr+"/signin", url.Values{"name": {user}, "password": {s.password}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.Path == "/signin" {
		t.Fatalf("sign in: %s at %s", res.Status, res.Request.URL)
	}
	return c
}

// get reads one page, or the part of it that ranges says.
func (s *stage) get(t *testing.T, c *http.Client, path, ranges string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.httpAddr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return res, body
}

// playsTo checks that a browser can play the recording from anywhere, and that
// the page draws it.
func (s *stage) playsTo(t *testing.T, client *http.Client, c *ringbid.Call) {
	t.Helper()
	path := "/calls/" + c.ID + "/recording.wav"
	res, whole := s.get(t, client, path, "")
	if res.StatusCode != http.StatusOK || res.Header.Get("Accept-Ranges") != "bytes" || !bytes.HasPrefix(whole, []byte("RIFF")) {
		t.Fatalf("%s: %s, %v, %.4q", path, res.Status, res.Header, whole)
	}
	// Two channels of 16 bits, 8000 a second.
	if ms := int64(len(whole)-44) / 32; ms < c.Recording.MS-1 || ms > c.Recording.MS+1 {
		t.Errorf("%d ms of sound, the row says %d", ms, c.Recording.MS)
	}
	for _, r := range [][2]int{{0, 43}, {1, 2}, {len(whole) / 2, len(whole)/2 + 65535}, {len(whole) - 7, len(whole) - 1}} {
		res, part := s.get(t, client, path, fmt.Sprintf("bytes=%d-%d", r[0], r[1]))
		if res.StatusCode != http.StatusPartialContent || !bytes.Equal(part, whole[r[0]:r[1]+1]) {
			t.Errorf("bytes %v: %s, %d bytes, %s", r, res.Status, len(part), res.Header.Get("Content-Range"))
		}
	}
	if res, _ := s.get(t, client, path, fmt.Sprintf("bytes=%d-", len(whole))); res.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("beyond the end: %s", res.Status)
	}
	res, page := s.get(t, client, "/calls/"+c.ID, "")
	if n := bytes.Count(page, []byte(`<polygon class="wave`)); res.StatusCode != http.StatusOK || n != 2 || !bytes.Contains(page, []byte("<audio ")) {
		t.Errorf("the page: %s, %d waveforms", res.Status, n)
	}
}
