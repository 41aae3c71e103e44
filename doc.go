// Package kith holds the words of a customer data platform: event, identifier, profile, decision, and the errors they end in.
//
// It has no effects and imports nothing but the standard library. The platform
// itself is package engine:
//
//	e, err := engine.Open("shop.kith", nil)
//	report, err := e.Ingest(ctx, kith.Event{Kind: kith.Track, Name: "Order Completed", UserID: "u1"})
//	p, err := e.Profile(ctx, kith.Identifier{Space: "user_id", Value: "u1"})
package kith
