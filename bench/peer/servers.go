package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrAbsent says that a server is not installed.
var ErrAbsent = errors.New("it is not installed")

// Server is a database server of Debian's that runs for a comparison: on the
// loopback, in a folder of its own, with the settings that it is installed with
// but for what a folder of its own needs. Close stops it.
type Server struct {
	Name    string
	dir     string
	port    int
	run     *exec.Cmd
	ended   chan struct{}
	log     *os.File
	client  func(ctx context.Context, args ...string) *exec.Cmd
	loading func(table string) string // the statement that reads lines of tabs
	timing  func(statement string, n int) (in string, args []string)
	times   *regexp.Regexp // finds the times in what the client writes
	unit    time.Duration
}

// PostgreSQL starts PostgreSQL 15.
func PostgreSQL(ctx context.Context) (*Server, error) {
	const bin = "/usr/lib/postgresql/15/bin/"
	if _, err := os.Stat(bin + "initdb"); err != nil {
		return nil, fmt.Errorf("PostgreSQL 15: %w", ErrAbsent)
	}
	s, err := newServer("PostgreSQL 15")
	if err != nil {
		return nil, err
	}
	dir := s.dir
	owner, err := s.owner("postgres")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	as := func(c *exec.Cmd) *exec.Cmd {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		c.Dir = dir
		return c
	}
	if out, err := as(exec.CommandContext(ctx, bin+"initdb", "-D", dir+"/data", "-U", "kith", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")).CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, last(out)), s.Close())
	}
	s.client = func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "/usr/bin/psql", append([]string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", "kith", "postgres"}, args...)...)
	}
	s.loading = func(table string) string { return "COPY " + table + " FROM STDIN" }
	s.timing = func(statement string, n int) (string, []string) {
		return "\\timing on\n" + strings.Repeat(statement+";\n", n), nil
	}
	s.times, s.unit = regexp.MustCompile(`(?m)^Time: ([0-9.]+) ms`), time.Millisecond
	return s, s.start(ctx, as(exec.Command(bin+"postgres", "-D", dir+"/data", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", dir, "-c", "TimeZone=UTC")))
}

// ClickHouse starts ClickHouse 18.
func ClickHouse(ctx context.Context) (*Server, error) {
	bin, err := exec.LookPath("clickhouse-server")
	if err != nil {
		return nil, fmt.Errorf("ClickHouse: %w", ErrAbsent)
	}
	s, err := newServer("ClickHouse 18")
	if err != nil {
		return nil, err
	}
	dir := s.dir
	config := fmt.Sprintf(`<yandex><logger><level>warning</level><console>1</console></logger><listen_host>127.0.0.1</listen_host><tcp_port>%d</tcp_port>
<path>%[2]s/data/</path><tmp_path>%[2]s/tmp/</tmp_path><users_config>%[2]s/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<timezone>UTC</timezone><mark_cache_size>5368709120</mark_cache_size></yandex>`, s.port, dir)
	users := `<yandex><profiles><default><max_memory_usage>10000000000</max_memory_usage></default></profiles><quotas><default/></quotas>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>`
	err = errors.Join(os.WriteFile(dir+"/config.xml", []byte(config), 0o600), os.WriteFile(dir+"/users.xml", []byte(users), 0o600))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.client = func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "clickhouse-client", append([]string{"--host", "127.0.0.1", "--port", strconv.Itoa(s.port)}, args...)...)
	}
	s.loading = func(table string) string { return "INSERT INTO " + table + " FORMAT TSV" }
	s.timing = func(statement string, n int) (string, []string) {
		return strings.Repeat(statement+";\n", n), []string{"--time", "--multiquery"}
	}
	s.times, s.unit = regexp.MustCompile(`(?m)^([0-9.]+)$`), time.Second
	c := exec.Command(bin, "--config-file="+dir+"/config.xml")
	c.Dir = dir
	return s, s.start(ctx, c)
}

// newServer makes the folder where temporary ones are: the server's user has to
// get there.
func newServer(name string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kith-peer-")
	if err := errors.Join(err, l.Close()); err != nil {
		return nil, err
	}
	s := &Server{Name: name, dir: dir, port: l.Addr().(*net.TCPAddr).Port}
	s.log, err = os.Create(filepath.Join(dir, "log"))
	return s, err
}

// owner gives the folder to a user where we are root, whom PostgreSQL refuses.
func (s *Server) owner(name string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2, os.Chown(s.dir, int(uid), int(gid))); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// start waits until the server answers.
func (s *Server) start(ctx context.Context, c *exec.Cmd) error {
	c.Stdout, c.Stderr = s.log, s.log
	if err := c.Start(); err != nil {
		return errors.Join(err, s.Close())
	}
	s.run, s.ended = c, make(chan struct{})
	go func() {
		c.Wait() // how it ended, the log says
		close(s.ended)
	}()
	for wait := time.NewTicker(100 * time.Millisecond); ; {
		if _, err := s.Exec(ctx, "SELECT 1"); err == nil {
			wait.Stop()
			return nil
		}
		select {
		case <-wait.C:
		case <-s.ended:
			log, err := os.ReadFile(s.log.Name())
			return errors.Join(fmt.Errorf("%s does not start: %s", s.Name, last(log)), err, s.Close())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.Close())
		}
	}
}

// Close stops the server and removes its folder.
func (s *Server) Close() error {
	if s.run != nil {
		if err := s.run.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		<-s.ended
	}
	return errors.Join(s.log.Close(), os.RemoveAll(s.dir))
}

// Exec carries statements out and gives what the client writes.
func (s *Server) Exec(ctx context.Context, statements string) (string, error) {
	arg := "-c"
	if s.unit == time.Second {
		arg = "--query"
	}
	out, err := s.client(ctx, arg, statements).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", s.Name, err, last(out))
	}
	return string(out), err
}

// Load reads lines of tabs into a table.
func (s *Server) Load(ctx context.Context, table string, lines io.Reader) error {
	arg := "-c"
	if s.unit == time.Second {
		arg = "--query"
	}
	c := s.client(ctx, arg, s.loading(table))
	c.Stdin = lines
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: load %s: %w: %s", s.Name, table, err, last(out))
	}
	return nil
}

// Best asks a question that has one number as its answer n times over one
// connection, and gives the number and the least time that the client measured.
func (s *Server) Best(ctx context.Context, question string, n int) (answer string, best time.Duration, err error) {
	in, args := s.timing(question, n)
	c := s.client(ctx, args...)
	c.Stdin = strings.NewReader(in)
	var out, told bytes.Buffer
	c.Stdout, c.Stderr = &out, &told
	if err := c.Run(); err != nil {
		return "", 0, fmt.Errorf("%s: %w: %s", s.Name, err, last(told.Bytes()))
	}
	answer, _, _ = strings.Cut(out.String(), "\n")
	found := s.times.FindAllStringSubmatch(out.String(), -1)
	if s.unit == time.Second {
		found = s.times.FindAllStringSubmatch(told.String(), -1)
	}
	for i, m := range found {
		t, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return "", 0, err
		}
		if d := time.Duration(t * float64(s.unit)); i == 0 || d < best {
			best = d
		}
	}
	if len(found) != n {
		return "", 0, fmt.Errorf("%s told %d times of %d", s.Name, len(found), n)
	}
	return answer, best, nil
}

// last gives the end of what a program wrote.
func last(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}
