package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// leadCommand works with data leads.
func leadCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "lead", Short: "Post data leads, as a publisher does"}
	cmd.AddCommand(leadPostCommand())
	return cmd
}

// leadPostCommand posts leads from a file to a running node and prints what it
// answers.
func leadPostCommand() *cobra.Command {
	var (
		c                 config
		source, key, base string
		test, asJSON      bool
		timeout           time.Duration
	)
	cmd := &cobra.Command{
		Use:   "post FILE",
		Short: "Post the leads of a file (JSON: one object or a list; XML; a form), - for standard input",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			leads, kind, err := readLeads(args[0])
			if err != nil {
				return err
			}
			if key == "" {
				if key, err = sourceKey(cmd.Context(), c, source); err != nil {
					return err
				}
			}
			p := poster{url: strings.TrimSuffix(base, "/") + "/leads/" + source, key: key, kind: kind, client: &http.Client{Timeout: timeout}}
			if test {
				p.url += "?test=1"
			}
			failed := false
			for _, body := range leads {
				ok, err := p.post(cmd, body, asJSON)
				if err != nil {
					return err
				}
				failed = failed || !ok
			}
			if failed {
				return quietError{}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&source, "source", "", "the source to post to, by name")
	f.StringVar(&key, "key", "", "the source's key (default: as published)")
	f.StringVar(&base, "url", "http://127.0.0.1:8080", "where the node's pages are")
	f.BoolVar(&test, "test", false, "check and answer, sell nothing")
	f.BoolVar(&asJSON, "json", false, "print the answers as JSON")
	f.DurationVar(&timeout, "timeout", 30*time.Second, "of one post")
	_ = cmd.MarkFlagRequired("source")
	c.storage(f)
	return cmd
}

// readLeads reads the leads of a file, each as it is to be posted.
func readLeads(path string) (leads [][]byte, kind string, err error) {
	in := io.Reader(os.Stdin)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 64<<20))
	if err != nil {
		return nil, "", err
	}
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(trimmed) == 0:
		return nil, "", fmt.Errorf("%s is empty", path)
	case trimmed[0] == '<':
		return [][]byte{trimmed}, "application/xml", nil
	case trimmed[0] == '{':
		return [][]byte{trimmed}, "application/json", nil
	case trimmed[0] != '[':
		return [][]byte{trimmed}, "application/x-www-form-urlencoded", nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(trimmed, &list); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	for _, x := range list {
		leads = append(leads, x)
	}
	return leads, "application/json", nil
}

// sourceKey reads the key of a source where it is published.
func sourceKey(ctx context.Context, c config, source string) (string, error) {
	if err := c.hasRun(); err != nil {
		return "", fmt.Errorf("name the source's --key: %w", err)
	}
	st, closeStore, err := openStore(ctx, c)
	if err != nil {
		return "", err
	}
	defer closeStore()
	s := st.Book().Sources[source]
	if s == nil {
		return "", fmt.Errorf("there is no source %q", source)
	}
	return s.PostKey.Reveal(), nil
}

// poster posts leads to one address.
type poster struct {
	url, key, kind string
	client         *http.Client
}

// post sends one lead and prints the answer; ok says that it was taken.
func (p poster) post(cmd *cobra.Command, body []byte, asJSON bool) (ok bool, err error) {
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", p.kind)
	req.Header.Set("Accept", "application/json")
	began := time.Now()
	res, err := p.client.Do(req)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return false, err
	}
	if asJSON {
		fmt.Fprintln(cmd.OutOrStdout(), string(bytes.TrimSpace(text)))
	}
	return tellAnswer(cmd.OutOrStdout(), res.StatusCode, text, time.Since(began), asJSON)
}

// tellAnswer prints what became of a lead, a line for people.
func tellAnswer(w io.Writer, status int, text []byte, took time.Duration, quiet bool) (bool, error) {
	var a struct {
		Status, Reason, Price, Currency, Detail string
		LeadID                                  string `json:"lead_id"`
		Errors                                  []struct{ Field, Text string }
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return false, errors.New("the answer is not JSON; is this a node of ringbid?")
	}
	ok := status < 300 && (a.Status == "accepted" || a.Status == "pending")
	if quiet {
		return ok, nil
	}
	if a.Status == "" {
		a.Status, a.Reason = fmt.Sprintf("refused (%d)", status), a.Detail
	}
	fmt.Fprintf(w, "%s %s", a.Status, a.LeadID)
	if a.Price != "" {
		fmt.Fprintf(w, " for %s %s", a.Price, a.Currency)
	}
	if a.Reason != "" {
		fmt.Fprintf(w, ": %s", a.Reason)
	}
	fmt.Fprintf(w, " (%d ms)\n", took.Milliseconds())
	for _, e := range a.Errors {
		fmt.Fprintf(w, "  %s %s\n", e.Field, e.Text)
	}
	return ok, nil
}
