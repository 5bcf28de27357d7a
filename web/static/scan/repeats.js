// What of all that the camera sees is a new scan. Pure: the clock is an argument.

// A symbol that left the view for this long is a new scan when it comes back.
export const GONE_MS = 2000;

// One pack often bears several symbols: the richest speaks for it.
const RANKS = ["]d2", "]d8", "]Q3", "]d1", "]Q1", "]C1", "]e0"];

// Return the one text that a picture holds; null where it holds none, and undefined where several
// packs are in it, of which we cannot tell which is meant.
export function chooseOne(texts) {
  const rank = (text) => {
    const found = RANKS.indexOf(text.slice(0, 3));
    return found < 0 ? RANKS.length : found;
  };
  const best = Math.min(...texts.map(rank));
  const left = new Set(texts.filter((text) => rank(text) === best));
  if (left.size > 1) return undefined;
  return left.size ? [...left][0] : null;
}

// Remembers what is in view, so that each showing of a pack is asked once.
export class Repeats {
  #seen = new Map();

  // Tell whether this is a new showing of the text.
  isNew(text, now) {
    for (const [other, at] of this.#seen) if (now - at > GONE_MS) this.#seen.delete(other);
    const isNew = !this.#seen.has(text);
    this.#seen.set(text, now);
    return isNew;
  }
}
