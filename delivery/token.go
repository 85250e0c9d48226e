package delivery

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ringbid/ringbid/delivery/connector"
)

// Vault keeps sealed texts, shared by all nodes; the store does.
type Vault interface {
	Token(ctx context.Context, account string) (string, error)
	SaveToken(ctx context.Context, account, text string) error
	LockToken(ctx context.Context, account string) (unlock func(), err error)
}

// Tokens is a connector.TokenStore over a Vault.
type Tokens struct{ Vault Vault }

// Load returns the account's token; the zero Token where there is none.
func (t Tokens) Load(ctx context.Context, account string) (out connector.Token, err error) {
	text, err := t.Vault.Token(ctx, account)
	if err != nil || text == "" {
		return out, err
	}
	var kept kept
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		return out, fmt.Errorf("token of %.64q is damaged: %w", account, err)
	}
	return connector.Token(kept), nil
}

// Save replaces the account's token, access and refresh in one step.
func (t Tokens) Save(ctx context.Context, account string, token connector.Token) error {
	b, err := json.Marshal(kept(token))
	if err != nil {
		return err
	}
	return t.Vault.SaveToken(ctx, account, string(b))
}

// Lock makes the caller the account's only refresher on any node.
func (t Tokens) Lock(ctx context.Context, account string) (func(), error) {
	return t.Vault.LockToken(ctx, account)
}

// kept is a Token as it is sealed.
type kept connector.Token
