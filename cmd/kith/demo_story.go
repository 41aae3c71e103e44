package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/engine/source"
)

// story is two small files of two sources, and the mapping of one of them.
//
//go:embed story
var story embed.FS

// The files of the story, and whom it is about.
const (
	storyWeb  = "web.ndjson"
	storyTill = "till.csv"
	storyMap  = "till.yaml"
	storyCard = "L-5583"
)

// leave writes the story's files beside the directory, to be looked at and
// loaded again, unless a file of somebody else's has such a name.
func (c *demoCmd) leave() (map[string][]byte, error) {
	text := map[string][]byte{}
	for _, name := range []string{storyWeb, storyTill, storyMap} {
		b, err := story.ReadFile("story/" + name)
		if err != nil {
			return nil, err
		}
		text[name] = b
		path := filepath.Join(filepath.Dir(c.Dir), name)
		if was, err := os.ReadFile(path); err == nil && !bytes.Equal(was, b) {
			return nil, &kith.Error{Op: "kith demo", On: path, Kind: kith.ErrExists, Err: errors.New("the demo writes a file of that name, and another is there")}
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return nil, plain(err)
		}
	}
	return text, nil
}

// tell brings two sources in: somebody looks at cushions on the web, and buys
// them in the shop under her loyalty card.
func (c *demoCmd) tell(a *app, p platform, text map[string][]byte) error {
	at := filepath.Dir(c.Dir)
	fmt.Fprintf(a.stdout, "somebody looks at cushions on the web (%s), and buys them in the shop under a loyalty card (%s, through the mapping %s)\n",
		filepath.Join(at, storyWeb), filepath.Join(at, storyTill), filepath.Join(at, storyMap))
	web, err := p.Load(a.ctx, bytes.NewReader(text[storyWeb]), &engine.LoadOptions{Name: storyWeb, Source: "web", Size: int64(len(text[storyWeb]))})
	if err != nil {
		return err
	}
	m, err := source.Parse(text[storyMap])
	if err != nil {
		return err
	}
	rows, err := m.Open(storyTill, bytes.NewReader(text[storyTill]))
	if err != nil {
		return err
	}
	till, err := p.LoadRows(a.ctx, rows, &engine.LoadOptions{Name: storyTill, Source: m.Source(), Mapping: text[storyMap], Size: int64(len(text[storyTill]))})
	if err = errors.Join(err, rows.Close()); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "  %s: load %d, %s\n  %s: load %d, %s\n", storyWeb, web.Load, outcome(web.Tally), storyTill, till.Load, outcome(till.Tally))
	for _, i := range till.First {
		fmt.Fprintf(a.stdout, "    line %d  %s  %s\n", i.Line, tame(i.Code), tame(i.Path))
	}
	return nil
}

// person shows whom the story is about: one profile of two sources.
func (c *demoCmd) person(a *app, p platform) error {
	who, err := p.Profile(a.ctx, kith.Identifier{Space: "loyalty_card", Value: storyCard})
	if errors.Is(err, kith.ErrNotFound) { // a directory of before the story
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\ntwo sources, one person: kith profile %s loyalty_card=%s\n", c.Dir, storyCard)
	return showProfile(a.stdout, who, nil)
}
