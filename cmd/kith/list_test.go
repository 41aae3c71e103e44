package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kithdb/kith/engine"
)

// A list comes from lines, from a column of CSV, from objects of JSON; what is no
// identifier is told by its line, and by nothing else.
func TestListsAreImported(t *testing.T) {
	dir := shop(t)
	listsImported(t, dir)
}

// The same beside a process that owns the directory.
func TestListsBesideARunningService(t *testing.T) {
	dir := shop(t)
	e, err := engine.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	listsImported(t, dir)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func listsImported(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vip.csv")
	for _, c := range []struct {
		in, out, err string
		args         []string
	}{
		{"\xef\xbb\xbfuser_id=u1\r\n\n email = Later@Example.org\nsecretword\nuser_id=u1\nplanet=secretword\n", "",
			"vip: version 1, 2 identifiers, 1 member\nnobody has 1 of them yet\nrepeated: 1\nleft out, no identifiers: 2 lines, 4, 6\n", []string{"import", "DIR", "vip", "-"}},
		{"u2\n", "", "vip: version 2, 3 identifiers, ", []string{"import", "DIR", "vip", "-", "--space", "user_id", "--mode", "add"}},
		{"email;note\nlater@example.org;x\nshort\nsecretword;y\n", "", "vip: version 3, 2 identifiers, 2 members\nleft out, no identifiers: 2 lines, 3, 4\n", []string{"import", "DIR", "vip", "-", "--column", "email", "--mode", "remove"}},
		{`{"n":1}` + "\n" + `{"n":2,"who":"u1"}` + "\n", "", "left out, no identifiers: 1 line, 1\n", []string{"import", "DIR", "other", "FILE", "--column", "who", "--space", "user_id"}},
		{"a,b\nsecretword,y\n", "", "the first line does not name a column who", []string{"import", "DIR", "vip", "-", "--column", "who"}},
		{"a\n\"secretword", "", "line 2", []string{"import", "DIR", "vip", "-", "--column", "a"}},
		{"secretword\n", "", "none of the 1 that were handed over is an identifier; the spaces are ", []string{"import", "DIR", "vip", "-"}},
		{strings.Repeat("x", 70_000), "", "line 1 is longer than 64 KiB", []string{"import", "DIR", "vip", "-"}},
		{"user_id=u1\n", "", "to list them: kith list list", []string{"import", "DIR", "gone", "-", "--mode", "remove"}},
		{"", "", "", []string{"members", "DIR", "other"}},
		{"", "replace", "", []string{"history", "DIR", "vip"}},
		{"", "vip    version 3", "", []string{"list", "DIR"}},
		{"", `"waiting": 0`, "", []string{"list", "DIR", "--json"}},
		{"", "", "", []string{"drop", "DIR", "other"}},
		{"", "", "list other", []string{"drop", "DIR", "other"}},
	} {
		args := []string{"list"}
		for _, a := range c.args {
			args = append(args, map[string]string{"DIR": dir, "FILE": file}[a])
			if args[len(args)-1] == "" {
				args[len(args)-1] = a
			}
		}
		if err := os.WriteFile(file, []byte(c.in), 0o600); err != nil {
			t.Fatal(err)
		}
		r := typed(t, c.in, args...)
		if !strings.Contains(r.out, c.out) || !strings.Contains(r.err, c.err) || strings.Contains(r.err+r.out, "secretword") {
			t.Errorf("kith %v\n%+v, want %q and %q", args, r, c.out, c.err)
		}
	}
	must(t, "segment", "create", dir, "vips", "in_list('vip')")
	if n := must(t, "segment", "count", dir, "vips"); n != "2\n" {
		t.Errorf("%s are on the list, want 2", n)
	}
	if r := typed(t, "", "list", "drop", dir, "vip"); r.code != 6 || !strings.Contains(r.err, "it is used by the segment vips") {
		t.Errorf("a list that is used is dropped: %+v", r)
	}
	if out := must(t, "sql", dir, "SELECT name, entries, members FROM lists"); out != "name,entries,members\nvip,2,2\n" {
		t.Errorf("the table lists is %s", out)
	}
}
