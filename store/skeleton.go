package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/ringbid/ringbid"
)

var errUnbuilt = errors.New("unbuilt")

type Store struct{ cfg Config }

func Open(ctx context.Context, c Config) (*Store, error) { return nil, errUnbuilt }
func Migrate(ctx context.Context, dsn string, more ...func(context.Context, *pgxpool.Pool) error) error {
	return errUnbuilt
}
func (s *Store) Close(ctx context.Context) error { return nil }
func (s *Store) Away() bool                      { return false }
func (s *Store) Ping(ctx context.Context) error  { return nil }
func (s *Store) Pool() *pgxpool.Pool             { return nil }

type FieldChange struct{ Path, Old, New string }
type Change struct {
	Key     ringbid.Key
	Version int
	Fields  []FieldChange
}
type Changes struct {
	Create, Update, Same, Delete []Change
	Revision                     int64
}

func (c Changes) Empty() bool { return true }
func (s *Store) Plan(ctx context.Context, docs []ringbid.Document, prune bool) (Changes, []ringbid.Problem, error) {
	return Changes{}, nil, errUnbuilt
}
func (s *Store) Apply(ctx context.Context, docs []ringbid.Document, prune bool, by string) (Changes, []ringbid.Problem, error) {
	return Changes{}, nil, errUnbuilt
}
func (s *Store) Documents(ctx context.Context) ([]ringbid.Document, error) { return nil, errUnbuilt }

type Version struct {
	Key     ringbid.Key
	Version int
	State   string
	Created time.Time
	By      string
}

func (s *Store) History(ctx context.Context, k ringbid.Key) ([]Version, error) {
	return nil, errUnbuilt
}
func (s *Store) DocumentAt(ctx context.Context, k ringbid.Key, version int) (ringbid.Document, error) {
	return nil, errUnbuilt
}
func (s *Store) Restore(ctx context.Context, k ringbid.Key, version int, by string) (Changes, []ringbid.Problem, error) {
	return Changes{}, nil, errUnbuilt
}
func (s *Store) SaveDraft(ctx context.Context, d ringbid.Document, by string) error {
	return errUnbuilt
}
func (s *Store) Draft(ctx context.Context, k ringbid.Key) (ringbid.Document, error) {
	return nil, errUnbuilt
}
func (s *Store) PublishDraft(ctx context.Context, k ringbid.Key, by string) (Changes, []ringbid.Problem, error) {
	return Changes{}, nil, errUnbuilt
}
func (s *Store) Book() *ringbid.Book { return nil }

func (s *Store) Reserve(ctx context.Context, callID string, t *ringbid.Target) error {
	return errUnbuilt
}
func (s *Store) Release(ctx context.Context, callID, target string)  {}
func (s *Store) Full(t *ringbid.Target) (reason string, full bool)   { return "", false }
func (s *Store) Started(call ringbid.Call)                           {}
func (s *Store) Settle(ctx context.Context, call ringbid.Call) error { return errUnbuilt }
func (s *Store) SeenWithin(caller, number ringbid.Phone, at time.Time, window time.Duration) bool {
	return false
}

type CallFilter struct {
	From, To                           time.Time
	Number, Caller                     ringbid.Phone
	Campaign, Publisher, Buyer, Target string
	Outcome                            ringbid.Outcome
	State                              ringbid.State
	Text                               string
	MinMS                              int64
	MaxMS                              int64
	Recorded                           bool
	Limit                              int
	Cursor                             string
}
type CallPage struct {
	Calls []ringbid.Call
	Next  string
}
type Total struct {
	Calls           int64
	ConnectedMS     int64
	Revenue, Payout map[string]ringbid.Money
}

func (s *Store) Calls(ctx context.Context, f CallFilter) (CallPage, error) {
	return CallPage{}, errUnbuilt
}
func (s *Store) Total(ctx context.Context, f CallFilter) (Figures, error) {
	return Figures{}, errUnbuilt
}
func (s *Store) Call(ctx context.Context, id string) (*ringbid.Call, error) { return nil, errUnbuilt }
func (s *Store) Recording(ctx context.Context, callID string) (*ringbid.Recording, error) {
	return nil, errUnbuilt
}
func (s *Store) AddRecording(ctx context.Context, callID string, r ringbid.Recording) error {
	return errUnbuilt
}
func (s *Store) SetRecordingURL(ctx context.Context, id, url string) error { return errUnbuilt }

type Sales struct{ Revenue, Payout ringbid.Money }
type Figures struct {
	Calls, Answered, Dialled, Connected, Converted, Lost, ConnectedMS int64
	Sales                                                             map[string]Sales
}

func (f Figures) AnswerRate() float64 { return 0 }
func (s *Store) Figures(ctx context.Context, since time.Time) (Figures, error) {
	return Figures{}, errUnbuilt
}

type Row struct {
	Name string
	Figures
}

func (s *Store) Report(ctx context.Context, from, to time.Time, by string) ([]Row, error) {
	return nil, errUnbuilt
}

func (s *Store) Authenticate(ctx context.Context, name, password, ip string) (*ringbid.User, error) {
	return nil, errUnbuilt
}
func (s *Store) NewSession(ctx context.Context, user string) (token string, err error) {
	return "", errUnbuilt
}
func (s *Store) Session(ctx context.Context, token string) (u *ringbid.User, csrf string, err error) {
	return nil, "", errUnbuilt
}
func (s *Store) EndSession(ctx context.Context, token string) error { return errUnbuilt }
