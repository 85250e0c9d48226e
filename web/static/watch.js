// The watch refreshes itself. What is there is changed in place, so that nothing
// jumps, and left alone while somebody is at a button in it.
import './app.js';

const watch = document.getElementById('watch'), link = document.getElementById('link');
const parser = new DOMParser();

// morph makes the old node equal to the new one and touches only what differs.
function morph(old, now) {
  if (old.isEqualNode(now)) return;
  if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName) { old.replaceWith(now.cloneNode(true)); return; }
  if (old.nodeType !== 1) { old.data = now.data; return; }
  for (const a of [...old.attributes]) if (!now.hasAttribute(a.name)) old.removeAttribute(a.name);
  for (const a of now.attributes) if (old.getAttribute(a.name) !== a.value) old.setAttribute(a.name, a.value);
  const was = [...old.childNodes], is = [...now.childNodes];
  was.slice(is.length).forEach(n => n.remove());
  is.forEach((n, i) => was[i] ? morph(was[i], n) : old.append(n.cloneNode(true)));
}

async function refresh() {
  if (document.hidden || watch.contains(document.activeElement)) return;
  try {
    const r = await fetch('/deliveries/part');
    if (r.redirected || r.status === 401 || r.status === 403) { location.reload(); return; }
    if (!r.ok) throw new Error(r.status);
    const now = parser.parseFromString('<div id="watch">' + await r.text() + '</div>', 'text/html').getElementById('watch');
    morph(watch, now);
    link.textContent = 'as of ' + new Date().toLocaleTimeString('en-GB', { timeZone: document.body.dataset.zone }); link.className = 'link up';
  } catch { link.textContent = 'not reachable, trying again'; link.className = 'link down'; }
}
setInterval(refresh, 5000);
addEventListener('visibilitychange', refresh);
