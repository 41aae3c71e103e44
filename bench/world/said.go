package world

// appendSaid appends traits or properties.
func (m *maker) appendSaid(b []byte, ev *event) []byte {
	v := ev.v
	switch ev.step {
	case stepAlias:
		return b
	case stepIdentify:
		b = append(b, `,"traits":{`...)
		b = v.appendTraits(b)
	case stepGroup:
		b = append(b, `,"traits":{`...)
		b = m.appendCompany(b, v.p.company)
	default:
		b = append(b, `,"properties":{`...)
		b = m.appendProperties(b, ev)
	}
	return append(b, '}')
}

// appendTraits appends what an identify says about the person.
func (v *session) appendTraits(b []byte) []byte {
	p := &v.p
	b = append(p.appendMail(append(b, `"email":"`...)), `","first_name":"`...)
	b = append(append(b, p.first.said...), `","last_name":"`...)
	b = append(append(b, p.last.said...), '"')
	if p.phone {
		b = append(p.appendPhone(append(b, `,"phone":"`...)), '"')
	}
	b = append(append(b, `,"country":"`...), p.country.code...)
	city := p.city
	if v.round > p.login+3 && p.seed&7 == 0 {
		city++ // some people move
	}
	b = append(append(b, `","city":"`...), p.country.cities[city%uint64(len(p.country.cities))]...)
	b = appendN(append(b, `","birthday":"`...), p.birth[0], 4)
	b = appendN(append(b, '-'), p.birth[1], 2)
	b = appendN(append(b, '-'), p.birth[2], 2)
	b = append(append(b, `","plan":"`...), plans[v.plan()]...)
	b = append(b, `","newsletter":`...)
	if p.newsletter {
		b = append(b, `true`...)
	} else {
		b = append(b, `false`...)
	}
	return appendInt(append(b, `,"visits":`...), v.round+1)
}

// plan is an index of plans: what the person has at this visit.
func (v *session) plan() uint64 {
	if v.p.subscribes && v.round > v.p.login {
		return 1 + v.p.seed>>32&1
	}
	return 0
}

func (m *maker) appendCompany(b []byte, no uint64) []byte {
	d := dice(hash(m.shape.seed, aboutCompany, no, 0))
	b = append(append(b, `"name":"`...), brands[d.roll(uint64(len(brands)))]...)
	b = append(appendInt(append(b, ' '), no), `","industry":"`...)
	b = append(append(b, industries[d.roll(uint64(len(industries)))]...), `","employees":`...)
	return appendInt(b, 5+d.roll(50)*d.roll(40))
}

// appendProperties appends what all but identify, group and alias say.
func (m *maker) appendProperties(b []byte, ev *event) []byte {
	v := ev.v
	switch ev.step {
	case stepPage:
		return append(b, `"path":"/home","title":"Home","url":"https://shop.example.com/home"`...)
	case stepScreen:
		return append(append(append(b, `"view":"home","currency":"`...), v.p.country.currency...), '"')
	case stepList:
		b = append(append(b, `"list_id":"hot-deals","category":"`...), categories[ev.product]...)
		return append(b, `"`...)
	case stepSearch:
		return append(append(append(b, `"query":"`...), searches[ev.product]...), '"')
	case stepView, stepAdd, stepWish:
		b = append(b, m.shelf[ev.product].text...)
		b = append(append(b, `,"currency":"`...), v.p.country.currency...)
		return append(b, `","quantity":1`...)
	case stepShare:
		return append(append(b, m.shelf[ev.product].text...), `,"share_via":"email"`...)
	case stepReview:
		b = appendInt(append(append(b, m.shelf[ev.product].text...), `,"rating":`...), 1+v.p.seed>>5&3+uint64(ev.product&1))
		return b
	case stepCart, stepCheckout, stepOrder:
		return m.appendOrder(b, ev)
	case stepSubscribe, stepUnsubscribe:
		i := 1 + v.p.seed>>32&1
		b = append(append(b, `"plan":"`...), plans[i]...)
		b = appendCents(append(b, `","price":`...), 999*i)
		return append(append(append(b, `,"currency":"`...), v.p.country.currency...), '"')
	}
	d := dice(v.device ^ v.number)
	b = append(append(b, `"campaign":"`...), campaigns[d.roll(uint64(len(campaigns)))]...)
	return append(b, `","subject":"News from the shop","link":"https://shop.example.com/home"`...)
}

// appendOrder appends the cart, and of an order its number and what it costs.
func (m *maker) appendOrder(b []byte, ev *event) []byte {
	v := ev.v
	bill := v.bill(m.shelf, ev.items)
	b = append36(append(b, `"cart_id":"c-`...), mix(v.number)>>24, 8)
	b = append(b, '"')
	if ev.step != stepCart {
		b = append36(append(b, `,"order_id":"o-`...), scatter(v.number), 8)
		b = appendCents(append(b, `","shipping":`...), bill.shipping)
		b = appendCents(append(b, `,"discount":`...), bill.discount)
		if v.coupon {
			b = append(append(append(b, `,"coupon":"`...), coupons[v.p.seed>>40&3]...), '"')
		}
		b = appendCents(append(b, `,"revenue":`...), bill.goods-bill.discount)
		b = appendCents(append(b, `,"total":`...), bill.total)
	} else {
		b = appendCents(append(b, `,"total":`...), bill.goods)
	}
	b = append(append(append(b, `,"currency":"`...), v.p.country.currency...), `","products":[`...)
	for i, it := range v.cart[:ev.items] {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '{'), m.shelf[it.product].text...), `,"quantity":`...)
		b = append(appendInt(b, uint64(it.count)), '}')
	}
	return append(b, ']')
}
