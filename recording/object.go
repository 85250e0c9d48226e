package recording

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// object reads a stored object at any place. A stream is open from where it is
// read; a Seek elsewhere ends it.
type object struct {
	ctx  context.Context // that of Open: it bounds the reading
	b    *bucket
	key  string
	size int64
	tag  *string
	at   int64
	body io.ReadCloser
}

func (o *object) Read(p []byte) (int, error) {
	if o.at >= o.size {
		return 0, io.EOF
	}
	if o.body == nil {
		got, err := o.b.client.GetObject(o.ctx, &s3.GetObjectInput{
			Bucket: &o.b.cfg.Bucket, Key: &o.key, IfMatch: o.tag,
			Range: aws.String(fmt.Sprintf("bytes=%d-", o.at)),
		})
		if err != nil {
			return 0, fmt.Errorf("read s3://%s/%s: %w", o.b.cfg.Bucket, o.key, err)
		}
		o.body = got.Body
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	if err == io.EOF && o.at < o.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	if offset != o.at {
		o.at = offset
		return offset, o.Close()
	}
	return offset, nil
}

func (o *object) Close() error {
	if o.body == nil {
		return nil
	}
	body := o.body
	o.body = nil
	return body.Close()
}
