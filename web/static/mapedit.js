// The editor of a field map: what is typed is kept in the browser until it is
// published, and a problem's line can be gone to.
import './app.js';

const form = document.getElementById('editor'), text = document.getElementById('text'), draft = document.getElementById('draft');
const key = 'map ' + form.dataset.name, begun = text.value;
let sent = false;

const kept = () => { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } };
const keep = v => { try { v === null ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, JSON.stringify(v)); } catch { /* no room: the page still asks before it is left */ } };

if (new URLSearchParams(location.search).has('published')) keep(null);
const old = kept();
if (old && old.text !== text.value) draft.hidden = false;
document.getElementById('restore').addEventListener('click', () => { text.value = kept().text; draft.hidden = true; text.focus(); });
document.getElementById('forget').addEventListener('click', () => { keep(null); draft.hidden = true; });

text.addEventListener('input', () => { keep({ text: text.value, version: form.dataset.version }); draft.hidden = true; });
form.addEventListener('submit', () => { sent = true; });
addEventListener('pageshow', () => { sent = false; });
addEventListener('beforeunload', e => { if (!sent && text.value !== begun) e.preventDefault(); });

text.addEventListener('keydown', e => {
  if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); form.requestSubmit(form.querySelector('button:not([type]):not([formaction])')); }
});

// goTo selects a line and scrolls it into the middle.
function goTo(n) {
  const lines = text.value.split('\n'), from = lines.slice(0, n - 1).join('\n').length + (n > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(from, from + (lines[n - 1] || '').length);
  text.scrollTop = Math.max(0, (n - 1) * parseFloat(getComputedStyle(text).lineHeight) - text.clientHeight / 2);
}
form.addEventListener('click', e => {
  const a = e.target.closest('a[data-line]');
  if (a) { e.preventDefault(); goTo(Number(a.dataset.line)); }
});
