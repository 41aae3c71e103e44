package source

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kithdb/kith"
)

const (
	sampleSize = 1 << 20 // bytes that a proposal is made from
	sampleRows = 5000
	mostListed = 1000 // columns that a proposal lists
)

// Propose writes a mapping for the input, with the reason for each line beside
// it. It looks at the first MiB; of Parquet, at the first rows. No value of the
// file stands in it.
func Propose(name string, r io.Reader) ([]byte, error) {
	p := &proposal{name: name}
	if err := p.look(r); err != nil {
		return nil, &kith.Error{Op: "source.Propose", On: name, Kind: kith.ErrInvalid, Err: err}
	}
	p.choose()
	text := p.write()
	m, err := Parse(text)
	if err == nil && !p.in.known {
		p.in.columns = nil
	}
	if err == nil {
		_, err = m.Reopen(p.in.Head())
	}
	if err != nil {
		return nil, fmt.Errorf("source.Propose: the proposal cannot be read: %w", err) // ours to mend
	}
	return text, nil
}

// proposal is what was found out about an input.
type proposal struct {
	name    string
	in      *Input
	rows    int
	columns []*column
	empties []string

	people       []choiceOf // who a row is about
	lacking      []string   // conditions that an identifier is not there
	sure         bool       // every row read has an identifier
	time         *column
	unique       *column
	event, why   string
	person, page bool // a row tells about a person; is a page seen
}

// choiceOf is a column that identifies.
type choiceOf struct {
	space, expr, why string
}

// look reads the beginning.
func (p *proposal) look(r io.Reader) error {
	m := &Mapping{zone: time.UTC}
	if s, ok := r.(io.ReadSeeker); ok {
		var magic [4]byte
		n, _ := io.ReadFull(s, magic[:]) // an error comes again below
		if _, err := s.Seek(0, io.SeekStart); err == nil && string(magic[:n]) == "PAR1" {
			m.format.kind = "parquet"
			p.in = m.input()
			if err := p.in.open(r); err != nil {
				return err
			}
			defer p.in.Close()
			return p.sample()
		}
	}
	b, err := io.ReadAll(io.LimitReader(r, sampleSize))
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return fmt.Errorf("the file is empty")
	}
	if bytes.HasPrefix(b, []byte("PAR1")) {
		return fmt.Errorf("a Parquet file has to be a file that is not packed, not a pipe")
	}
	if i := bytes.LastIndexByte(b, '\n'); i > 0 && len(b) == sampleSize {
		b = b[:i+1]
	}
	m.format.kind, m.format.encoding = guessFormat(b)
	p.in = m.input()
	if err := p.in.open(bytes.NewReader(b)); err != nil {
		return err
	}
	if m.format.kind == "csv" && headless(p.in.columns) {
		m.format.columns = columnNames(make([][]byte, len(p.in.columns)))
		p.in = m.input()
		if err := p.in.open(bytes.NewReader(b)); err != nil {
			return err
		}
	}
	return p.sample()
}

// guessFormat looks at the first letters.
func guessFormat(b []byte) (kind, encoding string) {
	if wide := bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")); !wide && !utf8.Valid(b) {
		encoding = "windows-1252"
	}
	first := bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	switch first[0] {
	case '[':
		return "json", encoding
	case '{':
		return "ndjson", encoding
	}
	r := &row{in: (&Mapping{format: format{kind: "log"}}).input()}
	if _, code := r.cutLog(first); code == "" {
		return "log", encoding
	}
	return "csv", encoding
}

// sample goes through the first rows and counts what stands in each column.
func (p *proposal) sample() error {
	p.in.paths = &member{cell: -1}
	r := &row{in: p.in}
	byName := make(map[string]*column)
	if p.in.known {
		for i, name := range p.in.columns {
			p.in.use(i)
			c := newColumn(name)
			byName[name] = c
			p.columns = append(p.columns, c)
		}
	}
	for p.rows < sampleRows {
		piece, _, err := p.in.Next()
		if err != nil {
			break // the end of the sample; what is wrong with the file itself, a load tells
		}
		for len(piece) > 0 && p.rows < sampleRows {
			r.reset()
			n, code := r.cut(piece)
			piece = piece[n:]
			if code != "" {
				continue
			}
			p.rows++
			if !p.in.known {
				p.members("", r.object, 0, byName)
				continue
			}
			for i, c := range p.columns {
				c.see(r.bytes(r.cell(i)), r)
			}
		}
	}
	if p.rows == 0 {
		return fmt.Errorf("no row of it can be read as %s", p.in.format.kind)
	}
	return nil
}

// members counts what stands in the members of an object.
func (p *proposal) members(above string, object []byte, depth int, byName map[string]*column) {
	r := &row{in: p.in}
	eachMember(object, func(key, v []byte) {
		name := above + string(key)
		if v[0] == '{' && depth < 4 {
			p.members(name+".", v, depth+1, byName)
			return
		}
		if v[0] == '{' || v[0] == '[' || bytes.IndexByte(key, '\\') >= 0 {
			return
		}
		c := byName[name]
		if c == nil {
			if len(p.columns) >= 300 {
				return
			}
			c = newColumn(name)
			byName[name] = c
			p.columns = append(p.columns, c)
		}
		c.typed = c.typed || v[0] != '"' && v[0] != 'n'
		c.see(r.bytes(r.jsonValue(v)), r)
	})
}

// choose decides who a row is about, when it was and what it says.
func (p *proposal) choose() {
	for _, c := range p.columns {
		c.conclude(p.rows)
		for word := range c.empties {
			if c.wordy() && !strings.Contains("\x00"+strings.Join(p.empties, "\x00")+"\x00", "\x00"+word+"\x00") {
				p.empties = append(p.empties, word)
			}
		}
	}
	p.chooseTime()
	p.choosePeople()
	p.chooseEvent()
}

// write puts the proposal in words.
func (p *proposal) write() []byte {
	var b bytes.Buffer
	line := func(text, why string) {
		if why != "" {
			why = strings.Repeat(" ", max(1, 48-len(text))) + "# " + why
		}
		b.WriteString(text + why + "\n")
	}
	rows := strconv.Itoa(p.rows)
	b.WriteString("# Proposed by kith map from the first " + rows + " rows. Read it, mend it, and try it: kith load DIR FILE --map THIS --dry-run\n")
	line("kith: 1", "the version of the language, docs/mapping.md")
	line("source: "+sourceName(p.name), "by the name of the file")
	line(p.formatLine(), p.formatWhy())
	if p.time != nil {
		line(p.timeLine(), p.time.timeWhy())
	}
	line("person:", "")
	external := false
	for _, id := range p.people {
		if strings.HasPrefix(id.space, "external.") && !external {
			line("  external:", "identifiers of other kinds")
			external = true
		}
		key := "  " + id.space
		if name, ok := strings.CutPrefix(id.space, "external."); ok {
			key = "    " + name
		}
		line(key+": "+id.expr, id.why)
	}
	line("rows:", "")
	line("  - "+p.event, p.why)
	list := "    properties:"
	if p.person {
		list = "    traits:"
	}
	b.WriteString(p.writeMembers(list, line))
	return b.Bytes()
}

// writeMembers lists the columns that are not empty.
func (p *proposal) writeMembers(head string, line func(text, why string)) string {
	begun, hollow, listed := false, 0, 0
	for _, c := range p.columns {
		if c == p.unique || c == p.time && !p.person || p.in.format.kind == "log" && c.name == "time" {
			continue
		}
		if c.filled == 0 {
			hollow++
			continue
		}
		if listed++; listed > mostListed {
			continue
		}
		if !begun {
			line(head, "")
			begun = true
		}
		expr, why := c.member()
		line("      "+memberKey(c.name)+": "+expr, why)
	}
	end := ""
	if listed > mostListed {
		end = "      # " + strconv.Itoa(listed-mostListed) + " columns more are left out; to have every column: properties: all\n"
	}
	if hollow > 0 {
		end += "      # " + strconv.Itoa(hollow) + " columns are empty in all of these rows, and left out\n"
	}
	return end
}

func (p *proposal) formatLine() string {
	f := p.in.format
	var parts []string
	if f.kind == "csv" && f.delimiter != ',' {
		d := string(f.delimiter)
		if d == "\t" {
			d = "tab"
		}
		parts = append(parts, `delimiter: "`+d+`"`)
	}
	if f.encoding != "" {
		parts = append(parts, "encoding: "+f.encoding)
	}
	if f.columns != nil {
		parts = append(parts, "columns: ["+strings.Join(f.columns, ", ")+"]")
	}
	if len(p.empties) > 0 {
		var words []string
		for _, w := range p.empties {
			words = append(words, strconv.Quote(w))
		}
		parts = append(parts, "empty: ["+strings.Join(words, ", ")+"]")
	}
	if parts == nil {
		return "format: " + f.kind
	}
	return "format: {type: " + f.kind + ", " + strings.Join(parts, ", ") + "}"
}

func (p *proposal) formatWhy() string {
	switch p.in.format.kind {
	case "csv":
		switch {
		case p.in.format.columns != nil:
			return "the first row seems to be data, not names: give the columns theirs"
		case len(p.columns) == 1:
			return "one column: none of , ; | and tab cuts the rows"
		}
		return strconv.Itoa(len(p.columns)) + " columns in nearly every row"
	case "ndjson":
		return "each line begins with {"
	case "json":
		return "it begins with ["
	case "log":
		return "the lines are those of an access log"
	}
	return "it begins with PAR1"
}

func (p *proposal) timeLine() string {
	c := p.time
	column := yamlValue(columnRef(c.name))
	if c.layout == "iso" && c.zoned {
		return "time: " + column
	}
	layout := ""
	if c.layout != "iso" {
		layout = ", layout: " + strconv.Quote(c.layout)
	}
	if c.zoned {
		return "time: {column: " + column + layout + "}"
	}
	return "time: {column: " + column + layout + ", zone: UTC}"
}
