// The scan page: whatever is scanned, by a scanner that types, by hand or by the camera, stands in
// one queue and is asked in turn with the page's own form. Without this file the form still works.

import { Basket } from "./basket.js";
import { Camera } from "./camera.js";

const LISTED_MAX = 20;
const GS = "\x1d";
const ANSWER_TIMEOUT_MS = 20000;
const HINTS = {
  idle: "Scanners that type work at any time, also beside the camera.",
  starting: "Starting the camera …",
  looking: "Hold the square symbol in the frame, a hand's width away.",
  several: "Several packs are in view. Show one at a time.",
  insecure: "The camera works over https only, or on this machine itself. Ask who runs this server.",
  denied: "The camera is not allowed. Allow it for this page in your browser's settings, then try again.",
  none: "This device has no camera. Use a scanner that types, or the keys.",
  busy: "The camera cannot be used now. Close what else uses it, then try again.",
  ended: "The camera went away. Connect it, then try again.",
  missing: "The camera's reader is not installed on this server. Its operator runs ./theriac doctor.",
};

const byId = (id) => document.getElementById(id);
const form = byId("form");
const field = byId("scan");
const answer = byId("answer");
const basket = new Basket(new FormData(form).get("csrfmiddlewaretoken"));

// --- asking ------------------------------------------------------------------------------------

const waiting = [];
let isAsking = false;

function take(text) {
  const question = new FormData(form).get("question");
  waiting.push({ text, question, line: listed(text) });
  askAll();
}

async function askAll() {
  if (isAsking) return;
  isAsking = true;
  while (waiting.length) await askOne(waiting.shift());
  isAsking = false;
}

async function askOne({ text, question, line }) {
  // Never leave the last pack's answer standing while the next one is asked.
  answer.setAttribute("aria-busy", "true");
  answer.replaceChildren(told("none", "…", "Asking", shown(text)));
  let found;
  try {
    found = await answerOf(text, question);
  } catch {
    found = told("unknown", "!", "Not asked", "The server did not answer.", "Scan it again.");
  }
  answer.replaceChildren(found);
  answer.removeAttribute("aria-busy");
  note(line, found);
  if (question === "take_in" && found.classList.contains("yes")) basket.add(text);
  navigator.vibrate?.(found.classList.contains("yes") ? 60 : [60, 60, 60]);
}

async function answerOf(text, question) {
  const body = new URLSearchParams(new FormData(form));
  body.set("scan", text);
  body.set("question", question);
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const response = await fetch(location.pathname, { method: "POST", body, signal });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const found = page.querySelector("#answer > .verdict");
  if (response.ok && found) return document.adoptNode(found);
  if (response.redirected || response.status === 403) {
    return told("unknown", "!", "Not asked", "You are logged out.", "Load this page again and log in.");
  }
  return told("unknown", "!", "Not asked", `The server refused (${response.status}).`, "Scan it again.");
}

function told(kind, sign, word, ...lines) {
  const section = document.createElement("section");
  section.className = `verdict ${kind}`;
  const head = document.createElement("p");
  head.className = "answer";
  head.append(span("sign", sign), " ", span("word", word));
  head.firstChild.setAttribute("aria-hidden", "true");
  section.append(head);
  lines.forEach((line, index) => {
    const paragraph = document.createElement("p");
    paragraph.className = index ? "next" : "text";
    paragraph.textContent = line;
    section.append(paragraph);
  });
  return section;
}

function span(kind, text) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
}

function shown(text) {
  return text.replaceAll(GS, " ").slice(0, 80);
}

// --- the list of what was scanned --------------------------------------------------------------

function listed(text) {
  const list = byId("scans");
  const line = byId("scanned").content.firstElementChild.cloneNode(true);
  line.querySelector(".code").textContent = shown(text);
  list.prepend(line);
  while (list.children.length > LISTED_MAX) list.lastElementChild.remove();
  byId("queue").hidden = false;
  return line;
}

function note(line, found) {
  line.className = found.className.replace("verdict ", "");
  line.querySelector(".mark").textContent = found.querySelector(".sign").textContent;
  line.querySelector(".word").textContent = found.querySelector(".word").textContent;
  line.querySelector(".text").textContent = found.querySelector(".text")?.textContent ?? "";
}

// --- scanners that type ------------------------------------------------------------------------

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  field.value = "";
  if (text) take(text);
});

// A scanner that types is heard wherever the focus is. Nothing else moves the focus.
document.addEventListener("keydown", (event) => {
  // Keyboards send the separator as Ctrl+], which a field would not take.
  if (event.ctrlKey && !event.altKey && (event.key === "]" || event.key === GS)) {
    event.preventDefault();
    field.focus();
    field.setRangeText(GS, field.selectionStart, field.selectionEnd, "end");
    return;
  }
  const isTyping = event.key.length === 1 && event.key !== " ";
  const isHeld = event.ctrlKey || event.altKey || event.metaKey;
  if (isTyping && !isHeld && !event.target.closest("input[type=text], select, textarea")) field.focus();
});

// --- the question, remembered on this device ---------------------------------------------------

// Browsers may refuse to remember: then nothing is remembered.
function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // as above
  }
}

const choices = [...form.elements.question];
const last = choices.find((choice) => choice.value === remembered("scan-question"));
if (last) last.checked = true;
for (const choice of choices) {
  choice.addEventListener("change", () => remember("scan-question", choice.value));
}

// --- the camera --------------------------------------------------------------------------------

const button = byId("camera-button");
const torch = byId("torch");
const device = byId("device");
let wasOn = false; // before the page went out of view

const camera = new Camera(byId("video"), {
  stream() {
    byId("view").hidden = false;
  },
  scan(text) {
    hint(text === undefined ? "several" : "looking");
    if (text !== undefined) take(text);
  },
  end: turnedOff,
});

function hint(name) {
  if (byId("hint").dataset.name === name) return;
  byId("hint").dataset.name = name;
  byId("hint").textContent = HINTS[name];
}

async function turnOn(id = remembered("scan-camera") ?? "") {
  button.disabled = true;
  torch.hidden = true;
  hint("starting");
  try {
    await camera.start(id);
    await offerWhatThereIs();
    button.textContent = "Stop the camera";
    hint("looking");
    if (document.hidden) outOfView();
  } catch (error) {
    turnedOff(error.reason ?? "busy");
  }
  button.disabled = false;
}

function turnedOff(reason) {
  camera.stop();
  byId("view").hidden = true;
  torch.hidden = true;
  byId("choice").hidden = true;
  button.textContent = "Use the camera";
  hint(reason);
}

async function offerWhatThereIs() {
  torch.hidden = !camera.hasTorch;
  torch.setAttribute("aria-pressed", "false");
  const devices = await camera.devices();
  const options = devices.map(([id, name]) => new Option(name, id, false, id === camera.device));
  device.replaceChildren(...options);
  byId("choice").hidden = devices.length < 2;
}

button.addEventListener("click", () => (camera.isOn ? turnedOff("idle") : turnOn()));
torch.addEventListener("click", async () => {
  const on = torch.getAttribute("aria-pressed") !== "true";
  await camera.setTorch(on);
  torch.setAttribute("aria-pressed", String(on));
});
device.addEventListener("change", () => {
  remember("scan-camera", device.value);
  turnOn(device.value);
});
function outOfView() {
  wasOn = camera.isOn;
  if (wasOn) turnedOff("idle");
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) outOfView();
  else if (wasOn) turnOn();
});

hint("idle");
button.disabled = false;
