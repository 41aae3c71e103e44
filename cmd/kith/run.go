package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/kithdb/kith/bench"
)

// cli is the command line. Each command stands in a file of its name.
type cli struct {
	KeyFile string  `name:"key-file" placeholder:"FILE" env:"KITH_KEY_FILE" help:"File with the master key: 32 bytes, or 64 hex digits."`
	Memory  size    `placeholder:"SIZE" help:"Memory for blocks, caches, buffers and queries together, such as 256MB. Default: a quarter of the machine's, at most 2GiB."`
	Threads int     `placeholder:"N" help:"Threads for cleaning and queries. Default: one a core."`
	Now     instant `placeholder:"TIME" help:"Answer as if it were this instant (RFC 3339), without storing it."`

	Load    loadCmd    `cmd:"" help:"Bring in files of events, one call of the Segment specification on each line."`
	Map     mapCmd     `cmd:"" help:"Propose a mapping for a file of somebody else's."`
	Loads   loadsCmd   `cmd:"" help:"List what was brought in: files, feeds, tables."`
	Remap   remapCmd   `cmd:"" help:"Apply another mapping to the rows of a load."`
	Unload  unloadCmd  `cmd:"" help:"Take a load back: everything is as if it had never been brought in."`
	Table   tableCmd   `cmd:"" help:"Load, list, show or drop reference tables: products, stores, campaigns, costs."`
	Find    findCmd    `cmd:"" help:"Find people by how their names, e-mails, phones or companies begin."`
	Profile profileCmd `cmd:"" help:"Show one person."`
	SQL     sqlCmd     `cmd:"" name:"sql" help:"Ask one question in SQL."`
	Rejects rejectsCmd `cmd:"" help:"List what was received and not accepted, with the reason."`
	Stats   statsCmd   `cmd:"" help:"Say what is in the directory and what it takes."`
	Schema  schemaCmd  `cmd:"" help:"Say what events and people have: each property and trait, its type, how often it is filled, its values."`
	Check   checkCmd   `cmd:"" help:"Prove that everything stored is what it should be."`
	Backup  backupCmd  `cmd:"" help:"Copy the data, or the keys, while the platform is in use."`
	Restore restoreCmd `cmd:"" help:"Make a directory from a copy of the data and one of the keys."`
	Clock   clockCmd   `cmd:"" help:"Show or set the standing clock: what now() means."`
	Trait   traitCmd   `cmd:"" help:"Define computed traits: values that are kept current for each person."`
	Segment segmentCmd `cmd:"" help:"Define segments, and count, list, compare and explain the people for whom a condition is true."`
	List    listCmd    `cmd:"" help:"Import static lists of people by their identifiers, and list or drop them."`
	Watch   watchCmd   `cmd:"" help:"Show who enters and leaves segments, as it happens."`
	Rules   rulesCmd   `cmd:"" help:"Show, compare or replace the rules of identity."`
	World   worldCmd   `cmd:"" help:"Write people and events made from a seed."`
	Demo    demoCmd    `cmd:"" help:"Make a directory from a world, and show what comes out."`
	Bench   benchCmd   `cmd:"" help:"Measure loading, look-ups and questions, beside DuckDB alone."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// app is what a command has to work with.
type app struct {
	*cli
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer // data
	stderr io.Writer // all else
}

// Run carries out one command line and gives the exit code.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	return run(ctx, args, stdin, stdout, stderr)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{}
	a := &app{cli: c, ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}
	ended := false
	parser, err := kong.New(c,
		kong.Name("kith"), kong.Writers(stdout, stderr), kong.Exit(func(int) { ended = true }),
		kong.Description("A customer data platform in one directory. Exit codes: "+codes()+"."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"formats": strings.Join(formatNames, ", "), "parts": strings.Join(bench.Parts, ", ")},
	)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	if len(args) == 0 {
		parser.Stdout = stderr
		args = []string{"--help"}
		parser.Parse(args) // prints the help
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	switch {
	case ended: // --help was asked for
		return exitDone
	case err != nil:
		return a.complain(usage(err))
	}
	return a.complain(parsed.Run(a))
}

// usage says what was wrong with the command line, without repeating an
// argument: it may be a person.
func usage(err error) error {
	text, _, _ := strings.Cut(err.Error(), ", did you mean")
	if strings.HasPrefix(text, "unexpected argument ") {
		text = "unexpected argument"
	}
	var parse *kong.ParseError
	next := "kith --help"
	if errors.As(err, &parse) && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			next = "kith " + node.Path() + " --help"
		}
	}
	return &usageError{fmt.Errorf("%s", text), strings.Replace(next, "kith kith", "kith", 1)}
}
