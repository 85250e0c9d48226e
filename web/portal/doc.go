// Package portal makes the pages of those who belong to a buyer or publisher:
// the agent's desk with its screen pops, and today's figures with the own calls
// of a buyer or publisher.
//
// Everyone here sees their own rows and nothing else: the filter is set from
// the signed-in user, never from the address, and a call of someone else is
// answered as if it did not exist. Buyers do not see payouts or other bids,
// publishers see neither revenue nor whole callers' numbers.
package portal
