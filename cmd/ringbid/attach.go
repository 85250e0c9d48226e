package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cmd/ringbid/document"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/localpg"
)

// migrations are the schemas of everybody who keeps rows.
func migrations() []func(context.Context, *pgxpool.Pool) error {
	return []func(context.Context, *pgxpool.Pool) error{delivery.Migrate}
}

// attachStore opens the store of a running ringbid: the named database, or the
// private one of the data folder if it runs.
func attachStore(ctx context.Context, c config) (*store.Store, func(), error) {
	dsn := c.DatabaseURL
	if dsn == "" {
		var err error
		if dsn, err = localpg.Attach(c.path("postgres")); err != nil {
			return nil, nil, err
		}
	}
	return attachTo(ctx, c, dsn)
}

func attachTo(ctx context.Context, c config, dsn string) (*store.Store, func(), error) {
	st, err := store.Attach(ctx, store.Config{DSN: dsn, Dir: c.path("journal"), KeyFile: c.path("key"), Migrate: migrations()})
	if err != nil {
		return nil, nil, err
	}
	return st, func() { _ = st.Close(context.WithoutCancel(ctx)) }, nil
}

// openStore is attachStore, except that it starts the private database for as
// long as the command takes where nobody runs it.
func openStore(ctx context.Context, c config) (*store.Store, func(), error) {
	st, closeStore, err := attachStore(ctx, c)
	if err == nil || c.DatabaseURL != "" {
		return st, closeStore, err
	}
	if err := os.MkdirAll(c.Data, 0o755); err != nil {
		return nil, nil, err
	}
	cluster, err := localpg.Start(ctx, localpg.Config{Dir: c.path("postgres"), Fsync: !c.fast})
	if err != nil {
		return nil, nil, err
	}
	stop := func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_ = cluster.Stop(bounded)
	}
	if st, closeStore, err = attachTo(ctx, c, cluster.DSN()); err != nil {
		stop()
		return nil, nil, err
	}
	return st, func() { closeStore(); stop() }, nil
}

// publishSet publishes the documents, or says what would change.
func publishSet(cmd *cobra.Command, st *store.Store, set *document.Set, prune, write bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	all, err := together(ctx, st, set, prune)
	if err != nil {
		return refused(cmd.ErrOrStderr(), err)
	}
	if !write {
		changes, problems, err := st.Plan(ctx, all, prune)
		return sayChanges(out, cmd.ErrOrStderr(), set, changes, problems, err)
	}
	changes, problems, err := st.Apply(ctx, all, prune, by())
	return sayChanges(out, cmd.ErrOrStderr(), set, changes, problems, err)
}

// together checks the documents beside those that are published already, and
// replaces plain passwords.
func together(ctx context.Context, st *store.Store, set *document.Set, prune bool) ([]ringbid.Document, error) {
	published, err := st.Documents(ctx)
	if err != nil {
		return nil, err
	}
	hashes := map[string]string{}
	ours := map[ringbid.Key]bool{}
	for _, d := range set.Documents {
		ours[d.Key()] = true
	}
	check := *set
	check.Documents = nil // ours come last, so that what clashes is said of them
	for _, d := range published {
		if u, ok := d.(*ringbid.User); ok {
			hashes[u.Name] = u.PasswordHash
		}
		if !prune && !ours[d.Key()] {
			check.Documents = append(check.Documents, d)
		}
	}
	check.Documents = append(check.Documents, set.Documents...)
	if found := check.Check(); len(found) > 0 {
		return nil, found
	}
	return set.Documents, hashPasswords(set.Documents, func(user string) string { return hashes[user] })
}

func by() string {
	if u := os.Getenv("USER"); u != "" {
		return u
	}
	return "apply"
}

// sayChanges prints what changes, one document a line with its fields below.
func sayChanges(out, errOut io.Writer, set *document.Set, c store.Changes, problems []ringbid.Problem, err error) error {
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return refused(errOut, set.Locate(problems))
	}
	for _, group := range []struct {
		sign string
		list []store.Change
	}{{"+", c.Create}, {"~", c.Update}, {"-", c.Delete}} {
		for _, x := range group.list {
			fmt.Fprintf(out, "%s %s\n", group.sign, x.Key)
			if group.sign != "~" {
				continue
			}
			for _, f := range x.Fields {
				fmt.Fprintf(out, "    %s: %s → %s\n", f.Path, f.Old, f.New)
			}
		}
	}
	fmt.Fprintf(out, "%d new, %d changed, %d withdrawn, %d as they were\n", len(c.Create), len(c.Update), len(c.Delete), len(c.Same))
	return nil
}
