package recording

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ringbid/ringbid"
)

// S3Config says which bucket keeps recordings. Credentials, and a region or
// endpoint that is not named here, come from where the AWS tools take them:
// AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL_S3, ~/.aws, the instance.
type S3Config struct {
	Bucket string
	// Prefix is put before keys, with a slash between.
	Prefix   string
	Region   string
	Endpoint string // "https://host:port" of another maker's server
	// PathStyle puts the bucket into the path instead of the host name; it is
	// what most servers with an Endpoint want.
	PathStyle bool
}

// ParseS3 reads "s3://bucket/prefix?region=…&endpoint=…&path_style=true".
// path_style is true where an endpoint is given and nothing else is said. The
// error is Invalid.
func ParseS3(s string) (S3Config, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return S3Config{}, ringbid.Errorf(ringbid.Invalid, "recordings store %q is not s3://bucket/prefix", s)
	}
	c := S3Config{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	if c.Prefix != "" && checkKey(c.Prefix) != nil {
		return S3Config{}, ringbid.Errorf(ringbid.Invalid, "prefix %q is not a plain path", c.Prefix)
	}
	q := u.Query()
	for name, values := range q {
		switch name {
		case "region":
			c.Region = values[0]
		case "endpoint":
			e, err := url.Parse(values[0])
			if err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https" {
				return S3Config{}, ringbid.Errorf(ringbid.Invalid, "endpoint %q is not an http or https address", values[0])
			}
			c.Endpoint = values[0]
		case "path_style":
			if c.PathStyle, err = strconv.ParseBool(values[0]); err != nil {
				return S3Config{}, ringbid.Errorf(ringbid.Invalid, "path_style %q is not true or false", values[0])
			}
		default:
			return S3Config{}, ringbid.Errorf(ringbid.Invalid, "recordings store has an unknown setting %q: region, endpoint, path_style", name)
		}
	}
	if !q.Has("path_style") {
		c.PathStyle = c.Endpoint != ""
	}
	return c, nil
}

// bucket keeps blobs in S3.
type bucket struct {
	cfg    S3Config
	client *s3.Client
}

// S3 returns Blobs in a bucket of Amazon S3 or of a server that speaks like it.
// Uploads carry their SHA-256, which the server checks and must repeat.
func S3(ctx context.Context, c S3Config) (Blobs, error) {
	var from []func(*config.LoadOptions) error
	if c.Region != "" {
		from = append(from, config.WithRegion(c.Region))
	}
	found, err := config.LoadDefaultConfig(ctx, from...)
	if err != nil {
		return nil, fmt.Errorf("settings of s3://%s: %w", c.Bucket, err)
	}
	if found.Region == "" {
		found.Region = "us-east-1"
	}
	return &bucket{c, s3.NewFromConfig(found, func(o *s3.Options) {
		o.UsePathStyle = c.PathStyle
		o.DisableLogOutputChecksumValidationSkipped = true
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
	})}, nil
}

func (b *bucket) key(key string) string { return path.Join(b.cfg.Prefix, key) }

func (b *bucket) url(key string) string { return "s3://" + b.cfg.Bucket + "/" + b.key(key) }

// Put uploads in one request of at most 5 GB, which no recording reaches.
func (b *bucket) Put(ctx context.Context, key, path string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, patient{ctx, f})
	if err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	_, err = b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.cfg.Bucket, Key: aws.String(b.key(key)), Body: f, ContentLength: &size,
		ContentType:       aws.String("audio/wav"),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		ChecksumSHA256:    aws.String(base64.StdEncoding.EncodeToString(sum.Sum(nil))),
	})
	if err != nil {
		return "", fmt.Errorf("put %s: %w", b.url(key), err)
	}
	if err := b.verify(ctx, key, size, sum.Sum(nil)); err != nil {
		return "", fmt.Errorf("verify %s: %w", b.url(key), err)
	}
	return b.url(key), nil
}

// verify compares size and hash of what the bucket holds. A server that does
// not keep the hash is asked for the content.
func (b *bucket) verify(ctx context.Context, key string, size int64, sum []byte) error {
	head, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &b.cfg.Bucket, Key: aws.String(b.key(key)), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return err
	}
	if got := aws.ToInt64(head.ContentLength); got != size {
		return fmt.Errorf("the bucket holds %d bytes of %d", got, size)
	}
	kept := aws.ToString(head.ChecksumSHA256)
	if kept == "" {
		got, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.cfg.Bucket, Key: aws.String(b.key(key))})
		if err != nil {
			return err
		}
		defer got.Body.Close()
		back, err := hash(got.Body)
		if err != nil {
			return err
		}
		if back != hex.EncodeToString(sum) {
			return errors.New("the bucket holds something else")
		}
		return nil
	}
	if kept != base64.StdEncoding.EncodeToString(sum) {
		return fmt.Errorf("the bucket holds something else, with hash %s", kept)
	}
	return nil
}

func (b *bucket) Open(ctx context.Context, key string) (io.ReadSeekCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	head, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.cfg.Bucket, Key: aws.String(b.key(key))})
	if missing(err) {
		return nil, ringbid.Errorf(ringbid.NotFound, "no recording %s", b.url(key))
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", b.url(key), err)
	}
	return &object{ctx: ctx, b: b, key: b.key(key), size: aws.ToInt64(head.ContentLength), tag: head.ETag}, nil
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.cfg.Bucket, Key: aws.String(b.key(key))})
	if err != nil && !missing(err) {
		return fmt.Errorf("delete %s: %w", b.url(key), err)
	}
	return nil
}

// missing reports whether the answer was 404 about the object. A missing bucket
// is another matter where the server says so.
func missing(err error) bool {
	var noBucket *types.NoSuchBucket
	if err == nil || errors.As(err, &noBucket) {
		return false
	}
	var answer interface{ HTTPStatusCode() int }
	return errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound
}
