// Package engine opens a customer data platform inside your process: events go in, one profile per person comes out, SQL answers over both.
package engine
