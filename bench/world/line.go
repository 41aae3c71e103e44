package world

// append appends the line of an event, without a newline.
func (m *maker) append(b []byte, ev *event) []byte {
	v := ev.v
	v.render()
	server := ev.step.server()
	b = append(b, '{')
	b = appendCall(b, ev)
	if ev.fate != noIdentity {
		b = m.appendWho(b, ev, server)
	}
	hi, lo := hash(m.shape.seed, aboutMessage, v.number, uint64(ev.k)), uint64(0)
	lo = mix(hi ^ m.shape.seed)
	b = appendUUID(append(b, `,"messageId":"`...), hi, lo)
	b = m.appendTimes(append(b, '"'), ev, server)
	b = m.appendContext(append(b, `,"context":{`...), ev, server)
	b = append(b, '}')
	if ev.fate >= badProperties && ev.fate <= notANumber || ev.fate == tooLarge {
		b = appendBroken(append(b, `,"properties":`...), ev.fate)
	} else {
		b = m.appendSaid(b, ev)
	}
	if ev.fate == notJSON {
		return b[:len(b)*3/5]
	}
	return append(b, '}')
}

// appendCall appends type and name.
func appendCall(b []byte, ev *event) []byte {
	s := &stepNames[ev.step]
	switch ev.fate {
	case noType:
		return append(b, `"event":"Product Viewed"`...)
	case unknownType:
		return append(b, `"type":"purchase","event":"Product Viewed"`...)
	case noEvent:
		return append(b, `"type":"track"`...)
	}
	b = append(append(append(b, `"type":"`...), s.call...), '"')
	switch {
	case s.name == "":
		return b
	case s.call == "track":
		b = append(b, `,"event":"`...)
	default:
		b = append(b, `,"name":"`...)
	}
	return append(append(b, s.name...), '"')
}

// appendWho appends whose the event is.
func (m *maker) appendWho(b []byte, ev *event, server bool) []byte {
	v := ev.v
	if v.p.manner == byUserID && m.said(ev) {
		b = append(v.p.appendUserID(append(b, `,"userId":"`...)), '"')
	}
	switch {
	case ev.step == stepAlias && ev.fate != noPrevious && ev.fate != synthetic:
		b = append(append(append(b, `,"previousId":"`...), v.anon[:]...), '"')
	case !server && ev.step != stepAlias:
		b = append(append(append(b, `,"anonymousId":"`...), v.anon[:]...), '"')
	}
	if ev.step == stepGroup {
		b = append(b, `,"groupId":"`...)
		if ev.fate != noGroup {
			b = appendInt(append(b, `co_`...), v.p.company)
		}
		b = append(b, '"')
	}
	return b
}

// said says whether the session has said whose it is when the event happens.
func (m *maker) said(ev *event) bool {
	v := ev.v
	return v.state == known || v.state == login && (ev.k > 0 || v.lines == 1)
}

// appendTimes appends when it happened, was sent and came in, by the device's clock and ours.
func (m *maker) appendTimes(b []byte, ev *event, server bool) []byte {
	skew := ev.v.skew
	switch {
	case ev.fate == badTime:
		b = append(b, `,"timestamp":"yesterday`...)
	case ev.fate == clamped:
		b = appendTime(append(b, `,"timestamp":"`...), ev.recv+3*dayLen)
	case server:
		b = appendTime(append(b, `,"timestamp":"`...), ev.at)
	default:
		b = appendTime(append(b, `,"originalTimestamp":"`...), ev.at+skew)
		b = appendTime(append(b, `","sentAt":"`...), ev.sent+skew)
	}
	b = appendTime(append(b, `","receivedAt":"`...), ev.recv)
	return append(b, '"')
}

// render writes what all lines of a session share: the device's anonymous id
// and the first part of its context.
func (v *session) render() {
	if v.rendered {
		return
	}
	v.rendered = true
	p := &v.p
	appendUUID(v.anon[:0], mix(v.device^1), mix(v.device^2))
	b := append(v.about[:0], `"ip":"`...)
	b = appendInt(append(b, p.country.net...), p.seed>>8&255)
	b = appendInt(append(b, '.'), p.seed>>16&255)
	b = append(append(b, `","userAgent":"`...), v.kind.agent...)
	b = append(append(b, `","locale":"`...), p.country.locale...)
	b = append(append(b, `","timezone":"`...), p.country.zone...)
	b = append(append(b, '"'), v.kind.about...)
	if v.kind.app {
		b = appendUUID(append(b, `,"device":{"id":"`...), mix(v.device^3), mix(v.device^4))
		b = append(b, `","type":"mobile"}`...)
	}
	if d := dice(v.device ^ v.number); d.odds(18) && !v.kind.app {
		i := d.roll(uint64(len(sources)))
		b = append(append(b, `,"campaign":{"source":"`...), sources[i]...)
		b = append(append(b, `","medium":"`...), mediums[i]...)
		b = append(append(b, `","name":"`...), campaigns[d.roll(uint64(len(campaigns)))]...)
		b = append(b, `"}`...)
	}
	v.about = b
}

// appendContext appends the inside of context.
func (m *maker) appendContext(b []byte, ev *event, server bool) []byte {
	v := ev.v
	if server {
		return append(append(append(b, serverLib+`,"locale":"`...), v.p.country.locale...), '"')
	}
	b = append(b, v.about...)
	if v.kind.app {
		return b
	}
	b = append(b, `,"page":{`...)
	path, title := m.page(ev)
	b = append(append(b, `"path":"`...), path...)
	b = append(append(b, `","title":"`...), title...)
	if ev.k == 0 {
		b = append(b, `","referrer":"https://www.google.com/`...)
	}
	return append(b, `"}`...)
}

// page is where a browser was.
func (m *maker) page(ev *event) (path, title []byte) {
	switch ev.step {
	case stepView, stepAdd, stepWish, stepShare, stepReview:
		p := &m.shelf[ev.product]
		return p.path, p.title
	case stepCart:
		return pageCart, titleCart
	case stepCheckout, stepOrder:
		return pagePay, titlePay
	}
	return pageHome, titleHome
}

var (
	pageHome, titleHome = []byte("/home"), []byte("Home")
	pageCart, titleCart = []byte("/cart"), []byte("Your cart")
	pagePay, titlePay   = []byte("/checkout"), []byte("Checkout")
)
