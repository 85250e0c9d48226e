// The page of one lead: its time line can be read by pointing and by arrow keys.
import './axis.js';
