/* Keeps the head of the log fresh, without a reload; the page says the same without this. */
const PERIOD_MS = 5000;
const head = document.getElementById("head");
const pause = document.getElementById("pause");
const said = document.getElementById("said");
const newer = document.getElementById("newer");
const sizeOf = (place) => place.querySelector("[data-size]").dataset.size;
const shownFrom = sizeOf(head);
let paused = false;

async function refresh() {
  if (paused || document.hidden) return;
  let text;
  try {
    const answer = await fetch(head.dataset.address, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    text = await answer.text();
  } catch {
    said.textContent = "This server does not answer; what is shown may be old.";
    return;
  }
  const fresh = new DOMParser().parseFromString(text, "text/html").body;
  if (fresh.querySelector("[data-size]") === null || paused) return;
  const [before, after] = [sizeOf(head), sizeOf(fresh)];
  head.replaceChildren(...fresh.childNodes);
  newer.hidden = after === shownFrom;
  // Only what changed is told, not that time goes by.
  if (before !== after) said.textContent = `${after} leaves are signed now.`;
  else if (said.textContent.startsWith("This server")) said.textContent = "";
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  said.textContent = paused ? "The head is not refreshed." : "";
  refresh();
});
document.addEventListener("visibilitychange", refresh);
document.getElementById("live").hidden = false;
setInterval(refresh, PERIOD_MS);
