package enginetest

import "testing"

func TestScripts(t *testing.T) { Scripts(t, Repository("engine/testdata")) }
