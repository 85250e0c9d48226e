// The time line of one call: a click plays the recording from there, and a line
// shows where it plays.
import { axis, left, place, point, toMS, toX } from './axis.js';

const audio = document.getElementById('audio'), line = document.getElementById('play');
const record = Number(axis.dataset.record);

axis.addEventListener('click', e => {
  if (!audio) return;
  const x = place(e);
  if (x >= left) play(toMS(x));
});

axis.addEventListener('keydown', e => {
  if ((e.key === 'Enter' || e.key === ' ') && audio) {
    e.preventDefault();
    audio.paused ? play(point() ? Number(point().dataset.ms) : record) : audio.pause();
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
