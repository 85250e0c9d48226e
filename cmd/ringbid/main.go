// Command ringbid answers tracking numbers, sells the calls and settles the
// money: the whole platform in one program.
//
// serve runs it; demo runs it together with simulated carriers, publishers and
// buyers; apply and plan publish configuration; call places one call and tells
// its story; calls prints what is stored; docs prints the reference of the
// documents; bench measures.
//
// This folder is the only place where the parts meet: every other package
// talks in nouns and small interfaces that are satisfied here.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:])) }

// run is main with an exit status: 0 after a clean end, 1 with one clear line
// otherwise.
func run(args []string) int {
	root := &cobra.Command{
		Use:           "ringbid",
		Short:         "Self-hosted pay-per-call and live transfer",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(serveCommand(), demoCommand(), applyCommand(), planCommand(),
		callCommand(), callsCommand(), leadCommand(), docsCommand(), benchCommand())
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	var quiet quietError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &quiet):
		return 1
	}
	fmt.Fprintln(os.Stderr, "ringbid: "+oneLine(err))
	return 1
}

// oneLine returns what an error says without its line breaks, which drivers and
// joined errors have.
func oneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), ":; ", ": ")
}

// quietError ends with status 1 where the command has said everything already.
type quietError struct{}

func (quietError) Error() string { return "" }

// version is a plain word: it also stands in SIP headers.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return strings.Trim(info.Main.Version, "()")
	}
	return "devel"
}
