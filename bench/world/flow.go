package world

// step is what a person does, or what is done for him.
type step uint8

const (
	none step = iota
	stepPage
	stepScreen
	stepIdentify
	stepAlias
	stepGroup
	stepList
	stepSearch
	stepView
	stepAdd
	stepWish
	stepShare
	stepReview
	stepCart
	stepCheckout
	stepOrder
	stepSubscribe
	stepUnsubscribe
	stepMailOpen
	stepMailClick
	steps
)

// stepNames is the name of an event, and which of the six calls it is.
var stepNames = [steps]struct{ call, name string }{
	stepPage:        {"page", "Home"},
	stepScreen:      {"screen", "Home"},
	stepIdentify:    {"identify", ""},
	stepAlias:       {"alias", ""},
	stepGroup:       {"group", ""},
	stepList:        {"track", "Product List Viewed"},
	stepSearch:      {"track", "Products Searched"},
	stepView:        {"track", "Product Viewed"},
	stepAdd:         {"track", "Product Added"},
	stepWish:        {"track", "Product Added to Wishlist"},
	stepShare:       {"track", "Product Shared"},
	stepReview:      {"track", "Product Reviewed"},
	stepCart:        {"track", "Cart Viewed"},
	stepCheckout:    {"track", "Checkout Started"},
	stepOrder:       {"track", "Order Completed"},
	stepSubscribe:   {"track", "Subscription Started"},
	stepUnsubscribe: {"track", "Subscription Cancelled"},
	stepMailOpen:    {"track", "Email Opened"},
	stepMailClick:   {"track", "Email Clicked"},
}

// server says whether the shop's own server sends the event: with the user id
// alone, and with a time that needs no correction.
func (s step) server() bool { return s >= stepSubscribe }

// flow is how far a session has come.
type flow struct {
	v          *session
	shelf      []product
	seen       uint16 // the product that was looked at last
	checked    bool
	ordered    bool
	subscribed bool
}

// opening is the first line of every session; it is never wrong.
func (f *flow) opening() step {
	switch v := f.v; {
	case v.mail:
		return stepMailOpen
	case v.state == login && v.lines == 1:
		return stepIdentify
	case v.kind.app:
		return stepScreen
	}
	return stepPage
}

// next decides the k-th line.
func (f *flow) next(k uint32) (step, uint16) {
	v := f.v
	switch {
	case k == 0:
		return f.opening(), 0
	case k == 1 && v.state == login:
		return stepIdentify, 0
	case k == 1 && v.mail:
		return stepMailClick, 0
	}
	if s := f.account(k); s != none {
		return s, 0
	}
	if s := f.buy(v.lines - uint64(k)); s != none {
		if s == stepAdd {
			f.add()
		}
		return s, f.seen
	}
	return f.browse()
}

// account is what a person with an account does besides shopping.
func (f *flow) account(k uint32) step {
	v, p := f.v, &f.v.p
	if p.manner != byUserID || v.state == anonymous {
		return none
	}
	first := v.round == p.login
	switch {
	case first && k == 2 && !v.shared && v.rng.odds(15):
		return stepAlias
	case v.state == login && k == 3 && p.company > 0:
		return stepGroup
	case first && k >= 4 && p.subscribes && !f.subscribed:
		f.subscribed = true
		return stepSubscribe
	case !first && k == 2 && !v.mail && p.subscribes && p.leaves && v.round == p.visits-1:
		return stepUnsubscribe
	}
	return none
}

// buy is the way to an order in the last lines of a buyer's session.
func (f *flow) buy(left uint64) step {
	need := uint64(2)
	if f.v.items == 0 {
		need++
	}
	if !f.v.buyer || f.ordered {
		return none
	}
	switch {
	case f.checked:
		f.ordered = true
		return stepOrder
	case left == need+1 && f.v.items > 0:
		return stepCart
	case left > need:
		return none
	case f.v.items == 0:
		return stepAdd
	}
	f.checked = true
	return stepCheckout
}

// browse is everything else.
func (f *flow) browse() (step, uint16) {
	v := f.v
	r := v.rng.roll(100)
	switch {
	case r < 10 && v.kind.app:
		return stepScreen, 0
	case r < 10:
		return stepPage, 0
	case r < 22:
		return stepList, uint16(v.rng.roll(uint64(len(categories))))
	case r < 28:
		return stepSearch, uint16(v.rng.roll(uint64(len(searches))))
	case r < 46 && f.seen > 0 && v.items < uint8(len(v.cart)):
		f.add()
		return stepAdd, f.seen
	case r < 51 && v.items > 0:
		return stepCart, 0
	case r < 54 && f.seen > 0:
		return stepWish, f.seen
	case r < 57 && f.seen > 0:
		return stepShare, f.seen
	case r < 59 && f.seen > 0 && v.state == known:
		return stepReview, f.seen
	}
	f.seen = popular(&v.rng)
	return stepView, f.seen
}

// add puts the product that was looked at last into the cart.
func (f *flow) add() {
	v := f.v
	if f.seen == 0 {
		f.seen = popular(&v.rng)
	}
	v.cart[v.items] = item{f.seen, uint8(1 + v.rng.roll(2)*v.rng.roll(3))}
	v.items++
}
