// Command kith is a customer data platform in one directory: events go in, one profile per person comes out, SQL answers over both.
package main

import "os"

func main() {
	os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
