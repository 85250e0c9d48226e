package leg

import "sync"

// owed are the requests on a connection that nothing came back to yet. They fail
// with the connection, so that a call goes on elsewhere at once. What has been
// answered provisionally may get its final response by another connection (RFC
// 3261 section 18.2.2).
type owed struct {
	mu  sync.Mutex
	txs map[*clientTx]struct{}
}

func (o *owed) add(tx *clientTx) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.txs == nil {
		o.txs = map[*clientTx]struct{}{}
	}
	o.txs[tx] = struct{}{}
}

func (o *owed) drop(tx *clientTx) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.txs, tx)
}

// fail ends all of them.
func (o *owed) fail() {
	o.mu.Lock()
	txs := o.txs
	o.txs = nil
	o.mu.Unlock()
	for tx := range txs {
		tx.failBy(txTrying, ErrTransport)
	}
}
