// The time line of one call: pointing or arrow keys read any point, a click
// plays the recording from there, and a line shows where it plays.
import './app.js';

const axis = document.getElementById('axis'), read = document.getElementById('read');
const audio = document.getElementById('audio'), line = document.getElementById('play');
const n = k => Number(axis.dataset[k]);
const total = n('total'), brk = n('break'), mid = n('mid'), left = n('left'), right = n('right'), record = n('record');

const toX = ms => {
  ms = Math.min(Math.max(ms, 0), total);
  if (!brk) return left + (right - left) * ms / total;
  return ms <= brk ? left + (mid - left) * ms / brk : mid + (right - mid) * (ms - brk) / (total - brk);
};
const toMS = x => {
  x = Math.min(Math.max(x, left), right);
  if (!brk) return (x - left) / (right - left) * total;
  return x <= mid ? (x - left) / (mid - left) * brk : brk + (x - mid) / (right - mid) * (total - brk);
};
const clock = ms => '+' + (ms / 1000).toFixed(2) + ' s';

function place(e) {
  const p = new DOMPoint(e.clientX, e.clientY).matrixTransform(axis.getScreenCTM().inverse());
  return p.x;
}

const points = [...axis.querySelectorAll('.pt')].sort((a, b) => a.dataset.ms - b.dataset.ms);
let at = -1;

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

axis.addEventListener('click', e => {
  if (!audio) return;
  const x = place(e);
  if (x >= left) play(toMS(x));
});

axis.addEventListener('keydown', e => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
  if (step) { e.preventDefault(); show(Math.min(Math.max(at + step, 0), points.length - 1)); }
  if (e.key === 'Home') { e.preventDefault(); show(0); }
  if (e.key === 'End') { e.preventDefault(); show(points.length - 1); }
  if ((e.key === 'Enter' || e.key === ' ') && audio) {
    e.preventDefault();
    audio.paused ? play(points[at] ? Number(points[at].dataset.ms) : record) : audio.pause();
  }
});

function play(ms) {
  const t = Math.max(0, (ms - record) / 1000);
  const go = () => { audio.currentTime = Math.min(t, audio.duration || t); audio.play().catch(() => {}); };
  if (audio.readyState >= 1) { go(); return; }
  audio.addEventListener('loadedmetadata', go, { once: true });
  audio.load();
}

function move() {
  const x = toX(audio.currentTime * 1000 + record);
  line.setAttribute('x1', x); line.setAttribute('x2', x);
  line.setAttribute('visibility', 'visible');
  if (!audio.paused) requestAnimationFrame(move);
}
audio?.addEventListener('play', move);
audio?.addEventListener('seeked', move);
