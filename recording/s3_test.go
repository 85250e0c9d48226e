package recording

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	testAccess = "recorder"
	testSecret = "recorder-secret"
)

// useTestCredentials has the SDK find the credentials of the test server where
// it looks first.
func useTestCredentials() {
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": testAccess, "AWS_SECRET_ACCESS_KEY": testSecret, "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		_ = os.Setenv(k, v)
	}
}

var ringTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// s3Server is a versitygw over a folder.
type s3Server struct{ endpoint string }

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

// startS3 starts the server and ends it with the test.
func startS3(t *testing.T) s3Server {
	t.Helper()
	addr := freeAddress(t)
	var said told
	cmd := exec.CommandContext(t.Context(), findGateway(t), "--port", addr, "--access", testAccess, "--secret", testSecret, "posix", t.TempDir())
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	until(t, "the S3 server answers", func() bool {
		select {
		case <-ended:
			t.Fatal("the S3 server has ended: ", said.text())
		default:
		}
		res, err := http.Get("http://" + addr)
		if err != nil {
			return false
		}
		return res.Body.Close() == nil
	})
	return s3Server{"http://" + addr}
}

// bucket makes a bucket and returns it as an operator would name it.
func (s s3Server) bucket(t *testing.T, name string) Blobs {
	t.Helper()
	b, err := Store(t.Context(), "s3://"+name+"/some/prefix?region=us-east-1&endpoint="+s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := b.(*bucket).client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	return b
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
