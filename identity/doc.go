// Package identity decides which person an event is about.
package identity
