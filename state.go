package ringbid

import "strings"

// states are the postal codes of the United States, its capital, territories and
// armed forces, with their names (USPS Publication 28, appendix B).
const states = `AL Alabama
AK Alaska
AZ Arizona
AR Arkansas
CA California
CO Colorado
CT Connecticut
DE Delaware
DC District of Columbia
FL Florida
GA Georgia
HI Hawaii
ID Idaho
IL Illinois
IN Indiana
IA Iowa
KS Kansas
KY Kentucky
LA Louisiana
ME Maine
MD Maryland
MA Massachusetts
MI Michigan
MN Minnesota
MS Mississippi
MO Missouri
MT Montana
NE Nebraska
NV Nevada
NH New Hampshire
NJ New Jersey
NM New Mexico
NY New York
NC North Carolina
ND North Dakota
OH Ohio
OK Oklahoma
OR Oregon
PA Pennsylvania
RI Rhode Island
SC South Carolina
SD South Dakota
TN Tennessee
TX Texas
UT Utah
VT Vermont
VA Virginia
WA Washington
WV West Virginia
WI Wisconsin
WY Wyoming
AS American Samoa
GU Guam
MP Northern Mariana Islands
PR Puerto Rico
VI U.S. Virgin Islands
AA Armed Forces Americas
AE Armed Forces Europe
AP Armed Forces Pacific`

// USState returns the postal code and the name of a US state, territory or
// armed forces region given by either, in any case; "" where there is none.
func USState(s string) (code, name string) {
	s = strings.Join(strings.Fields(strings.Trim(s, " .")), " ")
	for line := range strings.SplitSeq(states, "\n") {
		c, n, _ := strings.Cut(line, " ")
		if strings.EqualFold(s, c) || strings.EqualFold(s, n) {
			return c, n
		}
	}
	return "", ""
}
