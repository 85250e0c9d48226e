package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cmd/ringbid/document"
)

// applyCommand publishes documents in one transaction.
func applyCommand() *cobra.Command {
	return publishCommand("apply", "Publish configuration documents", true)
}

// planCommand says what apply would change.
func planCommand() *cobra.Command {
	return publishCommand("plan", "Show what apply would change", false)
}

func publishCommand(use, short string, write bool) *cobra.Command {
	var (
		c     config
		files []string
		prune bool
	)
	cmd := &cobra.Command{
		Use:   use + " -f PATH [-f PATH…]",
		Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			return publish(cmd, c, append(files, args...), prune, write)
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "file or folder of YAML documents")
	cmd.Flags().BoolVar(&prune, "prune", false, "withdraw what is published and not in these documents")
	c.storage(cmd.Flags())
	return cmd
}

func publish(cmd *cobra.Command, c config, files []string, prune, write bool) error {
	if len(files) == 0 {
		return errors.New("name a file or folder with -f")
	}
	set, err := document.Read(files...)
	if err != nil {
		return refused(cmd.ErrOrStderr(), err)
	}
	st, closeStore, err := openStore(cmd.Context(), c)
	if err != nil {
		return err
	}
	defer closeStore()
	return publishSet(cmd, st, set, prune, write)
}

// refused prints findings, one a line, and ends with a quiet status 1.
func refused(w io.Writer, err error) error {
	var found document.Findings
	if !errors.As(err, &found) {
		return err
	}
	fmt.Fprintln(w, found.Error())
	return quietError{}
}

// hashPasswords replaces plain passwords by bcrypt hashes; known returns the
// hash a user has now, which is kept where it still fits, so that applying the
// same document again changes nothing.
func hashPasswords(docs []ringbid.Document, known func(user string) string) error {
	for _, d := range docs {
		u, ok := d.(*ringbid.User)
		if !ok || u.Password == "" {
			continue
		}
		if now := known(u.Name); now != "" && bcrypt.CompareHashAndPassword([]byte(now), []byte(u.Password)) == nil {
			u.PasswordHash, u.Password = now, ""
			continue
		}
		hash, err := bcrypt.GenerateFromPassword([]byte(u.Password), bcrypt.DefaultCost)
		if err != nil {
			return fmt.Errorf("hash the password of %s: %w", u.Name, err)
		}
		u.PasswordHash, u.Password = string(hash), ""
	}
	return nil
}

// docsCommand prints the reference of the documents.
func docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "docs",
		Short: "Print the reference of the configuration documents (Markdown)",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return document.Reference(os.Stdout) },
	}
}
