// Package portal makes the pages of those who belong to a buyer or publisher:
// the agent's desk with its screen pops, today's figures with the own calls of a
// buyer or publisher, and the inbox in which a buyer's people work its leads.
//
// Everyone here sees their own rows and nothing else: the filter is set from
// the signed-in user, never from the address, and a call of someone else is
// answered as if it did not exist. Buyers do not see payouts or other bids,
// publishers see neither revenue nor whole callers' numbers. An agent works the
// leads that are theirs or nobody's; of the others they see that a colleague has
// them. What is done with a lead is noted before it is done: a call is in its
// history before the telephone dials.
package portal
