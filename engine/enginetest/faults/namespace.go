//go:build linux

package faults

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const insideEnv = "KITH_FAULTS_INSIDE"

// Namespace runs the test that calls it a second time, in a process with a mount
// namespace of its own, and gives false when that is over; the test then returns
// at once. Inside it gives true. What is mounted inside is seen by nobody else
// and is gone with the process. Without root a user namespace is made as well.
func Namespace(t testing.TB) (inside bool) {
	t.Helper()
	if os.Getenv(insideEnv) == t.Name() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+exactly(t.Name()), "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), insideEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		Need(t, missing("Namespace", "the right to make a mount namespace", err))
	}
	err := cmd.Wait()
	t.Log(out)
	switch {
	case err != nil:
		t.Fatalf("in its own namespace: %v", err)
	case strings.Contains(out.String(), "--- SKIP: "+t.Name()):
		t.Skip("skipped in its own namespace, for the reason above")
	}
	return false
}
