// A time line with lanes: pointing or arrow keys read any point.
import './app.js';

export const axis = document.getElementById('axis');
const read = document.getElementById('read');
const knots = axis.dataset.knots.split(' ').map(k => k.split(':').map(Number));
export const left = knots[0][1], right = knots[knots.length - 1][1], total = knots[knots.length - 1][0];

// between maps a value from column i of the knots to column j.
function between(v, i, j) {
  v = Math.min(Math.max(v, knots[0][i]), knots[knots.length - 1][i]);
  let n = 1;
  while (n < knots.length - 1 && v > knots[n][i]) n++;
  const a = knots[n - 1], b = knots[n];
  return a[j] + (b[j] - a[j]) * (v - a[i]) / (b[i] - a[i]);
}
export const toX = ms => between(ms, 0, 1);
export const toMS = x => between(x, 1, 0);
const clock = ms => ms < 3600000 ? '+' + (ms / 1000).toFixed(2) + ' s' : '+' + (ms / 3600000).toFixed(1) + ' h';

export function place(e) {
  const p = new DOMPoint(e.clientX, e.clientY).matrixTransform(axis.getScreenCTM().inverse());
  return p.x;
}

const points = [...axis.querySelectorAll('.pt')].sort((a, b) => a.dataset.ms - b.dataset.ms);
let at = -1;
export const point = () => points[at];

function show(i) {
  points[at]?.classList.remove('on');
  at = i;
  const p = points[at];
  if (!p) return;
  p.classList.add('on');
  const say = p.getAttribute('aria-label'), cut = say.indexOf(': ');
  const b = document.createElement('b');
  b.textContent = say.slice(0, cut + 2);
  read.replaceChildren(b, say.slice(cut + 2));
}

axis.addEventListener('pointermove', e => {
  const p = e.target.closest('.pt');
  if (p) { show(points.indexOf(p)); return; }
  const x = place(e);
  if (x >= left && x <= right) read.textContent = clock(toMS(x));
});

axis.addEventListener('keydown', e => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
  if (step) { e.preventDefault(); show(Math.min(Math.max(at + step, 0), points.length - 1)); }
  if (e.key === 'Home') { e.preventDefault(); show(0); }
  if (e.key === 'End') { e.preventDefault(); show(points.length - 1); }
});
