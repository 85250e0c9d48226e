package media

import "net/netip"

// family is an address of the plane that streams are bound to, and the one
// their peers are told.
type family struct{ bind, advertise netip.Addr }

// family returns the one in which peer can be reached; the first of the plane
// if there is none, or no peer is known.
func (c Config) family(peer netip.Addr) family {
	first, second := family{c.Bind, c.Advertise}, family{c.Bind6, c.Advertise6}
	if second.bind.IsValid() && peer.IsValid() && !peer.Unmap().Is4() {
		return second
	}
	return first
}

// Dual reports whether the plane serves peers of both address families.
func (p *Plane) Dual() bool { return p.config.Bind6.IsValid() }
