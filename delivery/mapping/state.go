package mapping

import "github.com/ringbid/ringbid"

// stateCode returns the code of a state given by code or name, or "".
func stateCode(s string) string {
	code, _ := ringbid.USState(s)
	return code
}

// stateName returns the name of a state given by code or name, or "".
func stateName(s string) string {
	_, name := ringbid.USState(s)
	return name
}
