// One websocket that stays: it reconnects by itself after loss and sleep, says
// where it stopped, and reports whether anything was missed on the way.
export class Live {
  // on: { event(e), pop(p), resync(), state(text, up), presence(s) }
  constructor(on) {
    this.on = on; this.last = 0; this.boot = ''; this.tries = 0; this.heard = 0;
    addEventListener('online', () => this.connect());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.check(); });
    setInterval(() => this.check(), 5000);
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    if (this.ws && this.ws.readyState <= 1) return;
    const u = new URL('/socket', location.href);
    u.protocol = u.protocol.replace('http', 'ws');
    if (this.boot) { u.searchParams.set('boot', this.boot); u.searchParams.set('last', this.last); }
    const ws = this.ws = new WebSocket(u);
    ws.onmessage = m => { this.heard = Date.now(); this.take(JSON.parse(m.data)); };
    ws.onclose = () => { if (this.ws === ws) this.again(); };
  }

  take(m) {
    if (m.seq) this.last = m.seq;
    switch (m.t) {
      case 'hello': {
        this.tries = 0;
        const fresh = m.resync || m.boot !== this.boot;
        this.boot = m.boot;
        this.on.state?.('live', true);
        if (m.presence) this.on.presence?.(m.presence);
        if (fresh) this.on.resync?.();
        break;
      }
      case 'event': this.on.event?.(m.event); break;
      case 'pop': this.on.pop?.(m.pop); break;
      case 'presence': this.on.presence?.(m.presence); break;
      case 'resync': this.on.resync?.(); break;
    }
  }

  // again tries to come back, soon at first, then every ten seconds.
  again() {
    const wait = Math.min(10000, 300 * 2 ** Math.min(this.tries++, 5)) * (0.7 + Math.random() * 0.6);
    this.on.state?.(navigator.onLine ? 'connection lost, coming back' : 'offline', false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), wait);
  }

  // check drops a connection that sleep or the network killed silently: the
  // server says something every 20 seconds.
  check() {
    if (this.ws?.readyState === 1 && Date.now() - this.heard > 45000) { this.ws.close(); this.again(); }
    else if (!this.ws || this.ws.readyState === 3) { if (!this.timer) this.connect(); }
  }

  send(m) {
    if (this.ws?.readyState !== 1) return false;
    this.ws.send(JSON.stringify(m));
    return true;
  }
}
